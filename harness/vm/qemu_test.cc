// SPDX-License-Identifier: Apache-2.0
#include "harness/vm/qemu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <string>
#include <vector>

#include "harness/vm/interrupt.h"

namespace bioscope {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string line(Profile profile, Accelerator accelerator) {
  MachineConfig config;
  config.profile = profile;
  config.accelerator = accelerator;
  config.kernel.boot_image = "/k";
  return shell_line(qemu_arguments(config, {"/i", "/c", "/p", "/w"}));
}

TEST(QemuArguments, DetCountsInstructionsAndNeverUsesKvm) {
  const std::string det = line(Profile::Det, Accelerator::Kvm);
  EXPECT_THAT(det, HasSubstr("-icount shift="));
  EXPECT_THAT(det, HasSubstr("sleep=off"));
  EXPECT_THAT(det, HasSubstr("-smp 1"));
  EXPECT_THAT(det, HasSubstr("clock=vm"));
  EXPECT_THAT(det, Not(HasSubstr("kvm")));
  EXPECT_THAT(det, Not(HasSubstr("-cpu max")));
}

TEST(QemuArguments, SmpHasTwoVcpusAndNoInstructionCount) {
  const std::string tcg = line(Profile::Smp, Accelerator::Tcg);
  EXPECT_THAT(tcg, HasSubstr("-smp 2"));
  EXPECT_THAT(tcg, HasSubstr("-accel tcg,thread=multi"));
  EXPECT_THAT(tcg, Not(HasSubstr("-icount")));
  EXPECT_THAT(line(Profile::Smp, Accelerator::Kvm), HasSubstr("-accel kvm"));
}

TEST(QemuArguments, NothingReachesTheGuestFromOutside) {
  for (const Profile profile : {Profile::Det, Profile::Smp}) {
    const std::string all = line(profile, Accelerator::Tcg);
    for (const char* part : {"-nodefaults", "-no-user-config", "-nic none", "-sandbox on",
                             "-no-reboot", "-display none"}) {
      EXPECT_THAT(all, HasSubstr(part));
    }
  }
}

TEST(QemuArguments, TheCallersKernelArgumentsComeLast) {
  MachineConfig config;
  config.kernel_arguments = {"mine=1", "yours=2"};
  const std::string command_line = kernel_command_line(config);
  EXPECT_THAT(command_line, HasSubstr("nokaslr preempt=full"));
  EXPECT_TRUE(command_line.ends_with(" mine=1 yours=2")) << command_line;
  EXPECT_THAT(command_line, Not(HasSubstr(" quiet")));
}

TEST(QemuArguments, AShellReadsTheLineAsItWasMeant) {
  EXPECT_EQ(shell_line({"a", "b c", "d'e", "", "$f"}), "a 'b c' 'd'\\''e' '' '$f'");
}

TEST(Interrupt, IsSeenByAllAndStays) {
  Interrupt interrupt;
  pollfd fd{interrupt.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&fd, 1, 0), 0);
  EXPECT_FALSE(interrupt.raised());
  interrupt.raise();
  interrupt.raise();
  for (int look = 0; look < 2; ++look) {
    EXPECT_TRUE(interrupt.raised());
    EXPECT_EQ(poll(&fd, 1, 0), 1);
  }
}

}  // namespace
}  // namespace bioscope

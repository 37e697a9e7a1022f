// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/blame.h"

#include <gtest/gtest.h>

#include <string>

namespace bioscope {
namespace {

const std::string kInitDied =
    "[    0.000000] Linux version 6.1.0\n"
    "[    2.000000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\n"
    "[    2.000001] Call Trace:\n"
    "[    2.000002]  do_exit+0x1/0x2\n";

TEST(Blame, ASwitchedOffGuestTellsNothing) {
  EXPECT_FALSE(is_kernels_doing(MachineEnd::PoweredOff, ""));
  EXPECT_FALSE(is_kernels_doing(MachineEnd::QemuDied, ""));
  EXPECT_TRUE(is_kernels_doing(MachineEnd::Panic, ""));
  EXPECT_TRUE(is_kernels_doing(MachineEnd::Silence, ""));
}

TEST(Blame, ADeadAgentNeedsASplatOfTheKernel) {
  EXPECT_FALSE(is_kernels_doing(MachineEnd::AgentDied, kInitDied));
  const std::string oops =
      "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000000\n"
      "[    1.000001] RIP: 0010:origin_map+0x1/0x2 [dm_snapshot]\n"
      "[    1.000002] ---[ end trace 0000000000000000 ]---\n";
  EXPECT_TRUE(is_kernels_doing(MachineEnd::AgentDied,
                               "[    0.000000] Linux version 6.1.0\n" + oops + kInitDied));
}

}  // namespace
}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "harness/cli/machine_room.h"

#include <fmt/format.h>

#include <csignal>
#include <utility>

#include "harness/kernel/fetch.h"
#include "harness/kernel/image.h"

namespace bioscope {
namespace {

Interrupt& the_interrupt() {
  static Interrupt interrupt;
  return interrupt;
}

void on_signal(int) {
  the_interrupt().raise();
}

}  // namespace

const Interrupt& interrupt_by_signals() {
  Interrupt& interrupt = the_interrupt();
  struct sigaction action{};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  return interrupt;
}

Result<MachineRoom> MachineRoom::open(const House& house, const KernelChoice& choice,
                                      const std::vector<std::string>& profiles,
                                      const Interrupt& interrupt,
                                      const std::function<void(std::string_view)>& say) {
  MachineRoom room;
  auto kernel =
      choice.kernel == "debian" ? fetch_debian_kernel(say) : open_kernel_file(choice.kernel);
  if (!kernel) return std::unexpected(kernel.error());
  room.kernel_ = std::move(*kernel);
  if (choice.kernel == "debian") {
    if (auto one = check_build_packages(room.kernel_); !one) return std::unexpected(one.error());
  }
  KernelSubjectConfig config;
  config.parts = {room.kernel_, choice.modules, house.agent, house.probe};
  config.interrupt = &interrupt;
  for (const std::string& profile : profiles) {
    if (room.subjects_.contains(profile)) continue;
    config.profile = profile == "smp" ? Profile::Smp : Profile::Det;
    auto subject = KernelSubject::create(config);
    if (!subject) return std::unexpected(subject.error());
    if (config.profile == Profile::Smp) subject->choose_accelerator(say);
    room.replaced_modules_ = subject->image().replaced_modules;
    room.subjects_[profile] = std::make_unique<KernelSubject>(std::move(*subject));
  }
  return room;
}

std::string MachineRoom::description() const {
  if (kernel_.version.empty()) return fmt::format("kernel {}", kernel_.release);
  return fmt::format("kernel {} ({})", kernel_.release, kernel_.version);
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/blame.h"

#include <algorithm>

#include "harness/vm/splat.h"

namespace bioscope {
namespace {

// Something with a stack of its own, before the panic that tells of PID 1's end.
bool has_kernel_splat(std::string_view console) {
  const ConsoleScan scan = scan_console(console, {});
  return std::ranges::any_of(scan.splats, [](const Splat& splat) {
    return splat.category != "panic" && splat.category != "oom" && !splat.symbol.empty();
  });
}

}  // namespace

bool is_kernels_doing(MachineEnd end, std::string_view console) {
  switch (end) {
    case MachineEnd::Panic:
    case MachineEnd::Silence:
      return true;
    case MachineEnd::AgentDied:
      return has_kernel_splat(console);
    case MachineEnd::PoweredOff:  // QEMU ends so on a signal too
    case MachineEnd::Finished:
    case MachineEnd::EarlyBootHang:
    case MachineEnd::NoOutput:
    case MachineEnd::TooLong:
    case MachineEnd::Flood:
    case MachineEnd::Refused:
    case MachineEnd::QemuDied:
    case MachineEnd::QemuMissing:
    case MachineEnd::Interrupted:
      return false;
  }
  return false;
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// The command line of QEMU, in full: what is not on it is not in the machine.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/kernel/kernel.h"

namespace bioscope {

enum class Profile {
  Det,  // one vCPU, instruction-counted, no KVM: a run repeats to the bit
  Smp   // two vCPUs in parallel
};

enum class Accelerator { Tcg, Kvm };

struct MachineConfig {
  Profile profile = Profile::Det;
  Accelerator accelerator = Accelerator::Tcg;  // ignored in profile Det
  std::string qemu = "qemu-system-x86_64";     // found on PATH unless it has a slash
  Kernel kernel;
  std::string initramfs;                      // its bytes: Initramfs::build() + build_traces()
  std::vector<std::string> kernel_arguments;  // behind those of the profile
  unsigned memory_mib = 512;
};

// Where QEMU reads and writes.
struct MachineFiles {
  std::string initramfs;
  std::string console;
  std::string port;    // receives what the guest writes to kChannelPort
  std::string window;  // kWindowBytes, shared with the guest; see models/channel/window.h
};

// argv of QEMU, program first.
std::vector<std::string> qemu_arguments(const MachineConfig& config, const MachineFiles& files);

// The kernel's command line.
std::string kernel_command_line(const MachineConfig& config);

// The arguments as a person would type them into a shell.
std::string shell_line(const std::vector<std::string>& arguments);

}  // namespace bioscope

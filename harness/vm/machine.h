// SPDX-License-Identifier: Apache-2.0
// Runs one guest to its end and says how it ended. The host only listens: nothing goes into the
// guest before the verdict, so a run in profile Det depends on kernel, initramfs and command line
// alone.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/vm/interrupt.h"
#include "harness/vm/qemu.h"
#include "models/base/result.h"
#include "models/base/types.h"

namespace bioscope {

// What the listener makes of what the guest has said on the channel.
enum class ChannelState {
  Open,    // more is expected
  Done,    // the agent said that all is done; the guest is to power off
  Refused  // what came is no message, or nobody wants more: the guest is ended at once
};

struct MachineListener {
  std::function<ChannelState(std::string_view new_bytes)> channel;
  std::function<void(std::string_view new_bytes)> console;  // may be empty
};

// All in milliseconds. In profile Det a guest is silent only when QEMU has also used that much
// processor time, so that a busy host is not taken for a hung guest; five times as much of the
// clock is the end in any case.
struct MachineLimits {
  u32 boot_ms = 60'000;       // to the first byte on the channel
  u32 silence_ms = 30'000;    // without a byte on console or channel
  u32 power_off_ms = 10'000;  // from Done to the end of QEMU
  u32 total_ms = 600'000;
  u64 console_bytes_max = u64{32} << 20;
  u64 channel_bytes_max = u64{64} << 20;
};

enum class MachineEnd {
  Finished,       // the agent was done and the guest powered off
  Panic,          // Kernel panic on the console
  AgentDied,      // the panic was that PID 1 ended
  EarlyBootHang,  // the kernel printed something, the agent never spoke
  NoOutput,       // nothing on the console at all
  Silence,        // the agent spoke, then nothing came any more
  PoweredOff,     // the guest ended without the agent being done and without a panic
  TooLong,        // total_ms
  Flood,          // more than console_bytes_max or channel_bytes_max
  Refused,        // the listener refused
  QemuDied,       // exit status or signal of QEMU
  QemuMissing,    // there is no such program
  Interrupted     // Interrupt was raised
};

std::string_view to_string(MachineEnd end);

struct MachineReport {
  MachineEnd end = MachineEnd::QemuDied;
  // What happened and what to do, without a measured time; empty when Finished.
  std::string sentence;
  bool agent_spoke = false;
  bool agent_done = false;
  std::string console;  // up to the verdict
  // Only after a hang: registers, sysrq-w and sysrq-t, called up from outside.
  std::string evidence;
  std::vector<std::string> command_line;  // as started; the files are /proc/self/fd/N
  std::string qemu_messages;
  u64 boot_ms = 0;  // wall time to the first byte on the channel
  u64 wall_ms = 0;
  u64 cpu_ms = 0;  // of QEMU
};

// Blocks until the guest has ended; QEMU is gone when it returns. Safe in several threads at once.
// Could not judge: the host has no process, descriptor or memory left.
Result<MachineReport> run_machine(const MachineConfig& config, const MachineLimits& limits,
                                  const MachineListener& listener,
                                  const Interrupt* interrupt = nullptr);

// For profile Smp: KVM if a guest of this config really boots with it within a few seconds, else
// TCG, and then `say` hears one line. /dev/kvm alone proves nothing.
Accelerator choose_accelerator(const MachineConfig& config,
                               const std::function<void(std::string_view)>& say,
                               const Interrupt* interrupt = nullptr);

}  // namespace bioscope

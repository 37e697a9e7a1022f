// SPDX-License-Identifier: Apache-2.0
#include "harness/vm/machine.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>

#include "harness/vm/hang_evidence.h"
#include "harness/vm/qemu_process.h"

namespace bioscope {
namespace {

constexpr u64 kWaitMsMax = 250;      // how late a limit may be noticed
constexpr u64 kBusyHostFactor = 5;   // see MachineLimits
constexpr u32 kProbeBootMs = 6'000;  // a guest with working KVM boots in about one second

u64 now_ms() {
  return static_cast<u64>(std::chrono::duration_cast<std::chrono::milliseconds>(
                              std::chrono::steady_clock::now().time_since_epoch())
                              .count());
}

class Run {
 public:
  Run(const MachineConfig& config, const MachineLimits& limits, const MachineListener& listener,
      const Interrupt* interrupt, QemuProcess& process, MachineReport& report)
      : config_(config),
        limits_(limits),
        listener_(listener),
        interrupt_(interrupt),
        process_(process),
        report_(report) {}

  void play() {
    start_ms_ = last_byte_ms_ = now_ms();
    std::optional<MachineEnd> end;
    while (!end) {
      process_.wait(interrupt_ != nullptr ? interrupt_->fd() : -1, static_cast<int>(kWaitMsMax));
      end = look();
    }
    report_.end = *end;
    report_.wall_ms = now_ms() - start_ms_;
    const bool hung = *end == MachineEnd::EarlyBootHang || *end == MachineEnd::Silence ||
                      *end == MachineEnd::TooLong;
    if (hung && !process_.ended()) report_.evidence = collect_hang_evidence(process_, interrupt_);
    report_.cpu_ms = process_.cpu_ms();
    process_.kill_now();
    report_.qemu_messages = process_.messages();
    report_.sentence = sentence();
  }

 private:
  std::optional<MachineEnd> look() {
    if (interrupt_ != nullptr && interrupt_->raised()) return MachineEnd::Interrupted;
    // The end is asked for first: what was written before it is then read completely.
    const std::optional<ProcessEnd> process_end = process_.ended();
    if (const std::optional<MachineEnd> end = take_output()) return end;
    if (process_end) return after_exit(*process_end);
    return check_limits();
  }

  std::optional<MachineEnd> take_output() {
    const std::string console = process_.new_console();
    const std::string channel = process_.new_channel();
    if (!console.empty() || !channel.empty()) {
      last_byte_ms_ = now_ms();
      last_byte_cpu_ms_ = process_.cpu_ms();
    }
    report_.console += console;
    channel_bytes_ += channel.size();
    if (!console.empty() && listener_.console) listener_.console(console);
    if (!channel.empty()) {
      if (!report_.agent_spoke) report_.boot_ms = last_byte_ms_ - start_ms_;
      report_.agent_spoke = true;
      const ChannelState state =
          listener_.channel ? listener_.channel(channel) : ChannelState::Open;
      if (state == ChannelState::Refused) return MachineEnd::Refused;
      if (state == ChannelState::Done && !report_.agent_done) {
        report_.agent_done = true;
        done_ms_ = last_byte_ms_;
      }
    }
    if (report_.console.size() > limits_.console_bytes_max ||
        channel_bytes_ > limits_.channel_bytes_max) {
      return MachineEnd::Flood;
    }
    return std::nullopt;
  }

  // The newest panic decides; nothing else on the console ends a run.
  std::optional<MachineEnd> panic() const {
    const std::size_t at = report_.console.rfind("Kernel panic - not syncing");
    if (at == std::string::npos) return std::nullopt;
    const std::string_view line =
        std::string_view(report_.console).substr(at, report_.console.find('\n', at) - at);
    return line.find("Attempted to kill init") != std::string_view::npos ? MachineEnd::AgentDied
                                                                         : MachineEnd::Panic;
  }

  MachineEnd after_exit(const ProcessEnd& process_end) {
    process_end_ = process_end;
    if (process_end.by_signal || process_end.number != 0) return MachineEnd::QemuDied;
    if (const std::optional<MachineEnd> end = panic()) return *end;
    if (report_.agent_done) return MachineEnd::Finished;
    return report_.console.empty() ? MachineEnd::NoOutput : MachineEnd::PoweredOff;
  }

  bool passed(u64 since_ms, u64 since_cpu_ms, u64 limit_ms) const {
    const u64 wall_ms = now_ms() - since_ms;
    if (wall_ms <= limit_ms) return false;
    if (config_.profile == Profile::Smp || wall_ms > kBusyHostFactor * limit_ms) return true;
    return process_.cpu_ms() - since_cpu_ms > limit_ms;
  }

  std::optional<MachineEnd> check_limits() const {
    const bool silent = passed(last_byte_ms_, last_byte_cpu_ms_, limits_.silence_ms);
    if (!report_.agent_spoke) {
      if (!silent && !passed(start_ms_, 0, limits_.boot_ms)) return std::nullopt;
      if (const std::optional<MachineEnd> end = panic()) return end;
      return report_.console.empty() ? MachineEnd::NoOutput : MachineEnd::EarlyBootHang;
    }
    const bool stuck_at_the_end =
        report_.agent_done && passed(done_ms_, last_byte_cpu_ms_, limits_.power_off_ms);
    if (silent || stuck_at_the_end) return panic().value_or(MachineEnd::Silence);
    if (now_ms() - start_ms_ > limits_.total_ms) return panic().value_or(MachineEnd::TooLong);
    return std::nullopt;
  }

  std::string last_console_line() const {
    std::string_view text = report_.console;
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    return std::string(text.substr(text.rfind('\n') + 1));
  }

  std::string sentence() const {
    switch (report_.end) {
      case MachineEnd::Finished:
        return {};
      case MachineEnd::Panic:
        return fmt::format("the guest's kernel panicked; its last words are in the console log: {}",
                           last_console_line());
      case MachineEnd::AgentDied:
        return "PID 1 of the guest ended and the kernel panicked; the console log shows its end";
      case MachineEnd::EarlyBootHang:
        return fmt::format(
            "the guest did not reach its agent within {} ms; the last line on its "
            "console is: {}",
            limits_.boot_ms, last_console_line());
      case MachineEnd::NoOutput:
        return fmt::format(
            "the guest printed nothing on its console within {} ms; is it an x86-64 "
            "kernel with CONFIG_SERIAL_8250_CONSOLE?",
            limits_.boot_ms);
      case MachineEnd::Silence:
        return "nothing came from the guest any more; the tasks that it had then are in "
               "evidence.log";
      case MachineEnd::PoweredOff:
        return fmt::format(
            "the guest ended before its agent was done; the last line on its "
            "console is: {}",
            last_console_line());
      case MachineEnd::TooLong:
        return fmt::format("the guest was ended after {} ms, its time limit; take a smaller suite",
                           limits_.total_ms);
      case MachineEnd::Flood:
        return fmt::format(
            "the guest was ended since it wrote more than {} bytes to its console or {} to its "
            "channel, which no sound guest does",
            limits_.console_bytes_max, limits_.channel_bytes_max);
      case MachineEnd::Refused:
        return "the guest was ended since what its agent wrote is no message";
      case MachineEnd::QemuDied:
        return fmt::format(
            "QEMU was {} {}{}{}; run the command line of the report by hand to see "
            "why",
            process_end_.by_signal ? "killed by signal" : "ended with status", process_end_.number,
            report_.qemu_messages.empty() ? "" : ", saying: ",
            report_.qemu_messages.substr(0, report_.qemu_messages.find('\n')));
      case MachineEnd::QemuMissing:
        return fmt::format("there is no program {}; run ci/setup", config_.qemu);
      case MachineEnd::Interrupted:
        return "interrupted; the guest was ended and nothing was judged";
    }
    return {};
  }

  const MachineConfig& config_;
  const MachineLimits& limits_;
  const MachineListener& listener_;
  const Interrupt* interrupt_;
  QemuProcess& process_;
  MachineReport& report_;
  ProcessEnd process_end_;
  u64 start_ms_ = 0;
  u64 last_byte_ms_ = 0;
  u64 last_byte_cpu_ms_ = 0;
  u64 done_ms_ = 0;
  u64 channel_bytes_ = 0;
};

}  // namespace

std::string_view to_string(MachineEnd end) {
  switch (end) {
    case MachineEnd::Finished:
      return "finished";
    case MachineEnd::Panic:
      return "panic";
    case MachineEnd::AgentDied:
      return "agent died";
    case MachineEnd::EarlyBootHang:
      return "early boot hang";
    case MachineEnd::NoOutput:
      return "no output";
    case MachineEnd::Silence:
      return "silence";
    case MachineEnd::PoweredOff:
      return "powered off early";
    case MachineEnd::TooLong:
      return "too long";
    case MachineEnd::Flood:
      return "flood";
    case MachineEnd::Refused:
      return "refused";
    case MachineEnd::QemuDied:
      return "QEMU died";
    case MachineEnd::QemuMissing:
      return "QEMU missing";
    case MachineEnd::Interrupted:
      return "interrupted";
  }
  return "unknown";
}

Result<MachineReport> run_machine(const MachineConfig& config, const MachineLimits& limits,
                                  const MachineListener& listener, const Interrupt* interrupt) {
  MachineReport report;
  const std::optional<std::string> program = find_program(config.qemu);
  if (!program) {
    report.end = MachineEnd::QemuMissing;
    report.sentence =
        fmt::format("there is no program {}; run ci/setup, or install the package qemu-system-x86",
                    config.qemu);
    return report;
  }
  Result<QemuProcess> process = QemuProcess::start(config, *program);
  if (!process) return std::unexpected(process.error());
  report.command_line = process->command_line();
  Run(config, limits, listener, interrupt, *process, report).play();
  return report;
}

Accelerator choose_accelerator(const MachineConfig& config,
                               const std::function<void(std::string_view)>& say,
                               const Interrupt* interrupt) {
  if (config.profile == Profile::Det) return Accelerator::Tcg;
  const auto fall_back = [&](std::string_view why) {
    if (say) say(fmt::format("profile smp runs without KVM: {}", why));
    return Accelerator::Tcg;
  };
  if (access("/dev/kvm", R_OK | W_OK) != 0) return fall_back("/dev/kvm cannot be opened");
  MachineConfig probe = config;
  probe.accelerator = Accelerator::Kvm;
  const MachineLimits limits{
      .boot_ms = kProbeBootMs, .silence_ms = kProbeBootMs / 2, .total_ms = kProbeBootMs};
  const MachineListener listener{.channel = [](std::string_view) { return ChannelState::Refused; },
                                 .console = {}};
  const Result<MachineReport> report = run_machine(probe, limits, listener, interrupt);
  if (report && report->agent_spoke) return Accelerator::Kvm;
  return fall_back("a guest does not boot with it");
}

}  // namespace bioscope

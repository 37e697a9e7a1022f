// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/kernel_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "harness/subject/blame.h"
#include "harness/subject/guest_log.h"
#include "harness/vm/initramfs.h"
#include "models/trace/codec.h"
#include "models/trace/lower.h"

namespace bioscope {
namespace {

// Guest time within which an operation has to return. A waiting guest spends it at once in profile
// Det; a spinning one has to live through it.
constexpr u32 kOperationBoundMs = 5000;

Assignment assignment_of(std::span<const BatchJob> jobs, std::span<const std::size_t> waiting,
                         const BatchOutcome& outcome) {
  Assignment assignment;
  for (const std::size_t index : waiting) {
    assignment.traces.push_back(
        {jobs[index].job.name, outcome.plays[index].trace, jobs[index].seed, kOperationBoundMs});
  }
  return assignment;
}

void settle_report(Play& play, const TraceReport& report, Capabilities can) {
  const Capabilities missing = needed_by(play.trace).without(can);
  if (!missing.empty()) {
    play.end = PlayEnd::NotPlayed;
    play.reason = "the guest lacks " + to_text(missing);
    return;
  }
  if (report.history.trace != hash_of(play.trace)) {
    play.end = PlayEnd::NotJudged;
    play.reason = "the guest reports another trace than the one it was given";
    return;
  }
  play.end = PlayEnd::Played;
  play.history = report.history;
}

// The console from the mark on that the agent writes when a trace begins.
std::string console_since(const std::string& console, const std::string& trace_name) {
  const std::size_t mark = console.rfind("bioscope: trace " + trace_name + " begin");
  if (mark == std::string::npos) return console;
  const std::size_t line = console.rfind('\n', mark);
  return console.substr(line == std::string::npos ? 0 : line + 1);
}

}  // namespace

Result<KernelSubject> KernelSubject::create(KernelSubjectConfig config) {
  auto image = build_guest_image(config.parts);
  if (!image) return std::unexpected(image.error());
  return KernelSubject(std::move(config), std::move(*image));
}

MachineConfig KernelSubject::machine_with(const std::string& traces) const {
  MachineConfig machine;
  machine.profile = config_.profile;
  machine.accelerator = config_.accelerator;
  machine.qemu = config_.qemu;
  machine.kernel = config_.parts.kernel;
  machine.initramfs = image_.archive + traces;
  return machine;
}

void KernelSubject::choose_accelerator(const std::function<void(std::string_view)>& say) {
  const auto traces = Initramfs::build_traces({});
  if (!traces) return;
  config_.accelerator = bioscope::choose_accelerator(machine_with(*traces), say, config_.interrupt);
}

Result<History> KernelSubject::play(const Job& job) {
  const BatchJob one{job, job.trace.seed};
  BatchOutcome outcome = play(std::span(&one, 1), {});
  Play& play = outcome.plays.front();
  switch (play.end) {
    case PlayEnd::Played:
      return std::move(play.history);
    case PlayEnd::GuestLost:
      play.history.end = HistoryEnd::Crashed;
      play.history.note = play.reason;
      return std::move(play.history);
    case PlayEnd::NotPlayed:
    case PlayEnd::NotJudged:
      break;
  }
  return could_not_judge(play.reason);
}

BatchOutcome KernelSubject::play(std::span<const BatchJob> jobs, const OnPlayed& on_played) {
  BatchOutcome outcome;
  outcome.plays.resize(jobs.size());
  std::vector<std::size_t> waiting;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    Play& play = outcome.plays[i];
    auto lowered = lower_interpose(jobs[i].job.trace);
    const Capabilities missing =
        lowered ? needed_by(*lowered).without(image_.can_at_most) : Capabilities();
    if (lowered && missing.empty()) {
      play.trace = std::move(*lowered);
      waiting.push_back(i);
      continue;
    }
    play.trace = jobs[i].job.trace;
    play.end = PlayEnd::NotPlayed;
    play.reason = lowered ? "the guest lacks " + to_text(missing) : lowered.error().message;
    if (on_played) on_played(i);
  }
  for (std::span<const std::size_t> rest = waiting; !rest.empty();) {
    const std::size_t settled = play_boot(jobs, rest, on_played, outcome);
    assert(settled > 0 && settled <= rest.size());
    rest = rest.subspan(settled);
  }
  return outcome;
}

std::size_t KernelSubject::play_boot(std::span<const BatchJob> jobs,
                                     std::span<const std::size_t> waiting,
                                     const OnPlayed& on_played, BatchOutcome& outcome) {
  const std::size_t boot_index = outcome.boots.size();
  std::size_t told = 0;  // traces whose end was passed on; they end in order
  const auto give_up = [&](std::size_t from, const std::string& why) {
    outcome.trouble = why;
    for (std::size_t i = from; i < waiting.size(); ++i) {
      Play& play = outcome.plays[waiting[i]];
      play.end = PlayEnd::NotJudged;
      play.reason = why;
      if (boot_index < outcome.boots.size()) play.boot = boot_index;
      if (i >= told && on_played) on_played(waiting[i]);
    }
    return waiting.size();
  };

  const std::vector<u8> bytes = encode(assignment_of(jobs, waiting, outcome));
  auto traces = Initramfs::build_traces(
      std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  if (!traces) return give_up(0, traces.error().message);

  const MachineConfig machine = machine_with(*traces);

  GuestLog log(waiting.size());
  const auto listen = [&](std::string_view new_bytes) {
    log.feed(new_bytes);
    while (told < waiting.size() && log.report(told)) {
      if (on_played) on_played(waiting[told]);
      ++told;
    }
    if (!log.trouble().empty()) return ChannelState::Refused;
    return log.done() ? ChannelState::Done : ChannelState::Open;
  };
  auto report = run_machine(machine, config_.limits, {listen, {}}, config_.interrupt);
  if (!report) return give_up(told, report.error().message);

  Boot boot;
  boot.ending = log.unfit() ? "given up after a trace" : std::string(to_string(report->end));
  boot.command_line = shell_line(report->command_line);
  boot.initramfs = Hash::of(machine.initramfs);
  boot.console = report->console;
  boot.evidence = report->evidence;
  boot.traces = static_cast<u32>(told);
  boot.agent_spoke = log.greeting().has_value();
  boot.wall_ms = report->wall_ms;
  boot.boot_wall_ms = report->boot_ms;
  if (log.greeting()) {
    boot.guest_boot_ns = log.greeting()->uptime_ns;
    outcome.can = log.greeting()->can;
  }
  outcome.boots.push_back(std::move(boot));
  const std::string& release = config_.parts.kernel.release;
  if (log.greeting() && log.greeting()->kernel_release != release) {
    return give_up(0, fmt::format("the guest runs the kernel {} and not {}; name the kernel that "
                                  "is meant with --kernel",
                                  log.greeting()->kernel_release, release));
  }

  for (std::size_t i = 0; i < told; ++i) {
    Play& play = outcome.plays[waiting[i]];
    play.boot = boot_index;
    settle_report(play, *log.report(i), outcome.can);
    if (play.end == PlayEnd::Played && play.history.end != HistoryEnd::Completed) {
      play.console = console_since(report->console, jobs[waiting[i]].job.name);
      play.evidence = report->evidence;
    }
  }
  if (report->end == MachineEnd::Interrupted) {
    outcome.interrupted = true;
    return give_up(told, "interrupted");
  }
  if (log.unfit()) return told;
  if (!log.trouble().empty()) return give_up(told, log.trouble());
  if (report->end == MachineEnd::Finished) {
    return told == waiting.size()
               ? told
               : give_up(told, "the guest ended without having played all that it was given");
  }
  if (!log.greeting() || !is_kernels_doing(report->end, report->console)) {
    return give_up(told, report->sentence);
  }

  // The guest was lost: to the trace in progress, or else to the last that ended.
  const std::size_t lost = log.in_progress().value_or(told == 0 ? 0 : told - 1);
  Play& play = outcome.plays[waiting[lost]];
  play.end = PlayEnd::GuestLost;
  play.boot = boot_index;
  play.ending = to_string(report->end);
  play.reason = report->sentence;
  play.console = console_since(report->console, jobs[waiting[lost]].job.name);
  play.evidence = report->evidence;
  if (lost >= told && on_played) on_played(waiting[lost]);
  return std::max(lost + 1, told);
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/player.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <chrono>
#include <memory>
#include <semaphore>
#include <thread>
#include <utility>

#include "models/trace/codec.h"
#include "models/trace/order.h"
#include "vm-images/agent/boot.h"
#include "vm-images/agent/cleanup.h"
#include "vm-images/agent/clock.h"
#include "vm-images/agent/operations.h"
#include "vm-images/agent/thread_priority.h"

namespace bioscope {
namespace {

constexpr u64 kBoundaryNs = 10 * kMillisecondNs;
constexpr u32 kDefaultBoundMs = 10'000;
// A submission that blocks for so long is left alone.
constexpr u64 kHandOverNs = 100 * kMillisecondNs;
constexpr u64 kForeverNs = 3'600'000 * kMillisecondNs;

// The seed has something to decide: lanes, or operations that go on beside them.
bool is_concurrent(const Trace& trace) {
  if (trace.lanes.size() > 1) return true;
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      if (operation.async) return true;
    }
  }
  return false;
}

}  // namespace

struct Player::Show {
  Show(u32 trace_index, const AssignedTrace& assigned_trace)
      : index(trace_index),
        assigned(assigned_trace),
        trace(assigned_trace.trace),
        recorder(trace),
        stage{trace, {}, {}, {}} {}

  u32 index;
  const AssignedTrace& assigned;
  const Trace& trace;
  Recorder recorder;
  Stage stage;
  std::optional<Script> script;
  std::vector<Count> before;
  u64 bound_ns = 0;
  u64 start_ns = 0;
  std::atomic<std::size_t> lanes_left{0};
  std::mutex running_mutex;
  std::map<OperationId, pid_t> running;  // threads of operations that can be signalled
};

Player::Player(ChannelWriter& channel, DiskServer& server, Capabilities can, Modules& modules)
    : channel_(channel),
      server_(server),
      can_(can),
      modules_(modules),
      scheduler_(workers_),
      watchdog_(workers_),
      null_disks_(make_null_disks()),
      loop_disks_(make_loop_disks()),
      scsi_disks_(make_scsi_disks(modules.scsi_debug_path())),
      controlled_disks_(server) {
  if (can_.has(Capability::Probe)) {
    if (auto opened = Probe::open()) probe_.emplace(std::move(*opened));
    if (!probe_) can_.drop(Capability::Probe);  // another ABI: as if it were not there
  }
  std::thread([this] { follow_notices(); }).detach();
}

void Player::follow_notices() {
  set_priority(0, kNoticePriority);
  while (const auto notice = server_.next_notice()) {
    const std::lock_guard lock(show_mutex_);
    if (show_ != nullptr) show_->recorder.notice(notice->kind, notice->step);
  }
}

std::optional<std::string> Player::refusal(const Trace& trace) const {
  const Capabilities missing = needed_by(trace).without(can_);
  if (!missing.empty()) return fmt::format("the guest cannot do: {}", to_text(missing));
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      if (auto why = not_playable(operation, can_.has(Capability::Probe))) return why;
    }
  }
  return std::nullopt;
}

Result<void> Player::set_up(Show& show) {
  if (const auto why = refusal(show.trace)) return could_not_judge(*why);
  if (auto done = modules_.load_for(show.trace); !done) return done;
  show.stage.server = &server_;
  show.stage.probe = probe_ ? &*probe_ : nullptr;
  show.stage.controlled = &controlled_disks_;
  for (const Disk& disk : show.trace.disks) {
    DiskSource* source = nullptr;
    switch (disk.kind) {
      case DiskKind::Null:
        source = null_disks_.get();
        break;
      case DiskKind::Controlled:
        source = &controlled_disks_;
        break;
      case DiskKind::Scsi:
        source = scsi_disks_.get();
        break;
      case DiskKind::Loop:
        source = loop_disks_.get();
        break;
    }
    Result<BlockDevice> device = source->provide(disk);
    if (!device) return std::unexpected(device.error());
    show.stage.devices.add(std::move(*device));
  }
  auto counts = take_counts(show.stage);
  if (!counts) return std::unexpected(counts.error());
  show.before = std::move(*counts);
  return {};
}

Player::Played Player::play(u32 index, const AssignedTrace& assigned) {
  Show show(index, assigned);
  Played played;
  History& history = played.report.history;
  played.report.index = index;
  history.trace = hash_of(assigned.trace);
  history.can = can_;
  show.bound_ns =
      u64{assigned.operation_bound_ms == 0 ? kDefaultBoundMs : assigned.operation_bound_ms} *
      kMillisecondNs;

  mark(fmt::format("trace {} begin", assigned.name));
  channel_.begin(index);
  sleep_to_boundary(kBoundaryNs);
  show.start_ns = now_ns();
  show.script.emplace(
      show.trace, [this](const std::string& disk) { return controlled_disks_.slot_of(disk); },
      [this](const DiskCommand& command) { return server_.command(command); });
  show.recorder.set_listener(
      [&show](EdgeKind kind, const std::string& label) { show.script->reached(kind, label); });

  if (auto ready = set_up(show); !ready) {
    history.end = HistoryEnd::NotJudged;
    history.note = ready.error().message;
  } else {
    {
      const std::lock_guard lock(show_mutex_);
      show_ = &show;
    }
    watchdog_.begin(show.bound_ns, show.recorder,
                    {[this, &show](const std::string& evidence) { on_hang(show, evidence); },
                     [&show] {
                       show.recorder.abandon(
                           "a lane waits for what another operation or the disk script was to do "
                           "and did not");
                     }});
    if (auto begun = show.script->begin(); !begun) show.recorder.abandon(begun.error().message);
    if (show.recorder.abandoned_because().empty()) run_lanes(show);
    clean(show);
    watchdog_.end();
    if (const auto after = take_counts(show.stage)) {
      history.leftovers = differences(show.before, *after);
    } else {
      show.recorder.abandon(after.error().message);
      played.unusable = "dirty: " + after.error().message;
    }
    const std::lock_guard lock(show_mutex_);
    show_ = nullptr;
  }
  history.events = show.recorder.events();
  if (const std::string why = show.recorder.abandoned_because(); !why.empty()) {
    history.end = HistoryEnd::NotJudged;
    history.note = why;
  }
  if (!history.leftovers.empty()) {
    played.unusable = fmt::format("dirty: {} after {}", history.leftovers[0].what, assigned.name);
  } else {
    for (DiskSource* source : {null_disks_.get(), loop_disks_.get(), scsi_disks_.get(),
                               static_cast<DiskSource*>(&controlled_disks_)}) {
      if (auto back = source->take_back(); !back)
        played.unusable = "dirty: " + back.error().message;
    }
  }
  played.report.guest_ns = now_ns() - show.start_ns;
  mark(fmt::format("trace {} end", assigned.name));
  return played;
}

void Player::run_lanes(Show& show) {
  const bool concurrent = is_concurrent(show.trace);
  if (concurrent) scheduler_.begin(show.assigned.seed, show.trace.choices.schedule);
  show.lanes_left = show.trace.lanes.size();
  for (std::size_t lane = 0; lane < show.trace.lanes.size(); ++lane) {
    const bool started =
        workers_.start([this, &show, lane](Worker& worker) { run_lane(show, lane, worker); });
    assert(started && "the last trace has given back all its workers");
  }
  follow_script(show);
  if (concurrent) scheduler_.end();
  show.recorder.seal();
}

// Until all lanes are done, and what they started has come back or never will by itself.
void Player::follow_script(Show& show) {
  const std::function<u64()> activity = [&] {
    return show.recorder.activity() + server_.activity();
  };
  const std::function<bool()> all_done = [&] { return workers_.busy() == 0; };
  bool has_quiet_steps = false;
  for (const DiskStep& step : show.trace.disk_script) {
    has_quiet_steps |= step.edge.kind == EdgeKind::Quiet;
  }
  for (;;) {
    if (!has_quiet_steps) {
      workers_.wait_until([&] { return show.lanes_left == 0; }, kForeverNs);
    }
    if (all_done()) return;
    const bool quiet = quiet_.wait(show.bound_ns, activity, all_done);
    if (all_done()) return;
    if (quiet && show.script->wants_quiet(show.recorder)) {
      show.script->quiet(show.recorder);
    } else if (show.lanes_left == 0 && (quiet || !is_det_profile())) {
      return;
    } else if (!quiet && !is_det_profile() && show.script->wants_quiet(show.recorder)) {
      show.recorder.abandon("the guest did not come to rest, so the disk script could not go on");
      show.script->end();
    }
  }
}

void Player::run_lane(Show& show, std::size_t lane, Worker& worker) {
  const OperationId first = first_operation(show.trace, lane);
  const std::size_t count = show.trace.lanes[lane].operations.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (!show.recorder.abandoned_because().empty()) break;
    const OperationId id = first + static_cast<OperationId>(i);
    show.recorder.invoke(id);
    if (operation_at(show.trace, id).async) {
      start_async(show, id, worker);
    } else {
      run_operation(show, id, worker);
    }
  }
  --show.lanes_left;
}

void Player::start_async(Show& show, OperationId id, Worker& lane_worker) {
  // The lane goes on when the operation has been handed to the kernel, so that async operations of
  // a lane are submitted in its order. Only block and file I/O can tell when that is.
  const auto handed_over = std::make_shared<std::binary_semaphore>(0);
  const OperationKind kind = operation_at(show.trace, id).kind;
  const bool tells = kind == OperationKind::Read || kind == OperationKind::Write ||
                     kind == OperationKind::Flush || kind == OperationKind::Bio ||
                     kind == OperationKind::FileRead || kind == OperationKind::FileWrite;
  const bool started = workers_.start([this, &show, id, tells, handed_over](Worker& worker) {
    if (tells) worker.on_submitted([handed_over] { handed_over->release(); });
    run_operation(show, id, worker);
    worker.tell_submitted();
  });
  if (!started) {
    run_operation(show, id, lane_worker);
  } else if (tells) {
    static_cast<void>(handed_over->try_acquire_for(std::chrono::nanoseconds(kHandOverNs)));
  }
}

void Player::run_operation(Show& show, OperationId id, Worker& worker) {
  const Operation& operation = operation_at(show.trace, id);
  if (operation.kind == OperationKind::Wait || operation.kind == OperationKind::After ||
      operation.kind == OperationKind::Signal) {
    show.recorder.finish(id, join_or_signal(show, id));
    return;
  }
  {
    const std::lock_guard lock(show.running_mutex);
    show.running[id] = worker.tid();
  }
  // `clock` is to take its time: its bound starts when that is over.
  const u64 allowance_ns = operation.kind == OperationKind::Clock
                               ? static_cast<u64>(operation.number) * kMillisecondNs
                               : 0;
  if (operation.kind == OperationKind::PowerCut) show.recorder.cut(id);
  worker.activity().operation = id;
  worker.activity().is_cleanup = false;
  worker.activity().kernel_since_ns = now_ns() + allowance_ns;
  Outcome outcome = perform(show.stage, worker, id);
  worker.activity().kernel_since_ns = 0;
  {
    const std::lock_guard lock(show.running_mutex);
    show.running.erase(id);
  }
  show.recorder.finish(id, std::move(outcome));
}

Outcome Player::join_or_signal(Show& show, OperationId id) {
  const Operation& operation = operation_at(show.trace, id);
  if (operation.kind == OperationKind::Signal) {
    const auto target = find_labelled(show.trace, operation.edge.label);
    const std::lock_guard lock(show.running_mutex);
    const auto found = target ? show.running.find(*target) : show.running.end();
    if (found == show.running.end()) return failed(ESRCH);
    return failed(
        syscall(SYS_tgkill, getpid(), found->second, static_cast<int>(operation.number)) == 0
            ? 0
            : errno);
  }
  return failed(show.recorder.wait_for(operation.edge.kind, operation.edge.label) ? 0 : ECANCELED);
}

void Player::clean(Show& show) {
  const bool started = workers_.start([&show, this](Worker& worker) {
    worker.activity().is_cleanup = true;
    worker.activity().kernel_since_ns = now_ns();
    clean_up(show.stage, *show.script, workers_);
    worker.activity().kernel_since_ns = 0;
  });
  assert(started && "lanes are done");
  workers_.wait_idle(kForeverNs);
}

void Player::on_hang(Show& show, const std::string& evidence) {
  mark("hung: " + show.assigned.name);
  // The trace itself may be what keeps the operation: a request that nobody releases, a device that
  // nobody resumes. If letting go frees it, the trace is at fault and nothing is known.
  workers_.start([&show](Worker& worker) {
    worker.activity().is_cleanup = true;
    let_go(show.stage, *show.script);
  });
  const u64 until_ns = now_ns() + show.bound_ns;
  while (now_ns() < until_ns) {
    sleep_ns(10 * kMillisecondNs);
    if (any_over(workers_, show.bound_ns)) continue;
    show.recorder.abandon(
        "an operation came back only after the agent had released held requests "
        "and resumed suspended devices; the trace waits for itself\n" +
        evidence);
    return;
  }
  give_up(show, evidence);
}

void Player::give_up(Show& show, const std::string& evidence) {
  write_file("/proc/sysrq-trigger", "w");
  write_file("/proc/sysrq-trigger", "t");
  TraceReport report;
  report.index = show.index;
  report.history.trace = hash_of(show.trace);
  report.history.can = can_;
  report.history.events = show.recorder.events();
  report.history.end = HistoryEnd::Hung;
  report.history.note = evidence;
  report.guest_ns = now_ns() - show.start_ns;
  channel_.send(FrameType::End, encode(report));
  mark(fmt::format("trace {} end", show.assigned.name));
  channel_.trouble("hung: " + show.assigned.name);
  power_off_now();
}

}  // namespace bioscope

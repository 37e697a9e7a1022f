// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/player.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "harness/subject/reference/cleanup.h"
#include "models/runtime/clock.h"
#include "models/trace/order.h"

namespace bioscope::reference {
namespace {

// Virtual time in which nothing has happened, after which nothing will.
constexpr u64 kPatienceMs = 3'600'000;

bool has_kind(const Trace& trace, OperationKind kind) {
  return std::ranges::any_of(trace.lanes, [kind](const Lane& lane) {
    return std::ranges::any_of(
        lane.operations, [kind](const Operation& operation) { return operation.kind == kind; });
  });
}

// Those whose bios a lane submits in its order.
bool tells_submission(OperationKind kind) {
  return kind == OperationKind::Read || kind == OperationKind::Write ||
         kind == OperationKind::Flush || kind == OperationKind::Bio ||
         kind == OperationKind::FileRead || kind == OperationKind::FileWrite;
}

}  // namespace

Player::Player(const PlayerParts& parts, PlayedRun& played)
    : parts_(parts),
      played_(played),
      stage_(parts.trace, played.history, parts.watcher, parts.schedule, parts.pages,
             parts.buffers) {}

void Player::run() {
  if (const std::string disk = stage_.script.stray_disk(); !disk.empty()) {
    played_.history.end = HistoryEnd::NotJudged;
    played_.history.note =
        fmt::format("the disk script speaks of {}, which is no controlled disk", disk);
    stage_.tear_down();
    return;
  }
  has_signals_ = has_kind(parts_.trace, OperationKind::Signal);
  supervised_ = parts_.lets_go || stage_.script.has_quiet_steps();
  stage_.script.begin();
  start_lanes();
  if (supervised_) supervise();
  rt::Thread releaser;
  if (played_.waited_for_itself) {
    stage_.recorder.seal();
    releaser = rt::Thread("let-go", [this] { let_go(stage_); });
    stage_.recorder.abandon();
  }
  for (rt::Thread& lane : lanes_) lane.join();
  if (releaser.joinable()) releaser.join();
  const bool abandoned = tasks_left_ > 0 && parts_.lets_go;
  if (!abandoned) {
    for (Task& task : tasks_) task.thread.join();
  }
  stage_.recorder.seal();
  played_.cleaning = true;
  let_go(stage_);
  if (abandoned) {
    for (Task& task : tasks_) task.thread.join();
  }
  clean_up(stage_);
  played_.history.leftovers = find_leftovers(stage_);
  stage_.tear_down();
}

void Player::start_lanes() {
  lanes_left_ = parts_.trace.lanes.size();
  lanes_.reserve(lanes_left_);
  for (std::size_t lane = 0; lane < parts_.trace.lanes.size(); ++lane) {
    lanes_.emplace_back(parts_.trace.lanes[lane].name, [this, lane] { run_lane(lane); });
  }
}

void Player::run_lane(std::size_t lane) {
  OperationId id = first_operation(parts_.trace, lane);
  for (const Operation& operation : parts_.trace.lanes[lane].operations) {
    if (stage_.recorder.abandoned()) break;
    const Step step{id++, static_cast<u16>(lane), operation};
    stage_.recorder.invoke(step);
    if (operation.async) {
      start_async(step);
    } else {
      run_operation(step, lanes_[lane], {});
    }
  }
  --lanes_left_;
  if (supervised_) stage_.recorder.poke();
}

void Player::run_operation(const Step& step, rt::Thread& thread, const OnSubmitted& on_submitted) {
  switch (step.operation.kind) {
    case OperationKind::Wait:
    case OperationKind::After: {
      const bool there = stage_.recorder.wait_for(step.operation.edge);
      stage_.recorder.finish(step, failed(there ? 0 : ECANCELED));
      return;
    }
    case OperationKind::Signal:
      stage_.recorder.finish(step, send_signal(step.operation));
      return;
    default:
      break;
  }
  if (!has_signals_) {
    stage_.recorder.finish(step, perform(stage_, step, on_submitted));
    return;
  }
  stage_.running.push_back({step.id, &thread});
  Outcome outcome = perform(stage_, step, on_submitted);
  std::erase_if(stage_.running,
                [&step](const Running& running) { return running.operation == step.id; });
  stage_.recorder.finish(step, std::move(outcome));
}

Outcome Player::send_signal(const Operation& operation) {
  const auto target = find_labelled(parts_.trace, operation.edge.label);
  if (!target) return failed(ESRCH);
  const auto found = std::ranges::find(stage_.running, *target, &Running::operation);
  if (found == stage_.running.end()) return failed(ESRCH);
  found->thread->signal();
  return {};
}

void Player::start_async(const Step& step) {
  ++tasks_left_;
  Task& task = tasks_.emplace_back(step, rt::current_thread(), false, rt::Thread());
  const bool tells = tells_submission(step.operation.kind);
  const std::string& label = step.operation.label;
  task.thread = rt::Thread(label.empty() ? "async" : label, [this, &task] {
    const OnSubmitted on_submitted = [this, &task] {
      task.submitted = true;
      parts_.schedule.promote(task.lane_thread);
    };
    run_operation(task.step, task.thread, on_submitted);
    on_submitted();
    --tasks_left_;
    if (supervised_) stage_.recorder.poke();
  });
  if (tells && !task.submitted) parts_.schedule.wait_for_quiet(Schedule::Rank::HandOver);
}

void Player::supervise() {
  while (!done()) {
    parts_.schedule.wait_for_quiet(Schedule::Rank::Supervisor);
    if (done()) return;
    if (stage_.script.wants_quiet(stage_.recorder)) {
      stage_.script.quiet(stage_.recorder);
    } else if (wait_for_change()) {
      played_.waited_for_itself = lanes_left_ > 0;
      return;
    }
  }
}

bool Player::wait_for_change() {
  if (!parts_.lets_go) {
    stage_.recorder.wait_until(
        [&] { return done() || stage_.script.wants_quiet(stage_.recorder); });
    return false;
  }
  const u64 activity = stage_.recorder.activity();
  if (activity != seen_activity_) idle_ms_ = 0;
  seen_activity_ = activity;
  if (idle_ms_ >= kPatienceMs) return true;
  // Only time can help: longer and longer, so that an hour takes a few steps.
  const u64 pause_ms = idle_ms_ + 1;
  rt::sleep_ms(pause_ms);
  idle_ms_ += pause_ms;
  return false;
}

}  // namespace bioscope::reference

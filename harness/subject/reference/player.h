// SPDX-License-Identifier: Apache-2.0
// One trace in one simulated run: lanes, operations that go on beside them, the disk script's quiet
// steps, and the end.
//
// Invariants:
//   P1  Thread "main" supervises, each lane is a thread of its name, each async operation one of
//       its own, as the guest's agent has it.
//   P2  An async operation of block or file I/O is submitted before its lane goes on, unless it
//       cannot be: then the lane goes on when nothing else can.
//   P3  Without Lets::Go a trace that gets stuck ends the run as a deadlock, in the state in which
//       it got stuck. With it the run goes on: what may be let go is let go, to tell a trace that
//       waits for itself from a machine that hangs.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "harness/subject/reference/perform.h"
#include "harness/subject/reference/stage.h"

namespace bioscope::reference {

struct PlayerParts {
  const Trace& trace;
  Schedule& schedule;
  PagePool& pages;
  BufferPool& buffers;
  blk::Watcher* watcher = nullptr;
  bool lets_go = false;
};

// Outlives the run, so that it is there whatever became of it.
struct PlayedRun {
  History history;
  bool cleaning = false;           // the trace itself was over
  bool waited_for_itself = false;  // lets_go: lanes came back only when things had been let go
};

// Made and destroyed within the run.
class Player {
 public:
  Player(const PlayerParts& parts, PlayedRun& played);

  void run();

 private:
  struct Task {
    Step step;
    u32 lane_thread = 0;
    bool submitted = false;
    rt::Thread thread;
  };

  void start_lanes();
  void run_lane(std::size_t lane);
  void run_operation(const Step& step, rt::Thread& thread, const OnSubmitted& on_submitted);
  Outcome send_signal(const Operation& operation);
  void start_async(const Step& step);
  void supervise();
  // True: nothing will ever happen by itself.
  bool wait_for_change();
  bool done() const { return lanes_left_ == 0 && tasks_left_ == 0; }

  PlayerParts parts_;
  PlayedRun& played_;
  Stage stage_;
  bool supervised_ = false;
  bool has_signals_ = false;
  std::size_t lanes_left_ = 0;
  std::size_t tasks_left_ = 0;
  u64 idle_ms_ = 0;  // how long nothing has happened
  u64 seen_activity_ = 0;
  // Behind the stage: in a stopped run they are unwound before it goes.
  std::vector<rt::Thread> lanes_;
  std::deque<Task> tasks_;
};

}  // namespace bioscope::reference

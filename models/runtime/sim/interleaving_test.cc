// SPDX-License-Identifier: Apache-2.0
// Which interleavings are reached: a tool that reaches too few finds nothing.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "models/runtime/mutex.h"
#include "models/runtime/sim/test_search.h"
#include "models/runtime/thread.h"
#include "models/runtime/wait_queue.h"

namespace bioscope::rt::sim {
namespace {

// Depth first over all choices; returns how many runs there are.
class EveryChoice final : public Scheduler {
 public:
  void begin() override { depth_ = 0; }
  u32 choose(std::span<const Candidate> candidates, u32 /*running*/) override {
    return pick(ChoiceKind::Schedule, 0, static_cast<u32>(candidates.size()));
  }
  u32 pick(ChoiceKind /*kind*/, u64 /*site*/, u32 n) override {
    if (depth_ == path_.size()) path_.push_back({0, n});
    EXPECT_EQ(path_[depth_].count, n) << "the run is not deterministic";
    return path_[depth_++].choice;
  }
  bool next() {
    while (!path_.empty() && path_.back().choice + 1 == path_.back().count) path_.pop_back();
    if (path_.empty()) return false;
    ++path_.back().choice;
    return true;
  }

 private:
  struct Choice {
    u32 choice;
    u32 count;
  };
  std::vector<Choice> path_;
  std::size_t depth_ = 0;
};

std::set<std::string> every_result(const Options& options,
                                   const std::function<void(std::string&)>& program) {
  Simulation simulation(options);
  EveryChoice scheduler;
  std::set<std::string> results;
  do {
    std::string result;
    const Outcome outcome = simulation.run(scheduler, [&] { program(result); });
    EXPECT_EQ(outcome.end, End::Finished) << describe(outcome);
    results.insert(result);
  } while (scheduler.next());
  return results;
}

void letters(std::string& result) {
  Atomic<int> step(0);
  const auto write = [&](char letter) {
    for (int i = 0; i < 2; ++i) {
      step.load();
      result += letter;
    }
  };
  Thread a("a", [&] { write('a'); });
  Thread b("b", [&] { write('b'); });
}

TEST(Interleaving, EveryOrderOfTwoTimesTwoStepsIsReached) {
  EXPECT_EQ(every_result(Options{}, letters),
            (std::set<std::string>{"aabb", "abab", "abba", "baab", "baba", "bbaa"}));
}

void lost_update(std::string& result) {
  Atomic<int> value(0);
  const auto increment = [&] { value.store(value.load() + 1); };
  {
    Thread a("a", increment);
    Thread b("b", increment);
  }
  result = std::to_string(value.load());
}

TEST(Interleaving, LostUpdateIsReached) {
  EXPECT_EQ(every_result(Options{}, lost_update), (std::set<std::string>{"1", "2"}));
}

void try_lock_result(std::string& result) {
  Mutex mutex;
  Thread holder("holder", [&] {
    mutex.lock();
    mutex.unlock();
  });
  result = mutex.try_lock() ? "taken" : "busy";
  if (result == "taken") mutex.unlock();
}

TEST(Interleaving, PointsBeforeReleasesLetTryLockFail) {
  Options options;
  EXPECT_EQ(every_result(options, try_lock_result), (std::set<std::string>{"busy", "taken"}));
  options.points_before_releases = false;
  EXPECT_EQ(every_result(options, try_lock_result), (std::set<std::string>{"taken"}));
}

void signal_result(std::string& result) {
  WaitQueue queue;
  Atomic<bool> ready(false);
  Thread waiter("waiter", [&] {
    result = queue.wait_event_interruptible([&] { return ready.load(); }) ? "woken" : "signal";
  });
  ready.store(true);
  queue.wake_up();
}

TEST(Interleaving, SignalIsAChoiceAndCanComeTooLate) {
  Options options;
  EXPECT_EQ(every_result(options, signal_result), (std::set<std::string>{"woken"}));
  std::set<std::string> results;
  options.signal_percent = 50;
  Simulation simulation(options);
  for (u64 seed = 1; seed <= 500; ++seed) {
    Chooser chooser(seed);
    ChooserScheduler scheduler(chooser);
    std::string result;
    EXPECT_EQ(simulation.run(scheduler, [&] { signal_result(result); }).end, End::Finished);
    results.insert(result);
  }
  EXPECT_EQ(results, (std::set<std::string>{"signal", "woken"}));
}

}  // namespace
}  // namespace bioscope::rt::sim

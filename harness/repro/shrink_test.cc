// SPDX-License-Identifier: Apache-2.0
#include "harness/repro/shrink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <set>
#include <string>

#include "harness/check/oracle.h"
#include "harness/generate/random.h"
#include "models/spec/player.h"
#include "models/trace/check.h"
#include "models/trace/codec.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

using testing::ElementsAre;

std::vector<Operation> operations_of(const Trace& trace) {
  std::vector<Operation> all;
  for (const Lane& lane : trace.lanes) {
    all.insert(all.end(), lane.operations.begin(), lane.operations.end());
  }
  return all;
}

using Shows = std::function<bool(const Trace&)>;

// Every candidate of every test goes through this.
void expect_sound(const Trace& candidate, const Trace& best, std::set<u64>& seen) {
  const auto problem = check(candidate);
  EXPECT_FALSE(problem) << problem->message << "\n" << print_trace(candidate);
  EXPECT_TRUE(compare_size(candidate, best) < 0) << print_trace(candidate) << print_trace(best);
  EXPECT_TRUE(seen.insert(hash_of(candidate).value()).second) << "tried twice";
}

struct ShrinkRun {
  Trace trace;
  ShrinkEnd end = ShrinkEnd::Going;
  u64 candidates = 0;
  u64 rounds = 0;
};

ShrinkRun run(const Trace& trace, const Shows& shows, ShrinkOptions options = {},
              std::size_t round_size = 1) {
  EXPECT_TRUE(shows(trace));
  Shrinker shrinker(trace, options);
  std::set<u64> seen;
  for (auto round = shrinker.propose(round_size); !round.empty();
       round = shrinker.propose(round_size)) {
    EXPECT_LE(round.size(), round_size);
    std::vector<bool> kept;
    for (const Trace& candidate : round) {
      expect_sound(candidate, shrinker.best(), seen);
      kept.push_back(shows(candidate));
    }
    shrinker.learn(kept);
  }
  EXPECT_TRUE(shows(shrinker.best()));
  EXPECT_EQ(seen.size(), shrinker.candidates());
  return {shrinker.best(), shrinker.end(), shrinker.candidates(), shrinker.rounds()};
}

Trace generated(u64 seed) {
  return generate(seed, {.operations = 60, .lanes = 3});
}

bool has_sector(const Operation& operation, u64 sector) {
  return operation.range.first_sector <= sector && sector < operation.range.end_sector();
}

// A resume of the device, then a write of the sector, then a read of it, in the order of the text.
bool resumes_writes_reads(const Trace& trace, const std::string& device, u64 sector) {
  std::size_t found = 0;
  for (const Operation& operation : operations_of(trace)) {
    if (operation.device != device) continue;
    const OperationKind next[] = {OperationKind::Resume, OperationKind::Write, OperationKind::Read};
    if (operation.kind != next[found]) continue;
    if (found > 0 && !has_sector(operation, sector)) continue;
    if (++found == 3) return true;
  }
  return false;
}

struct Target {
  std::string device;
  u64 sector = 0;
};
std::optional<Target> find_target(const Trace& trace) {
  for (const Operation& read : operations_of(trace)) {
    if (read.kind != OperationKind::Read || read.range.count_sectors == 0) continue;
    const u64 middle = read.range.first_sector + read.range.count_sectors / 2;
    if (resumes_writes_reads(trace, read.device, middle)) return Target{read.device, middle};
  }
  return std::nullopt;
}

struct Average {
  u64 candidates = 0;
  u64 operations = 0;
  u64 traces = 0;
  void add(const ShrinkRun& done) {
    candidates += done.candidates;
    operations += operation_count(done.trace);
    ++traces;
  }
  ~Average() {
    if (traces == 0) return;
    testing::Test::RecordProperty("candidates_each", std::to_string(candidates / traces));
    testing::Test::RecordProperty("operations_left", std::to_string(operations / traces));
  }
};

TEST(Shrinker, FindsTheThreeOperationsOfSixty) {
  Average average;
  for (u64 seed = 1; seed <= 60; ++seed) {
    const Trace trace = generated(seed);
    const auto target = find_target(trace);
    if (!target) continue;
    const ShrinkRun done = run(trace, [&](const Trace& candidate) {
      return resumes_writes_reads(candidate, target->device, target->sector);
    });
    average.add(done);
    EXPECT_EQ(done.end, ShrinkEnd::Smallest);
    std::vector<std::string> lines;
    for (const Operation& each : operations_of(done.trace)) lines.push_back(print_operation(each));
    const std::string sector = std::to_string(target->sector) + "+1";
    EXPECT_THAT(lines,
                ElementsAre("resume " + target->device, "write " + target->device + " " + sector,
                            "read " + target->device + " " + sector))
        << "seed " << seed << "\n"
        << print_trace(done.trace);
    EXPECT_EQ(done.trace.lanes.size(), 1U);
    EXPECT_TRUE(done.trace.disks.empty());
    EXPECT_TRUE(done.trace.disk_script.empty());
  }
  EXPECT_GE(average.traces, 20U);
}

// Defects that a subject could have, planted into what a right one returns.
using Plant = std::function<void(const Trace&, History&)>;

template <typename Change>
void change_sectors(Event& event, Change change) {
  SectorRuns changed;
  for (u64 i = 0; i < count_sectors(event.data); ++i) {
    append_sector(changed, change(sector_at(event.data, i)));
  }
  event.data = std::move(changed);
}

// The first write after a resume of its device never reaches a disk.
void lose_first_write(const Trace& trace, History& history) {
  std::set<std::string> resumed;
  std::set<OperationId> lost;
  for (Event& event : history.events) {
    if (event.kind != EventKind::Return || event.error != 0) continue;
    const Operation& operation = operation_at(trace, event.operation);
    if (operation.kind == OperationKind::Resume) resumed.insert(operation.device);
    if (operation.kind == OperationKind::Write && resumed.erase(operation.device) > 0) {
      lost.insert(event.operation);
    }
    change_sectors(event, [&](const Sector& sector) -> Sector {
      const auto* stamp = std::get_if<Stamp>(&sector);
      return stamp != nullptr && lost.contains(stamp->operation) ? Sector(Zero{}) : sector;
    });
  }
}

// A flush fails on what was written to.
void fail_flush_after_write(const Trace& trace, History& history) {
  std::set<std::string> written;
  for (Event& event : history.events) {
    if (event.kind != EventKind::Return) continue;
    const Operation& operation = operation_at(trace, event.operation);
    if (operation.kind == OperationKind::Write) written.insert(operation.device);
    if (operation.kind == OperationKind::Flush && written.contains(operation.device)) {
      event.error = EIO;
    }
  }
}

// A suspend never comes back once a snapshot was resumed.
void hang_suspend_after_snapshot(const Trace& trace, History& history) {
  std::set<std::string> snapshots;
  bool live = false;
  for (std::size_t i = 0; i < history.events.size(); ++i) {
    const Event& event = history.events[i];
    if (event.kind != EventKind::Return || event.error != 0) continue;
    const Operation& operation = operation_at(trace, event.operation);
    if (operation.kind == OperationKind::Load && operation.text.contains(" snapshot ")) {
      snapshots.insert(operation.device);
    }
    live =
        live || (operation.kind == OperationKind::Resume && snapshots.contains(operation.device));
    if (operation.kind == OperationKind::Suspend && live) {
      history.events.resize(i);
      history.end = HistoryEnd::Hung;
    }
  }
}

std::vector<Finding> judge(const Trace& trace, const std::vector<Plant>& plants) {
  History history = perfect_history(trace);
  for (const Plant& plant : plants) plant(trace, history);
  return check_history("test", trace, history).findings;
}

std::vector<WantedFinding> violations(const Trace& trace, const std::vector<Plant>& plants) {
  std::vector<WantedFinding> wanted;
  for (const Finding& finding : judge(trace, plants)) {
    if (finding.kind == FindingKind::Violation) wanted.push_back({finding.kind, finding.signature});
  }
  return wanted;
}

struct PlantRow {
  const char* name;
  Plant plant;
  std::size_t most_operations;
  u64 least_traces;
};

// A finding of a snapshot needs two devices, with three operations to make each.
std::size_t least_operations(const WantedFinding& wanted, std::size_t elsewhere) {
  return wanted.signature.target == "snapshot" ? 8 : elsewhere;
}

class Planted : public testing::TestWithParam<PlantRow> {};

TEST_P(Planted, ShrinksToAFewOperationsAndKeepsItsSignature) {
  const PlantRow& row = GetParam();
  const std::vector<Plant> plants{row.plant};
  Average average;
  for (u64 seed = 1; seed <= 60 && average.traces < 20; ++seed) {
    const Trace trace = generated(seed);
    const auto found = violations(trace, plants);
    if (found.empty()) continue;
    const WantedFinding& wanted = found.front();
    const ShrinkRun done =
        run(trace, [&](const Trace& candidate) { return shows(judge(candidate, plants), wanted); });
    average.add(done);
    EXPECT_LE(operation_count(done.trace), least_operations(wanted, row.most_operations))
        << to_text(wanted.signature) << "\n"
        << print_trace(done.trace);
  }
  EXPECT_GE(average.traces, row.least_traces);
}

INSTANTIATE_TEST_SUITE_P(Defects, Planted,
                         testing::Values(PlantRow{"LostWrite", lose_first_write, 6, 20},
                                         PlantRow{"FailedFlush", fail_flush_after_write, 5, 20},
                                         PlantRow{"HungSuspend", hang_suspend_after_snapshot, 8,
                                                  20}),
                         [](const auto& row) { return row.param.name; });

TEST(Shrinker, KeepsTheSignatureThatIsAskedForAndNoOther) {
  const std::vector<Plant> plants{lose_first_write, fail_flush_after_write};
  u64 traces = 0;
  for (u64 seed = 1; seed <= 60 && traces < 5; ++seed) {
    const Trace trace = generated(seed);
    const auto found = violations(trace, plants);
    const auto flush = std::ranges::find(
        found, "flush", [](const WantedFinding& each) { return each.signature.operation; });
    const auto read = std::ranges::find(
        found, "read", [](const WantedFinding& each) { return each.signature.operation; });
    if (flush == found.end() || read == found.end()) continue;
    ++traces;
    for (const WantedFinding& wanted : {*flush, *read}) {
      const ShrinkRun done = run(
          trace, [&](const Trace& candidate) { return shows(judge(candidate, plants), wanted); });
      const auto left = violations(done.trace, plants);
      ASSERT_EQ(left.size(), 1U) << print_trace(done.trace);
      EXPECT_EQ(left[0].signature, wanted.signature);
    }
  }
  EXPECT_EQ(traces, 5U);
}

TEST(Shrinker, TheSameInputGivesTheSameResultInTheSameNumberOfCandidates) {
  const std::vector<Plant> plants{lose_first_write};
  for (const std::size_t round_size : {1U, 7U, 64U}) {
    const Trace trace = generated(3);
    const auto found = violations(trace, plants);
    ASSERT_FALSE(found.empty());
    const Shows shows_it = [&](const Trace& candidate) {
      return shows(judge(candidate, plants), found[0]);
    };
    const ShrinkRun first = run(trace, shows_it, {}, round_size);
    const ShrinkRun second = run(trace, shows_it, {}, round_size);
    EXPECT_EQ(first.trace, second.trace);
    EXPECT_EQ(first.candidates, second.candidates);
    EXPECT_EQ(first.rounds, second.rounds);
    EXPECT_LE(operation_count(first.trace), 6U) << print_trace(first.trace);
  }
}

TEST(Shrinker, RoundsOfManyCandidatesAreFew) {
  const std::vector<Plant> plants{lose_first_write};
  u64 rounds = 0;
  u64 traces = 0;
  for (u64 seed = 1; seed <= 40 && traces < 10; ++seed) {
    const Trace trace = generated(seed);
    const auto found = violations(trace, plants);
    if (found.empty()) continue;
    const ShrinkRun done = run(
        trace, [&](const Trace& candidate) { return shows(judge(candidate, plants), found[0]); },
        {}, 100);
    EXPECT_LE(operation_count(done.trace), least_operations(found[0], 6));
    rounds += done.rounds;
    ++traces;
  }
  ASSERT_EQ(traces, 10U);
  testing::Test::RecordProperty("rounds_each", std::to_string(rounds / traces));
  EXPECT_LE(rounds / traces, 20U);
}

// What needs an interleaving shows with one seed in six, another one for each trace.
TEST(Shrinker, MoreSeedsFindTheTraceWhereOneHasNoLuck) {
  u64 left_with_one = 0;
  u64 left_with_many = 0;
  u64 traces = 0;
  for (u64 seed = 1; seed <= 40 && traces < 5; ++seed) {
    Trace trace = generated(seed);
    const auto target = find_target(trace);
    if (!target) continue;
    const Shows shows_it = [&](const Trace& candidate) {
      return resumes_writes_reads(candidate, target->device, target->sector) &&
             hash_of(candidate).value() % 6 == 0;
    };
    while (!shows_it(trace)) ++trace.seed;
    ++traces;
    left_with_one += operation_count(run(trace, shows_it).trace);
    const ShrinkRun many = run(trace, shows_it, {.seeds = 32});
    EXPECT_EQ(many.end, ShrinkEnd::Smallest);
    left_with_many += operation_count(many.trace);
  }
  EXPECT_EQ(traces, 5U);
  EXPECT_EQ(left_with_many, 5U * 3U);
  EXPECT_GT(left_with_one, left_with_many) << "it shows without luck, so the test shows nothing";
}

TEST(Shrinker, NeverProposesMoreThanItsBudget) {
  const Trace trace = generated(3);
  const auto target = find_target(trace);
  ASSERT_TRUE(target);
  for (const u64 budget : {0U, 1U, 10U, 50U}) {
    for (const std::size_t round_size : {1U, 8U}) {
      const ShrinkRun done = run(
          trace,
          [&](const Trace& candidate) {
            return resumes_writes_reads(candidate, target->device, target->sector);
          },
          {.max_candidates = budget}, round_size);
      EXPECT_EQ(done.candidates, budget);
      EXPECT_EQ(done.end, ShrinkEnd::Budget);
    }
  }
}

TEST(Shrinker, ACopyGoesOnWhereTheShrinkWasStopped) {
  const Trace trace = generated(3);
  const auto target = find_target(trace);
  ASSERT_TRUE(target);
  const auto step = [&](Shrinker& shrinker) {
    std::vector<bool> kept;
    for (const Trace& candidate : shrinker.propose(5)) {
      kept.push_back(resumes_writes_reads(candidate, target->device, target->sector));
    }
    if (!kept.empty()) shrinker.learn(kept);
    return !kept.empty();
  };
  Shrinker whole(trace, {});
  while (step(whole)) {
  }
  Shrinker stopped(trace, {});
  for (int i = 0; i < 7; ++i) step(stopped);
  EXPECT_TRUE(resumes_writes_reads(stopped.best(), target->device, target->sector));
  Shrinker resumed = stopped;
  while (step(resumed)) {
  }
  EXPECT_EQ(resumed.best(), whole.best());
  EXPECT_EQ(resumed.candidates(), whole.candidates());
}

TEST(Shrinker, ATraceThatNothingCanBeTakenFromStaysAsItIs) {
  const Trace trace = generated(3);
  const ShrinkRun done = run(trace, [&](const Trace& candidate) { return candidate == trace; });
  EXPECT_EQ(done.trace, trace);
  EXPECT_EQ(done.end, ShrinkEnd::Smallest);
}

TEST(Shrink, StopsWithTheBestSoFarWhenTheOracleDoes) {
  const Trace trace = generated(3);
  const WantedFinding wanted{FindingKind::Violation, {"P1", "", "read", ""}};
  int rounds = 0;
  const Oracle oracle = [&](std::span<const Trace> candidates) {
    Shown shown;
    Finding finding;
    finding.signature = wanted.signature;
    // The first of each round is kept, the others are never judged; then the host fails.
    if (candidates.size() > 1) shown.findings.push_back({finding});
    if (++rounds == 3) shown.stop = Error{ErrorKind::CouldNotJudge, "no more"};
    return shown;
  };
  const Shrunk shrunk = shrink(trace, wanted, oracle, {}, {4, 4});
  ASSERT_TRUE(shrunk.stop);
  EXPECT_EQ(shrunk.stop->message, "no more");
  EXPECT_EQ(shrunk.end, ShrinkEnd::Going);
  EXPECT_EQ(shrunk.rounds, 3U);
  EXPECT_LT(operation_count(shrunk.trace), operation_count(trace));
}

TEST(Shrink, RoundsGrowWhileNothingIsGained) {
  const Trace trace = generated(3);
  const WantedFinding wanted{FindingKind::Violation, {"P1", "", "read", ""}};
  std::vector<std::size_t> sizes;
  const Oracle oracle = [&](std::span<const Trace> candidates) {
    sizes.push_back(candidates.size());
    Shown shown;
    shown.findings.resize(candidates.size());
    if (sizes.size() == 4) {
      shown.findings[2].emplace_back();
      shown.findings[2].back().signature = wanted.signature;
    }
    if (sizes.size() == 7) shown.stop = Error{ErrorKind::CouldNotJudge, "enough"};
    return shown;
  };
  shrink(trace, wanted, oracle, {}, {1, 6});
  EXPECT_THAT(sizes, ElementsAre(1, 2, 4, 6, 1, 2, 4));
}

TEST(Shrinker, LeavesOutWhatIsSkipped) {
  const Trace trace = generated(3);
  const auto target = find_target(trace);
  ASSERT_TRUE(target);
  const auto has_one_lane = [](const Trace& candidate) { return candidate.lanes.size() == 1; };
  Shrinker shrinker(trace, {.skips = has_one_lane});
  for (auto round = shrinker.propose(4); !round.empty(); round = shrinker.propose(4)) {
    std::vector<bool> kept;
    for (const Trace& candidate : round) {
      EXPECT_FALSE(has_one_lane(candidate));
      kept.push_back(resumes_writes_reads(candidate, target->device, target->sector));
    }
    shrinker.learn(kept);
  }
  EXPECT_EQ(shrinker.best().lanes.size(), 2U);
  EXPECT_EQ(shrinker.end(), ShrinkEnd::Smallest);
}

TEST(Shrink, AnotherFindingIsNotTheWantedOne) {
  const Trace trace = generated(3);
  const WantedFinding wanted{FindingKind::Violation, {"P1", "", "read", ""}};
  Finding other;
  other.signature = {"P1", "", "read", "elsewhere"};
  Finding hazard;
  hazard.signature = wanted.signature;
  hazard.kind = FindingKind::Hazard;
  const Oracle oracle = [&](std::span<const Trace> candidates) {
    return Shown{{candidates.size(), {other, hazard}}, {}};
  };
  EXPECT_EQ(shrink(trace, wanted, oracle, {.max_candidates = 50}, {1, 8}).trace, trace);
}

}  // namespace
}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "harness/generate/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "models/spec/model.h"
#include "models/trace/check.h"
#include "models/trace/codec.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

constexpr u64 kSeeds = 300;

// Plays a trace of one lane to the specification: async operations return with their wait.
struct Played {
  u64 operations = 0;
  u64 succeeded = 0;
  u64 contradictions = 0;  // expected() gave what legal() does not allow
  Marks marks;
};

Played play_one_lane(const Trace& trace) {
  Model model(trace);
  Played played;
  u64 tick = 0;
  std::set<OperationId> pending;
  const auto give_return = [&](OperationId id) {
    Event event = model.expected(id);
    event.tick = tick++;
    event.operation = id;
    event.kind = EventKind::Return;
    ++played.operations;
    played.succeeded += event.error == 0;
    const Verdict verdict = model.apply(event);
    EXPECT_NE(verdict.kind, VerdictKind::Violation)
        << print_operation(operation_at(trace, id)) << ": " << verdict.message;
  };
  for (OperationId id = 0; id < operation_count(trace); ++id) {
    const Operation& operation = operation_at(trace, id);
    const LegalSet legal = model.legal(operation);
    Event invoke;
    invoke.tick = tick++;
    invoke.operation = id;
    model.apply(invoke);
    if (operation.kind == OperationKind::Wait) {
      for (auto it = pending.begin(); it != pending.end();) {
        const bool joined = operation_at(trace, *it).label == operation.edge.label;
        if (joined) give_return(*it);
        it = joined ? pending.erase(it) : std::next(it);
      }
    }
    if (operation.async && legal.may_block) {
      pending.insert(id);
      continue;
    }
    const int error = model.expected(id).error;
    if (!legal.allows(error)) {
      ++played.contradictions;
      ADD_FAILURE() << print_operation(operation) << ": expected error " << error
                    << " is not legal, seed " << trace.seed;
    }
    give_return(id);
  }
  EXPECT_TRUE(pending.empty());
  played.marks = model.marks();
  return played;
}

TEST(RandomTest, EveryTraceIsLegalAndBothTwinsGiveItBack) {
  for (u64 seed = 1; seed <= kSeeds; ++seed) {
    const Trace trace = generate(seed);
    const auto problem = check(trace);
    ASSERT_FALSE(problem) << problem->message << "\n" << print_trace(trace);
    EXPECT_EQ(decode_trace(encode_trace(trace)), trace) << print_trace(trace);
    const auto parsed = parse_trace(print_trace(trace), "printed");
    ASSERT_TRUE(parsed) << parsed.error().message << "\n" << print_trace(trace);
    EXPECT_EQ(*parsed, trace);
  }
}

TEST(RandomTest, TheSameSeedGivesTheSameTrace) {
  for (u64 seed = 1; seed <= 20; ++seed) EXPECT_EQ(generate(seed), generate(seed));
  EXPECT_NE(generate(1), generate(2));
}

TEST(RandomTest, WhatTheSpecificationExpectsItAlsoAllows) {
  GenerateOptions options;
  options.lanes = 1;
  for (u64 seed = 1; seed <= kSeeds; ++seed) {
    EXPECT_EQ(play_one_lane(generate(seed, options)).contradictions, 0U);
  }
}

TEST(RandomTest, MostOperationsSucceedAndMostReadsBind) {
  GenerateOptions options;
  options.lanes = 1;
  u64 operations = 0;
  u64 succeeded = 0;
  Marks marks;
  for (u64 seed = 1; seed <= kSeeds; ++seed) {
    const Played played = play_one_lane(generate(seed, options));
    operations += played.operations;
    succeeded += played.succeeded;
    marks.add(played.marks);
  }
  EXPECT_GT(succeeded * 100, operations * 85);
  EXPECT_LT(succeeded, operations);  // and some mistakes are made
  EXPECT_GT(marks.reads_binding * 100, marks.reads * 70);
  EXPECT_GT(marks.splits, kSeeds / 2);
  EXPECT_GT(marks.copy_outs, kSeeds);
}

TEST(RandomTest, StaysWithinItsBounds) {
  GenerateOptions options;
  options.operations = 12;
  options.lanes = 2;
  options.controlled_disks = false;
  options.mistake_percent = 0;
  for (u64 seed = 1; seed <= 100; ++seed) {
    const Trace trace = generate(seed, options);
    EXPECT_LE(trace.lanes.size(), 2U);
    EXPECT_LE(operation_count(trace), 60U);
    EXPECT_TRUE(trace.disk_script.empty());
  }
}

TEST(RandomTest, ReachesEveryKindOfDeviceAndSeveralLanes) {
  std::set<std::string> types;
  std::set<std::size_t> lanes;
  bool held = false;
  for (u64 seed = 1; seed <= kSeeds; ++seed) {
    const Trace trace = generate(seed);
    lanes.insert(trace.lanes.size());
    held |= !trace.disk_script.empty();
    for (const Lane& lane : trace.lanes) {
      for (const Operation& operation : lane.operations) {
        for (const char* type : {"linear", "striped", "flakey", "delay", "error", "zero", "era",
                                 "snapshot-origin", "snapshot-merge", " snapshot "}) {
          if (operation.text.find(type) != std::string::npos) types.insert(type);
        }
      }
    }
  }
  EXPECT_EQ(types.size(), 10U) << testing::PrintToString(types);
  EXPECT_THAT(lanes, testing::ElementsAre(1, 2, 3));
  EXPECT_TRUE(held);
}

// The other lanes change no device, and an era is not loaded while it is live (G2, G4).
TEST(RandomTest, KeepsItsInvariants) {
  for (u64 seed = 1; seed <= kSeeds; ++seed) {
    const Trace trace = generate(seed);
    for (std::size_t lane = 1; lane < trace.lanes.size(); ++lane) {
      for (const Operation& operation : trace.lanes[lane].operations) {
        EXPECT_TRUE(operation.kind <= OperationKind::Flush) << print_operation(operation);
      }
    }
    bool suspended = true;
    for (const Operation& operation : trace.lanes[0].operations) {
      if (operation.device != "er") continue;
      if (operation.kind == OperationKind::Suspend) suspended = true;
      if (operation.kind == OperationKind::Resume) suspended = false;
      if (operation.kind == OperationKind::Load &&
          operation.text.find("era") != std::string::npos) {
        EXPECT_TRUE(suspended) << "seed " << seed;
      }
      if (operation.kind == OperationKind::Status || operation.kind == OperationKind::Message) {
        EXPECT_FALSE(suspended) << "seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace bioscope

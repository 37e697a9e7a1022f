// SPDX-License-Identifier: Apache-2.0
// How traces are played: order, edges, the disk script, ends. What the reference itself does right
// is the business of suites_test.cc.
#include "harness/subject/reference/reference_subject.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "models/trace/history_codec.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

Job job(const std::string& body) {
  auto trace = parse_trace("bioscope-trace 1\nseed 1\n" + body, "test");
  EXPECT_TRUE(trace.has_value()) << (trace ? "" : trace.error().message);
  return {"test", trace.value_or(Trace())};
}

History play(const Job& one, u64 seed = 1, const ReferenceOptions& options = {}) {
  auto history = ReferenceSubject(options).play(one, seed, options.defects);
  EXPECT_TRUE(history.has_value()) << (history ? "" : history.error().message);
  return history.value_or(History());
}

History play(const std::string& body) {
  return play(job(body));
}

// The place of an event in the history; past its end if there is none.
std::size_t place_of(const History& history, EventKind kind, OperationId id) {
  const auto found = std::ranges::find_if(history.events, [&](const Event& event) {
    return event.kind == kind && event.operation == id;
  });
  return static_cast<std::size_t>(found - history.events.begin());
}

bool happened(const History& history, EventKind kind, OperationId id) {
  return place_of(history, kind, id) < history.events.size();
}

int error_of(const History& history, OperationId id) {
  const std::size_t place = place_of(history, EventKind::Return, id);
  return place < history.events.size() ? history.events[place].error : -1;
}

std::string data_of(const History& history, OperationId id) {
  std::string text;
  for (const SectorRun& run : history.events[place_of(history, EventKind::Return, id)].data) {
    text += (text.empty() ? "" : " ") + to_text(run.first) + "x" + std::to_string(run.count);
  }
  return text;
}

TEST(ReferenceSubject, PlaysALaneInItsOrder) {
  const History history =
      play("disk d0 null size=64\nlane A\n  write d0 0+8\n  write d0 4+2\n  read d0 0+8\n");
  ASSERT_EQ(history.end, HistoryEnd::Completed) << history.note;
  ASSERT_EQ(history.events.size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(history.events[i].tick, i);
    EXPECT_EQ(history.events[i].operation, i / 2);
    EXPECT_EQ(history.events[i].kind, i % 2 == 0 ? EventKind::Invoke : EventKind::Return);
  }
  EXPECT_EQ(data_of(history, 2), "op0@0x4 op1@4x2 op0@6x2");
}

TEST(ReferenceSubject, CutsShortAtTheEnd) {
  const History history = play(
      "disk d0 null size=64\nlane A\n  write d0 60+8\n  read d0 60+8\n  write d0 64+8\n"
      "  read d0 64+8\n  bio d0 read 60+8\n");
  EXPECT_EQ(history.events[1].count_sectors, 4U);
  EXPECT_EQ(data_of(history, 1), "op0@60x4");
  EXPECT_EQ(error_of(history, 2), ENOSPC);
  EXPECT_EQ(error_of(history, 3), 0);
  EXPECT_EQ(error_of(history, 4), EIO);
}

TEST(ReferenceSubject, KeepsTheEdges) {
  const Job two =
      job("disk d0 null size=64\nlane A\n  after returned w\n  read d0 0+8\nlane B\n  w: write d0 "
          "0+8\n");
  for (u64 seed = 0; seed < 50; ++seed) {
    const History history = play(two, seed);
    EXPECT_LT(place_of(history, EventKind::Return, 2), place_of(history, EventKind::Return, 0));
    EXPECT_EQ(data_of(history, 1), "op2@0x8");
  }
}

TEST(ReferenceSubject, TheSeedDecidesTheInterleaving) {
  const Job two =
      job("disk d0 null size=64\nlane A\n  write d0 0+8\n  write d0 0+8\nlane B\n  write d0 0+8\n"
          "  read d0 0+8\n");
  std::set<std::vector<u8>> histories;
  for (u64 seed = 0; seed < 100; ++seed) {
    const std::vector<u8> bytes = encode_history(play(two, seed));
    EXPECT_EQ(bytes, encode_history(play(two, seed)));
    histories.insert(bytes);
  }
  EXPECT_GT(histories.size(), 10U);
}

TEST(ReferenceSubject, TheTracesChoicesComeBeforeTheSeed) {
  Job two =
      job("disk d0 null size=64\nlane A\n  write d0 0+8\n  write d0 0+8\nlane B\n  write d0 0+8\n"
          "  read d0 0+8\n");
  two.trace.choices.schedule.assign(1000, 0);
  const History first = play(two, 1);
  for (u64 seed = 2; seed < 20; ++seed) EXPECT_EQ(play(two, seed), first);
  two.trace.choices.schedule.assign(1000, 1);
  EXPECT_NE(play(two, 1).events, first.events);
}

TEST(ReferenceSubject, AnAsyncReadIsHeldAndReleasedWhenQuiet) {
  const Job held = job(
      "disk d0 controlled size=64\nlane A\n  r1: async read d0 0+8\n  write d0 16+8\n  wait r1\n"
      "lane B\n  after held h1\n  write d0 8+8\n"
      "disk-script\n  h1: hold d0 read 0+8 after invoked r1\n  release h1 when quiet\n");
  for (u64 seed = 0; seed < 50; ++seed) {
    const History history = play(held, seed);
    ASSERT_EQ(history.end, HistoryEnd::Completed) << history.note;
    const std::size_t done = place_of(history, EventKind::Done, 0);
    EXPECT_LT(place_of(history, EventKind::Held, 0), done);
    // Quiet: whatever could run has run.
    EXPECT_LT(place_of(history, EventKind::Return, 1), done);
    EXPECT_LT(place_of(history, EventKind::Return, 4), done);
    EXPECT_GT(place_of(history, EventKind::Return, 0), done);
  }
}

TEST(ReferenceSubject, QuietComesBeforeTimePasses) {
  const History history = play(
      "disk d0 controlled size=64\nlane A\n  read d0 0+8\nlane B\n  clock 1\n"
      "disk-script\n  h1: hold d0 read\n  release h1 when quiet\n");
  EXPECT_EQ(history.end, HistoryEnd::Completed) << history.note;
  EXPECT_LT(place_of(history, EventKind::Done, 0), place_of(history, EventKind::Return, 1));
}

TEST(ReferenceSubject, ARequestFailsAsTheScriptSays) {
  const History history = play(
      "disk d0 controlled size=64\nlane A\n  write d0 0+8\n  w: write d0 8+8\n  write d0 0+8\n"
      "  write d0 0+8\n  read d0 0+16\n"
      "disk-script\n  fail d0 write 0+8 ENOSPC after returned w\n");
  EXPECT_EQ(error_of(history, 2), ENOSPC);
  EXPECT_EQ(error_of(history, 3), 0);
  EXPECT_EQ(data_of(history, 4), "op3@0x8 op1@8x8");
}

TEST(ReferenceSubject, WhatNothingReleasesIsNotJudged) {
  const History history =
      play("disk d0 controlled size=64\nlane A\n  read d0 0+8\ndisk-script\n  h1: hold d0 read\n");
  EXPECT_EQ(history.end, HistoryEnd::NotJudged);
  EXPECT_THAT(history.note, HasSubstr("waits for itself"));
  EXPECT_FALSE(happened(history, EventKind::Return, 0));
}

TEST(ReferenceSubject, AHoldThatNeverMatchesIsNotJudged) {
  const History history = play(
      "disk d0 controlled size=64\nlane A\n  after held h1\n  write d0 0+8\n"
      "disk-script\n  h1: hold d0 read\n");
  EXPECT_EQ(history.end, HistoryEnd::NotJudged);
}

TEST(ReferenceSubject, AnAsyncOperationMayBeLeftBehind) {
  const History history = play(
      "disk d0 controlled size=64\nlane A\n  async read d0 0+8\n  write d0 8+8\n"
      "disk-script\n  h1: hold d0 read\n");
  EXPECT_EQ(history.end, HistoryEnd::Completed) << history.note;
  EXPECT_FALSE(happened(history, EventKind::Return, 0));
  EXPECT_TRUE(happened(history, EventKind::Return, 1));
  EXPECT_THAT(history.leftovers, IsEmpty());
}

TEST(ReferenceSubject, ASuspendedDeviceThatNobodyResumesIsNotJudged) {
  const History history = play(
      "disk d0 null size=64\nlane A\n  create x; load x \"0 64 linear d0 0\"; resume x\n"
      "  suspend x\n  write x 0+8\n");
  EXPECT_EQ(history.end, HistoryEnd::NotJudged);
  EXPECT_FALSE(happened(history, EventKind::Return, 4));
}

// What a trace leaves behind on purpose is no leftover.
TEST(ReferenceSubject, CleansUpWhatTheTraceLeaves) {
  const History history = play(
      "disk d0 null size=32768\ndisk d1 controlled size=64\ndisk d2 null size=64\nlane A\n"
      "  create x; load x \"0 32768 linear d0 0\"; resume x\n"
      "  create y; load y \"0 64 linear x 0\"; resume y\n  mkfs x ext4\n  open d1 exclusive\n"
      "  open y\n  freeze d2; freeze d2\n  suspend y\n  set-ro d0 1\n  create z\n");
  EXPECT_EQ(history.end, HistoryEnd::Completed) << history.note;
  EXPECT_THAT(history.leftovers, IsEmpty());
  const History mounted = play(
      "disk d0 null size=32768\nlane A\n  create x; load x \"0 32768 linear d0 0\"; resume x\n"
      "  mkfs x ext4\n  mount x mnt\n  file-write mnt/a 0+8\n  freeze mnt\n  remove x deferred\n");
  EXPECT_EQ(mounted.end, HistoryEnd::Completed) << mounted.note;
  EXPECT_THAT(mounted.leftovers, IsEmpty());
}

TEST(ReferenceSubject, TellsHopsWhenItWatches) {
  const Job one =
      job("disk d0 null size=64\nlane A\n  create x; load x \"0 64 linear d0 0\"; resume x\n"
          "  write x 0+8\n");
  EXPECT_THAT(play(one).hops, IsEmpty());
  ReferenceSubject watching({.watch = true});
  EXPECT_TRUE(watching.can().has(Capability::Hops));
  const History history = play(one, 1, {.watch = true});
  std::string devices;
  for (const Hop& hop : history.hops) {
    EXPECT_EQ(hop.tick, 7U) << to_text(hop);
    EXPECT_TRUE(hop.operation == 3 || hop.kind == HopKind::Leave) << to_text(hop);
    if (hop.kind == HopKind::Enter) devices += hop.device + " ";
  }
  EXPECT_EQ(devices, "x d0 ");
  const auto decoded = decode_history(encode_history(history));
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
  EXPECT_EQ(*decoded, history);
}

TEST(ReferenceSubject, RawIoctlsAreRefusedAsTheKernelDoes) {
  const History history = play(
      "disk d0 null size=64\nlane A\n  create one uuid=\"U\"\n  ioctl \"command=status uid=1000\"\n"
      "  ioctl \"command=200\"\n  ioctl \"command=status name=one version=3.0.0\"\n"
      "  ioctl \"command=status name=one uuid=U\"\n  ioctl \"command=status name=one device=one\"\n"
      "  ioctl \"command=status device=one\"\n  ioctl \"command=load name=one targets=0\"\n"
      "  ioctl \"command=load name=one targets=1048577\"\n"
      "  ioctl \"command=load name=one table=0 64 linear d0 0\"\n"
      "  ioctl \"command=suspend name=one\"\n  write one 0+8\n");
  const std::vector<int> expected{0, EACCES, ENOTTY,    EINVAL, EINVAL, ENXIO,
                                  0, EINVAL, EOVERFLOW, 0,      0,      0};
  for (OperationId id = 0; id < expected.size(); ++id) {
    EXPECT_EQ(error_of(history, id), expected[id]) << "operation " << id;
  }
}

TEST(ReferenceSubject, CanDoEverythingATraceSays) {
  Capabilities all;
  for (std::size_t i = 0; i < kCapabilities; ++i) all.add(static_cast<Capability>(i));
  EXPECT_TRUE(all.without(ReferenceSubject({.watch = true}).can()).empty());
  EXPECT_EQ(to_text(all.without(ReferenceSubject().can())), "hops");
}

TEST(ReferenceSubject, ABatchPlaysEachTrace) {
  std::vector<BatchJob> jobs;
  jobs.push_back({job("disk d0 null size=64\nlane A\n  write d0 0+8\n"), 1});
  jobs.push_back({job("disk d0 null size=64\nlane A\n  read d0 0+8\n"), 1});
  std::vector<std::size_t> told;
  ReferenceSubject subject;
  const BatchOutcome outcome =
      subject.play(jobs, [&](std::size_t index) { told.push_back(index); });
  ASSERT_EQ(outcome.plays.size(), 2U);
  EXPECT_EQ(outcome.plays[0].end, PlayEnd::Played);
  EXPECT_EQ(outcome.plays[1].end, PlayEnd::Played);
  EXPECT_EQ(told, (std::vector<std::size_t>{0, 1}));
}

TEST(ReferenceSubject, ThreadsMayPlayAtOnce) {
  const Job one =
      job("disk d0 null size=64\nlane A\n  write d0 0+8\n  read d0 0+8\nlane B\n  write d0 0+8\n");
  ReferenceSubject subject;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (u64 seed = 0; seed < 50; ++seed) {
        const auto history = subject.play(one, seed, {});
        ASSERT_TRUE(history.has_value());
        EXPECT_EQ(history->events, play(one, seed).events);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// A defect of the dm core and one of the block layer: planted for one play, gone in the next.
TEST(ReferenceSubject, PlantsDefectsForOnePlay) {
  const Job empty = job("disk d0 null size=64\nlane A\n  create x\n  load x \"\"\n");
  ReferenceSubject subject;
  const auto spoilt = subject.play(empty, 1, find_variant("D-m"));
  ASSERT_TRUE(spoilt.has_value());
  EXPECT_EQ(error_of(*spoilt, 1), 0);
  const auto right = subject.play(empty, 1, {});
  ASSERT_TRUE(right.has_value());
  EXPECT_EQ(error_of(*right, 1), EINVAL);
}

}  // namespace
}  // namespace bioscope

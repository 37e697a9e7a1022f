// SPDX-License-Identifier: Apache-2.0
// What bios did: one right way that must not be reported, and one change of it for each demand of
// hop_judge.h that must be.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "models/spec/model.h"
#include "models/spec/player.h"
#include "models/trace/order.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

using Hops = std::vector<Hop>;

Hop submit(u32 bio, const char* device, Range range, HopOperation op = HopOperation::Write) {
  return {
      .kind = HopKind::Submit, .task = 2, .bio = bio, .device = device, .op = op, .range = range};
}
Hop enter(u32 bio, const char* device, Range range, HopOperation op = HopOperation::Write) {
  return {
      .kind = HopKind::Enter, .task = 2, .bio = bio, .device = device, .op = op, .range = range};
}
Hop leave(const char* device) {
  return {.kind = HopKind::Leave, .task = 2, .device = device};
}
Hop split(u32 front, u32 parent, Range range) {
  return {.kind = HopKind::Split, .task = 2, .bio = front, .parent = parent, .range = range};
}
Hop clone(u32 bio, u32 parent, Range range) {
  return {.kind = HopKind::Clone, .task = 2, .bio = bio, .parent = parent, .range = range};
}
Hop end(u32 bio, int error = 0) {
  return {.kind = HopKind::End, .task = 2, .bio = bio, .error = error};
}

// Plays the trace rightly, with `hops` before the return of the operation labelled x.
std::vector<std::string> judge(const std::string& lines, const Hops& hops,
                               HistoryEnd history_end = HistoryEnd::Completed) {
  const auto trace = parse_trace(
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192 max-sectors=64\n"
      "disk d1 null size=8192 chunk=24 max-sectors=64\nlane A\n" +
          lines,
      "test");
  if (!trace) return {trace.error().message};
  History played = perfect_history(*trace);
  const auto x = find_labelled(*trace, "x");
  Model model(*trace);
  std::vector<std::string> found;
  const auto note = [&](const Verdict& verdict) {
    if (verdict.kind == VerdictKind::Violation) {
      found.push_back(std::string(name_of(verdict.rule)));
    }
  };
  for (const Event& event : played.events) {
    if (event.kind == EventKind::Return && event.operation == *x) {
      for (const Hop& hop : hops) note(model.apply(hop));
    }
    note(model.apply(event));
  }
  played.end = history_end;
  for (const Verdict& verdict : model.finish(played)) note(verdict);
  return found;
}

using Found = std::vector<std::string>;

constexpr const char* kLinear =
    "  create y; load y \"0 1024 linear d0 8\"; resume y\n  x: write y 0+16\n";
constexpr const char* kTwo =
    "  create y; load y \"0 8 linear d0 8; 8 1016 linear d1 100\"; resume y\n  x: write y 0+16\n";
constexpr const char* kStriped =
    "  create y; load y \"0 1024 striped 2 8 d0 0 d1 0\"; resume y\n  x: write y 4+12\n";
constexpr const char* kDisk = "  x: write d0 0+100\n";

Hops linear_hops() {
  return {submit(1, "y", {0, 16}),
          enter(1, "y", {0, 16}),
          clone(2, 1, {0, 16}),
          submit(2, "d0", {8, 16}),
          leave("y"),
          enter(2, "d0", {8, 16}),
          leave("d0"),
          end(2),
          end(1)};
}

Hops two_hops() {
  return {submit(1, "y", {0, 16}),
          enter(1, "y", {0, 16}),
          clone(2, 1, {0, 16}),
          submit(2, "d0", {8, 8}),
          submit(1, "y", {8, 8}),
          leave("y"),
          enter(2, "d0", {8, 8}),
          leave("d0"),
          enter(1, "y", {8, 8}),
          clone(3, 1, {8, 8}),
          submit(3, "d1", {100, 8}),
          leave("y"),
          enter(3, "d1", {100, 8}),
          leave("d1"),
          end(2),
          end(3),
          end(1)};
}

Hops disk_hops() {
  return {submit(1, "d0", {0, 100}),
          enter(1, "d0", {0, 100}),
          split(2, 1, {0, 64}),
          submit(1, "d0", {64, 36}),
          leave("d0"),
          enter(1, "d0", {64, 36}),
          leave("d0"),
          end(2),
          end(1)};
}

Hops changed(Hops hops, const std::function<void(Hops&)>& change) {
  change(hops);
  return hops;
}

TEST(Hops, TheRightWayIsNotReported) {
  EXPECT_EQ(judge(kLinear, linear_hops()), Found{});
  EXPECT_EQ(judge(kTwo, two_hops()), Found{});
  EXPECT_EQ(judge(kDisk, disk_hops()), Found{});
}

TEST(Hops, P1ABioEndsOnce) {
  EXPECT_EQ(judge(kLinear, changed(linear_hops(), [](Hops& h) { h.push_back(end(1)); })),
            Found{"P1"});
  EXPECT_EQ(judge(kLinear, changed(linear_hops(), [](Hops& h) { h.pop_back(); })), Found{"P1"});
  EXPECT_EQ(judge(kLinear, changed(linear_hops(), [](Hops& h) { h.pop_back(); }), HistoryEnd::Hung),
            Found{})
      << "what hung is judged as a hang";
}

TEST(Hops, R19TheEndComesAfterThePartsWithTheirError) {
  EXPECT_EQ(judge(kDisk, changed(disk_hops(), [](Hops& h) { std::swap(h[7], h[8]); })),
            (Found{"R19", "R19"}));
  EXPECT_EQ(judge(kDisk, changed(disk_hops(), [](Hops& h) { h[7].error = EIO; })), Found{"R19"});
  EXPECT_EQ(judge(kDisk, changed(disk_hops(), [](Hops& h) { h[7].error = h[8].error = EIO; })),
            Found{});
  EXPECT_EQ(judge(kLinear, changed(linear_hops(), [](Hops& h) { std::swap(h[7], h[8]); })),
            (Found{"R19", "R19"}));
}

TEST(Hops, P11ASplitTiles) {
  const auto front = [](Range range) {
    return changed(disk_hops(), [range](Hops& h) { h[2].range = range; });
  };
  EXPECT_EQ(judge(kDisk, front({0, 0})).front(), "P11");
  EXPECT_EQ(judge(kDisk, front({1, 63})).front(), "P11");
  EXPECT_EQ(judge(kDisk, front({0, 100})).front(), "P11");
  EXPECT_EQ(judge(kTwo, changed(two_hops(), [](Hops& h) { h[4].range = {9, 7}; })).front(), "R41");
  EXPECT_EQ(judge(kTwo, changed(two_hops(), [](Hops& h) { h[4].range = {8, 7}; })).front(), "P11");
}

TEST(Hops, R15ADiskTakesTheLargestPiece) {
  EXPECT_EQ(judge(kDisk, changed(disk_hops(),
                                 [](Hops& h) {
                                   h[2].range.count_sectors = 63;
                                   h[3].range = h[5].range = {63, 37};
                                 })),
            Found{"R15"});
  EXPECT_EQ(judge("  x: write d1 0+30\n",
                  {submit(1, "d1", {0, 30}), enter(1, "d1", {0, 30}), leave("d1"), end(1)}),
            Found{"R15"})
      << "it crosses a chunk";
}

TEST(Hops, R41AMappedDeviceTakesTheLargestPiece) {
  EXPECT_EQ(judge(kStriped, {submit(1, "y", {4, 12}), enter(1, "y", {4, 12}), clone(2, 1, {4, 12}),
                             submit(2, "d0", {4, 4}), submit(1, "y", {8, 8}), leave("y"),
                             enter(2, "d0", {4, 4}), leave("d0"), enter(1, "y", {8, 8}),
                             clone(3, 1, {8, 8}), submit(3, "d1", {0, 8}), leave("y"),
                             enter(3, "d1", {0, 8}), leave("d1"), end(2), end(3), end(1)}),
            Found{});
  EXPECT_EQ(judge(kStriped, {submit(1, "y", {4, 12}), enter(1, "y", {4, 12}), clone(2, 1, {4, 12}),
                             submit(2, "d0", {4, 12}), leave("y"), enter(2, "d0", {4, 12}),
                             leave("d0"), end(2), end(1)}),
            Found{"R41"});
}

TEST(Hops, R44APreflushWithDataIsCutOnlyOnceItsFlushIsThrough) {
  Hop with_flush = enter(1, "y", {4, 12});
  with_flush.flags.set(OperationFlag::Preflush);
  const Hop empty = [] {
    Hop hop = submit(2, "d0", {0, 0});
    hop.flags.set(OperationFlag::Preflush);
    return hop;
  }();
  Hop again = submit(1, "y", {4, 12});
  again.task = 3;  // the worker's, before the first driver has returned
  EXPECT_EQ(
      judge(kStriped,
            {submit(1, "y", {4, 12}), with_flush, clone(2, 0, {0, 0}), empty, again, leave("y")},
            HistoryEnd::Hung),
      Found{});
}

TEST(Hops, R46R47ItGoesWhereTheTableMapsIt) {
  EXPECT_EQ(judge(kLinear, changed(linear_hops(), [](Hops& h) { h[3].range.first_sector = 9; })),
            Found{"R46"});
  EXPECT_EQ(judge(kLinear, changed(linear_hops(), [](Hops& h) { h[3].device = "d1"; })),
            Found{"R46"});
  EXPECT_EQ(judge(kStriped,
                  {submit(1, "y", {4, 12}), enter(1, "y", {4, 12}), clone(2, 1, {4, 12}),
                   submit(2, "d1", {4, 4})},
                  HistoryEnd::Hung),
            Found{"R47"});
}

TEST(Hops, R7OneDriverAtATime) {
  EXPECT_EQ(judge(kLinear, changed(linear_hops(), [](Hops& h) { std::swap(h[4], h[5]); })).front(),
            "R7");
  EXPECT_EQ(judge(kLinear, changed(linear_hops(),
                                   [](Hops& h) {
                                     std::swap(h[4], h[5]);
                                     h[4].task = 3;
                                   })),
            Found{})
      << "another task is another matter";
}

TEST(Hops, R8LowerDevicesFirst) {
  // The rest of the split is handled before the lower bio of its first piece.
  EXPECT_EQ(
      judge(kTwo,
            {submit(1, "y", {0, 16}), enter(1, "y", {0, 16}), clone(2, 1, {0, 16}),
             submit(2, "d0", {8, 8}), submit(1, "y", {8, 8}), leave("y"), enter(1, "y", {8, 8})},
            HistoryEnd::Hung),
      Found{"R8"});
  // Under a disk's own driver the order is that of submission.
  EXPECT_EQ(judge("  x: write d0 0+16\n",
                  {submit(1, "d0", {0, 16}), enter(1, "d0", {0, 16}), submit(2, "d1", {0, 8}),
                   submit(3, "d0", {0, 8}), leave("d0"), enter(3, "d0", {0, 8})},
                  HistoryEnd::Hung),
            Found{"R8"});
}

TEST(Hops, R1NothingPassesTheEndOfADisk) {
  EXPECT_EQ(judge("  x: write d0 8184+8\n",
                  {submit(1, "d0", {8184, 9}), enter(1, "d0", {8184, 9}), leave("d0"), end(1)}),
            Found{"R1"});
}

TEST(Hops, P3NothingIsInsideAfterASuspend) {
  const std::string lines = std::string(kLinear) + "  suspend y; resume y\n";
  EXPECT_EQ(judge(lines, linear_hops()), Found{});
  EXPECT_EQ(judge(lines, changed(linear_hops(), [](Hops& h) { h.resize(h.size() - 2); })),
            (Found{"P3", "P1"}));
}

TEST(Hops, P7NoDeviceGetsItsOwnBios) {
  EXPECT_EQ(judge(kLinear,
                  {submit(1, "y", {0, 16}), enter(1, "y", {0, 16}), clone(2, 1, {0, 16}),
                   submit(2, "d0", {8, 16}), leave("y"), enter(2, "y", {8, 16})},
                  HistoryEnd::Hung),
            Found{"P7"});
}

TEST(Hops, P2NothingPassesAnInterposer) {
  const std::string lines =
      "  create top; load top \"0 8192 linear d0 0\" interpose; resume top\n  x: write d0 0+16\n";
  Hops hops{submit(1, "d0", {0, 16}),
            enter(1, "top", {0, 16}),
            clone(2, 1, {0, 16}),
            submit(2, "d0", {0, 16}),
            leave("top"),
            enter(2, "d0", {0, 16}),
            leave("d0"),
            end(2),
            end(1)};
  hops[3].below = hops[5].below = true;
  EXPECT_EQ(judge(lines, hops), Found{});
  EXPECT_EQ(judge(lines, {submit(1, "d0", {0, 16}), enter(1, "d0", {0, 16}), leave("d0"), end(1)}),
            Found{"P2"});
}

}  // namespace
}  // namespace bioscope

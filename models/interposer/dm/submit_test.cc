// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "models/base/chooser.h"
#include "models/interposer/dm/dm_test_machine.h"

namespace bioscope::dm {
namespace {

using Bytes = std::vector<u8>;
using Pieces = std::vector<std::pair<u64, u64>>;

blk::QueueLimits with_cache() {
  blk::QueueLimits limits;
  limits.write_cache = true;
  limits.fua = true;
  limits.nowait = true;
  return limits;
}

blk::QueueLimits with_discard(u32 max_sectors, u32 granularity_sectors) {
  blk::QueueLimits limits = with_cache();
  limits.max_discard_sectors = max_sectors;
  limits.discard_granularity_bytes = granularity_sectors * kSectorBytes;
  limits.max_write_zeroes_sectors = max_sectors;
  return limits;
}

ON_MACHINE(Submit, SplitsAtTargets) {  // R41, P11
  TestDisk& d0 = m.add_disk("d0");
  TestDisk& d1 = m.add_disk("d1");
  ASSERT_EQ(m.make("a", "0 3 probe d0 8; 3 5 probe d1 0; 8 1 probe d0 0; 9 7 probe d1 5"), 0);
  EXPECT_EQ(m.write("a", 1, 10, 4), 0);
  EXPECT_EQ(m.probes().maps, (Pieces{{1, 2}, {0, 5}, {0, 1}, {0, 2}}));
  for (const u64 sector : {9, 10, 0}) EXPECT_EQ(d0.byte(sector), 4);
  for (const u64 sector : {0, 4, 5, 6}) EXPECT_EQ(d1.byte(sector), 4);
  EXPECT_EQ(d1.byte(7), 0);
  EXPECT_EQ(d0.byte(8), 0);
  EXPECT_EQ(m.probes().ended, 4U);
  Bytes bytes;
  EXPECT_EQ(m.read("a", 0, 12, bytes), 0);
  EXPECT_EQ(bytes, (Bytes{0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 0}));
}

ON_MACHINE(Submit, SplitsAtMaxIoLen) {  // R41
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 5 probe d0 0; 5 30 probe d0 8 max=6"), 0);
  EXPECT_EQ(m.write("a", 9, 20, 4), 0);
  EXPECT_EQ(m.probes().maps, (Pieces{{4, 2}, {6, 6}, {12, 6}, {18, 6}}));
}

ON_MACHINE(Submit, MaxSectorsCountOnlyWithMaxIoLen) {  // R41
  blk::QueueLimits limits;
  limits.max_sectors = 4;
  m.add_disk("d0", limits);
  ASSERT_EQ(m.make("a", "0 32 probe d0 0; 32 32 probe d0 32 max=16"), 0);
  EXPECT_EQ(m.write("a", 8, 12, 4), 0);
  EXPECT_EQ(m.probes().maps, (Pieces{{8, 12}}));
  m.probes().maps.clear();
  EXPECT_EQ(m.write("a", 33, 10, 4), 0);
  EXPECT_EQ(m.probes().maps, (Pieces{{1, 4}, {5, 4}, {9, 2}}));
}

TEST(Submit, EveryCutTilesTheRange) {  // P11
  Chooser chooser(11);
  for (int round = 0; round < 200; ++round) {
    const auto pick = [&](u32 n) { return chooser.pick(ChoiceKind::Generate, 1, n); };
    std::string table;
    u64 size = 0;
    for (u32 target = 0; target <= pick(4); ++target) {
      const u64 count = 1 + pick(9);
      table += std::to_string(size) + " " + std::to_string(count) + " probe d0 " +
               std::to_string(pick(40)) + (pick(2) ? " max=" + std::to_string(1 + pick(5)) : "") +
               ";";
      size += count;
    }
    const u64 first = pick(static_cast<u32>(size));
    const u64 count = 1 + pick(static_cast<u32>(size - first));
    const u64 accept = pick(4);
    const rt::Outcome outcome = rt::run({.seed = 1}, [&] {
      TestMachine m;
      m.add_disk("d0");
      ASSERT_EQ(m.make("a", table), 0) << table;
      m.probes().accept_sectors = accept;
      Bytes bytes;
      EXPECT_EQ(m.read("a", first, count, bytes), 0);
      EXPECT_GE(m.probes().maps.size(), 1U);
      u64 taken = 0;
      for (const auto& [sector, sectors] : m.probes().maps) {
        EXPECT_GT(sectors, 0U);
        taken += accept == 0 ? sectors : std::min(sectors, accept);
      }
      EXPECT_EQ(taken, count) << table << " " << first << "+" << count;
      m.shut_down();
    });
    ASSERT_EQ(outcome.end, rt::End::Finished) << table << rt::describe(outcome);
  }
}

ON_MACHINE(Submit, RemainderComesAfterLowerBios) {  // R42
  m.add_disk("d0");
  ASSERT_EQ(m.make("low", "0 32 probe d0 0"), 0);
  ASSERT_EQ(m.make("up", "0 32 probe low 0 max=4"), 0);
  EXPECT_EQ(m.write("up", 0, 12, 4), 0);
  EXPECT_EQ(m.probes().maps, (Pieces{{0, 4}, {0, 4}, {4, 4}, {4, 4}, {8, 4}, {8, 4}}));
}

ON_MACHINE(Submit, TargetTakesLess) {
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 16 probe d0 0"), 0);
  m.probes().accept_sectors = 5;
  EXPECT_EQ(m.write("a", 2, 12, 4), 0);
  EXPECT_EQ(m.probes().maps, (Pieces{{2, 12}, {7, 7}, {12, 2}}));
  for (u64 sector = 2; sector < 14; ++sector) EXPECT_EQ(d0.byte(sector), 4);
}

ON_MACHINE(Submit, NoTableNoIo) {  // R45
  m.add_disk("d0");
  ASSERT_EQ(m.create("a"), 0);
  ASSERT_EQ(m.load("a", "0 16 linear d0 0"), 0);
  EXPECT_EQ(m.issue("a", blk::BioOp::Write, 0, 0), EIO);
  EXPECT_EQ(m.write("a", 0, 1, 1), EIO);
  ASSERT_EQ(m.resume("a"), 0);
  EXPECT_EQ(m.write("a", 15, 1, 1), 0);
  EXPECT_EQ(m.write("a", 15, 2, 1), EIO);
}

ON_MACHINE(Submit, FlushesEveryTarget) {  // R44
  m.add_disk("d0", with_cache());
  ASSERT_EQ(m.make("a", "0 8 probe d0 0; 8 8 probe d0 8 flush=3; 16 8 probe d0 16 flush=0"), 0);
  EXPECT_EQ(m.issue("a", blk::BioOp::Write, 0, 0, blk::kReqPreflush), 0);
  EXPECT_EQ(m.probes().numbers, (std::vector<u32>{0, 0, 1, 2}));
  EXPECT_EQ(m.probes().ended, 4U);
}

ON_MACHINE(Submit, DataFollowsItsFlush) {  // R44
  TestDisk& d0 = m.add_disk("d0", with_cache());
  ASSERT_EQ(m.make("a", "0 8 probe d0 0; 8 8 probe d0 8"), 0);
  m.probes().hold = true;
  AsyncBios bios;
  bios.submit(*m.system.find("a"), blk::BioOp::Write, 6, 4, 9, blk::kReqPreflush);
  EXPECT_EQ(m.probes().maps, (Pieces{{0, 0}, {~u64{0} - 7, 0}}));
  m.probes().release();
  bios.wait();
  EXPECT_EQ(bios.error(0), 0);
  EXPECT_EQ(m.probes().maps.size(), 4U);
  EXPECT_EQ(d0.byte(9), 9);
}

ON_MACHINE(Submit, FailedFlushIsTold) {  // R44
  TestDisk& d0 = m.add_disk("d0", with_cache());
  ASSERT_EQ(m.make("a", "0 8 probe d0 0"), 0);
  m.probes().end_error = ENOSPC;
  EXPECT_EQ(m.write("a", 0, 1, 9, blk::kReqPreflush), ENOSPC);
  EXPECT_EQ(d0.byte(0), 0);
  EXPECT_EQ(m.issue("a", blk::BioOp::Write, 0, 0, blk::kReqPreflush), ENOSPC);
}

ON_MACHINE(Submit, ErrorsOfPiecesArrive) {  // R19
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 8 probe d0 0; 8 8 linear d0 8"), 0);
  m.probes().end_error = ENOSPC;
  EXPECT_EQ(m.write("a", 4, 8, 9), ENOSPC);
  EXPECT_EQ(m.write("a", 8, 8, 9), 0);
  m.probes().kill = true;
  EXPECT_EQ(m.write("a", 4, 8, 9), EIO);
}

ON_MACHINE(Submit, DiscardsByLimitsAndTargets) {  // R43
  m.add_disk("d0", with_discard(6, 1));
  ASSERT_EQ(m.make("a", "0 9 probe d0 0 max=2; 9 23 probe d0 9 discard=2"), 0);
  EXPECT_EQ(m.issue("a", blk::BioOp::Discard, 2, 12), 0);
  // To 6 sectors by the limits, then at the target's end, never at max_io_len; twice over there.
  EXPECT_EQ(m.probes().maps, (Pieces{{2, 6}, {8, 1}, {0, 5}, {0, 5}}));
  EXPECT_EQ(m.probes().numbers, (std::vector<u32>{0, 0, 0, 1}));
  EXPECT_EQ(m.issue("a", blk::BioOp::WriteZeroes, 2, 2), EOPNOTSUPP);
}

ON_MACHINE(Submit, DiscardThatNobodyTakes) {  // R43, R5
  m.add_disk("d0", with_discard(64, 1));
  ASSERT_EQ(m.make("a", "0 8 linear d0 0; 8 8 probe d0 8 discard=0"), 0);
  EXPECT_EQ(m.issue("a", blk::BioOp::Discard, 0, 4), EOPNOTSUPP);
  EXPECT_FALSE(m.system.find("a")->queue().offers_discard());
  m.add_disk("d1");
  ASSERT_EQ(m.make("b", "0 8 linear d0 0; 8 8 linear d1 8"), 0);
  EXPECT_EQ(m.issue("b", blk::BioOp::Discard, 0, 4), EOPNOTSUPP);
}

ON_MACHINE(Submit, NowaitByTarget) {  // R5, R13
  m.add_disk("d0", with_cache());
  ASSERT_EQ(m.make("a", "0 8 probe d0 0; 8 8 probe d0 8"), 0);
  EXPECT_EQ(m.write("a", 4, 8, 1, blk::kReqNowait), 0);
  EXPECT_EQ(m.probes().maps.size(), 2U);
  ASSERT_EQ(m.make("b", "0 8 probe d0 0; 8 8 probe d0 8 nowait=0"), 0);
  EXPECT_EQ(m.write("b", 0, 1, 1, blk::kReqNowait), EOPNOTSUPP);
}

ON_MACHINE(Submit, LimitsAreStacked) {
  blk::QueueLimits coarse = with_discard(64, 8);
  coarse.logical_block_bytes = 4096;
  coarse.physical_block_bytes = 4096;
  m.add_disk("d0", coarse);
  m.add_disk("d1", with_discard(32, 1));
  ASSERT_EQ(m.make("a", "0 16 linear d0 8; 16 16 linear d1 3"), 0);
  const blk::QueueLimits limits = m.system.find("a")->queue().copy_limits();
  EXPECT_EQ(limits.logical_block_bytes, 4096U);
  EXPECT_EQ(limits.max_discard_sectors, 32U);
  EXPECT_EQ(limits.discard_granularity_bytes, 4096U);
  EXPECT_TRUE(limits.write_cache && limits.fua && limits.nowait);
  // A block that would lie across the end of a target.
  ASSERT_EQ(m.create("b"), 0);
  EXPECT_EQ(m.load("b", "0 8 linear d0 1"), EINVAL);
  EXPECT_EQ(m.load("b", "0 4 linear d1 0; 4 16 linear d0 8"), EINVAL);
  EXPECT_EQ(m.load("b", "0 8 linear d1 0; 8 16 linear d0 8"), 0);
}

ON_MACHINE(Submit, ParallelBiosEachEndOnce) {  // P1
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 8 linear d0 0; 8 8 linear d0 16"), 0);
  const auto writer = [&m](u8 fill) {
    AsyncBios bios;
    for (u64 i = 0; i < 3; ++i) bios.submit(*m.system.find("a"), blk::BioOp::Write, 7, 2, fill);
    bios.wait();
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(bios.error(i), 0);
  };
  rt::Thread other("other", [&] { writer(1); });
  writer(2);
  other.join();
  EXPECT_EQ(m.info("a").open_count, 0U);
}

}  // namespace
}  // namespace bioscope::dm

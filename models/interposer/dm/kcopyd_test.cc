// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/dm/kcopyd.h"

#include <cerrno>

#include "models/interposer/dm/dm_test_machine.h"

namespace bioscope::dm {
namespace {

// Copies and waits. The errors of both sides.
std::pair<int, int> copy(Kcopyd& kcopyd, const IoRegion& from, const IoRegion& to) {
  std::pair<int, int> errors{-1, -1};
  kcopyd.copy(from, to,
              [&errors](int read_error, int write_error) { errors = {read_error, write_error}; });
  kcopyd.drain();
  return errors;
}

ON_MACHINE(Copies, Regions) {  // R66
  TestDisk& d0 = m.add_disk("d0");
  TestDisk& d1 = m.add_disk("d1");
  for (u8 i = 0; i < 8; ++i) ASSERT_EQ(m.write("d0", 8 + i, 1, i + 1), 0);
  Kcopyd kcopyd("kcopyd");
  EXPECT_EQ(copy(kcopyd, {&d0.whole(), 8, 8}, {&d1.whole(), 40, 8}), std::pair(0, 0));
  for (u8 i = 0; i < 8; ++i) EXPECT_EQ(d1.byte(40 + i), i + 1);
  EXPECT_EQ(d1.byte(39), 0);
  EXPECT_EQ(d1.byte(48), 0);
}

ON_MACHINE(Copies, LongRegionsByPieces) {
  constexpr u64 kSectors = 2500;
  TestDisk& d0 = m.add_disk("d0", {}, kSectors + 8);
  TestDisk& d1 = m.add_disk("d1", {}, kSectors + 8);
  for (const u64 sector : {u64{0}, u64{1023}, u64{1024}, u64{2047}, u64{2048}, kSectors - 1}) {
    ASSERT_EQ(m.write("d0", sector, 1, 7), 0);
  }
  ASSERT_EQ(m.write("d1", 0, 2000, 9), 0);
  Kcopyd kcopyd("kcopyd");
  EXPECT_EQ(copy(kcopyd, {&d0.whole(), 0, kSectors}, {&d1.whole(), 0, kSectors}), std::pair(0, 0));
  for (u64 i = 0; i < kSectors; i += 1) ASSERT_EQ(d1.byte(i), d0.byte(i)) << i;
}

ON_MACHINE(Copies, ErrorsOfEachSide) {  // R68
  TestDisk& d0 = m.add_disk("d0");
  TestDisk& d1 = m.add_disk("d1");
  Kcopyd kcopyd("kcopyd");
  EXPECT_EQ(copy(kcopyd, {&d0.whole(), 60, 8}, {&d1.whole(), 0, 8}), std::pair(EIO, 0));
  EXPECT_EQ(copy(kcopyd, {&d0.whole(), 0, 8}, {&d1.whole(), 60, 8}), std::pair(0, EIO));
  EXPECT_EQ(copy(kcopyd, {&d0.whole(), 0, 8}, {&d1.whole(), 56, 8}), std::pair(0, 0));
}

ON_MACHINE(Copies, ManyOneWorkerTellsOfEach) {
  constexpr u32 kCopies = 2 * Kcopyd::kMaxJobs + 3;
  TestDisk& d0 = m.add_disk("d0");
  TestDisk& d1 = m.add_disk("d1");
  for (u8 i = 0; i < 64; ++i) ASSERT_EQ(m.write("d0", i, 1, i + 1), 0);
  Kcopyd kcopyd("kcopyd");
  u32 told = 0;
  u32 called = 0;
  std::vector<u32> workers;
  for (u32 i = 0; i < kCopies; ++i) {
    kcopyd.copy({&d0.whole(), i % 64, 1}, {&d1.whole(), i % 64, 1}, [&](int, int) {
      ++told;
      workers.push_back(rt::current_thread());
      // In line with the others, and one may ask for more.
      kcopyd.do_callback([&](int read_error, int write_error) {
        EXPECT_EQ(read_error + write_error, 0);
        ++called;
      });
    });
  }
  kcopyd.drain();
  EXPECT_EQ(told, kCopies);
  EXPECT_EQ(called, kCopies);
  EXPECT_EQ(std::ranges::count(workers, workers.front()), static_cast<i64>(kCopies));
  for (u8 i = 0; i < 64; ++i) EXPECT_EQ(d1.byte(i), i + 1);
}

ON_MACHINE(Copies, PassBelowASuspendedInterposer) {  // P6
  TestDisk& d0 = m.add_disk("d0");
  TestDisk& d1 = m.add_disk("d1");
  ASSERT_EQ(m.write("d0", 3, 1, 3), 0);
  ASSERT_EQ(m.make("a", "0 64 probe d0 0", {.interpose = true}), 0);
  ASSERT_EQ(m.suspend("a"), 0);
  Kcopyd kcopyd("kcopyd");
  EXPECT_EQ(copy(kcopyd, {&d0.whole().below(), 0, 8}, {&d1.whole(), 0, 8}), std::pair(0, 0));
  EXPECT_EQ(copy(kcopyd, {&d1.whole(), 0, 8}, {&d0.whole().below(), 8, 8}), std::pair(0, 0));
  EXPECT_EQ(d0.byte(11), 3);
  std::vector<u8> bytes(kSectorBytes);
  EXPECT_EQ(dm_io_sync({&d0.whole().below(), 11, 1}, blk::BioOp::Read, 0, bytes), 0);
  EXPECT_EQ(bytes[0], 3);
  EXPECT_TRUE(m.probes().maps.empty());
  EXPECT_EQ(m.resume("a"), 0);
}

// As a snapshot commits: while other copies are kept back in the worker's plug.
ON_MACHINE(Copies, TheToldMayWaitForIo) {
  TestDisk& d0 = m.add_disk("d0");
  TestDisk& d1 = m.add_disk("d1");
  Kcopyd kcopyd("kcopyd");
  u32 told = 0;
  for (u32 i = 0; i < 4; ++i) {
    kcopyd.copy({&d0.whole(), i, 1}, {&d1.whole(), i, 1}, [&, i](int, int) {
      std::vector<u8> bytes(kSectorBytes, 1);
      EXPECT_EQ(dm_io_sync({&d1.whole(), 8 + i, 1}, blk::BioOp::Write, 0, bytes), 0);
      ++told;
    });
  }
  kcopyd.drain();
  EXPECT_EQ(told, 4U);
}

ON_MACHINE(DmIo, WaitsForAllOfIt) {
  constexpr u64 kSectors = 2 * kMaxIoSectors + 5;
  blk::QueueLimits limits;
  limits.write_cache = true;
  limits.max_discard_sectors = 8;
  limits.discard_granularity_bytes = 512;
  TestDisk& d0 = m.add_disk("d0", limits, kSectors);
  std::vector<u8> bytes(kSectors * kSectorBytes, 5);
  EXPECT_EQ(dm_io_sync({&d0.whole(), 0, kSectors}, blk::BioOp::Write, blk::kReqFua, bytes), 0);
  EXPECT_EQ(d0.byte(kSectors - 1), 5);
  bytes.assign(bytes.size(), 0);
  EXPECT_EQ(dm_io_sync({&d0.whole(), 0, kSectors}, blk::BioOp::Read, 0, bytes), 0);
  EXPECT_EQ(std::ranges::count(bytes, 5), static_cast<i64>(bytes.size()));
  EXPECT_EQ(dm_io_sync({&d0.whole(), 1, kSectors}, blk::BioOp::Read, 0, bytes), EIO);
  EXPECT_EQ(dm_io_sync({&d0.whole(), 0, 0}, blk::BioOp::Write, blk::kReqPreflush, {}), 0);
  EXPECT_EQ(dm_io_sync({&d0.whole(), 0, 20}, blk::BioOp::Discard, 0, {}), 0);
  EXPECT_EQ(dm_io_sync({&d0.whole(), 0, 20}, blk::BioOp::WriteZeroes, 0, {}), EOPNOTSUPP);
}

}  // namespace
}  // namespace bioscope::dm

// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <algorithm>

#include "models/interposer/targets/testing/target_machine.h"

namespace bioscope::dm {
namespace {

using testing::check;
using testing::check_equal;

TARGET_SCENARIO(Zero, ReadsZeroesAndDropsWrites) {
  m.make("z", "0 64 zero");
  std::vector<u8> first(kSectorBytes, 7);
  std::vector<u8> second(3 * kSectorBytes, 7);
  const iovec segments[] = {{first.data(), first.size()}, {second.data(), second.size()}};
  check_equal(m.issue("z", blk::BioOp::Write, 60, 4, 0, segments), 0, "write");
  check(std::ranges::count(second, u8{7}) == 3 * kSectorBytes, "a write leaves its memory alone");
  check_equal(m.issue("z", blk::BioOp::Read, 60, 4, 0, segments), 0, "read");
  check(std::ranges::count(first, u8{0}) == kSectorBytes, "the first segment is zero");
  check(std::ranges::count(second, u8{0}) == 3 * kSectorBytes, "the last segment is zero");
  check_equal(m.issue("z", blk::BioOp::Read, 60, 4, blk::kReqRahead, segments), EIO, "readahead");
  check_equal(m.flush("z"), 0, "flush");
  check_equal(m.issue("z", blk::BioOp::Discard, 0, 8), EOPNOTSUPP, "discard");
  check_equal(m.issue("z", blk::BioOp::WriteZeroes, 0, 8), EOPNOTSUPP, "write zeroes");
}

TARGET_SCENARIO(Zero, TakesNoArguments) {
  m.refuses("0 64 zero 1", "No arguments required");
}

TARGET_SCENARIO(ErrorTarget, FailsEverythingButAFlush) {
  m.make("e", "0 64 error and what else");
  std::vector<u8> bytes(kSectorBytes);
  check_equal(blk::blkdev_read(m.device("e"), 0, bytes), EIO, "read");
  check_equal(m.write("e", 0, 1, 1), EIO, "write");
  check_equal(m.flush("e"), 0, "flush");
  check_equal(m.table("e"), std::string(), "table");
}

// Of a piece that fails the bio fails, and what went elsewhere has arrived.
TARGET_SCENARIO(ErrorTarget, BesideAnother) {
  auto& disk = m.add_disk("d0");
  m.make("e", "0 4 linear d0 0; 4 4 error");
  check_equal(m.write("e", 0, 8, 5), EIO, "write");
  check_equal(u32{disk.byte(3)}, 5U, "the half that can");
}

}  // namespace
}  // namespace bioscope::dm

// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/request_disk.h"

#include <array>
#include <cerrno>

#include "models/interposer/block/submit.h"
#include "models/interposer/block/system.h"
#include "models/interposer/block/testing/scenario.h"
#include "models/interposer/block/testing/test_disk.h"

namespace bioscope::blk {
namespace {

using testing::check;
using testing::check_equal;
using testing::TestDisk;
using Lines = std::vector<std::string>;

SCENARIO(RequestDisk, WritesAndReadsThroughAPartition) {
  System system;
  TestDisk memory(128);
  RequestDisk sda(system, "sda", memory, {}, 128);
  check_equal(system.add_disk(sda.disk()), 0, "add_disk");
  check_equal(sda.disk().add_partition(16, 32), 0, "add_partition");
  BlockDevice* partition = system.find("sdap1");
  check(partition != nullptr, "the partition has a name");
  std::array<u8, 2 * kSectorBytes> out{};
  out.fill(7);
  check_equal(blkdev_write(*partition, 30, out, 0), 0, "write");
  std::array<u8, 2 * kSectorBytes> in{};
  check_equal(blkdev_read(*partition, 30, in), 0, "read");
  check(in == out, "what was written is read");
  check_equal(blkdev_write(*partition, 31, out, 0), EIO, "a write past the end of the partition");
  check_equal(memory.take_log(), Lines{"write 46+2", "read 46+2"}, "the disk got");
  system.remove_disk(sda.disk());
  check_equal(blkdev_read(*partition, 0, in), EIO, "a read of a disk that is gone");
}

}  // namespace
}  // namespace bioscope::blk

// SPDX-License-Identifier: Apache-2.0
// A machine for the scenarios of targets: disks that keep a log of what they got, hold it back and
// fail it, with mapped devices over them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/interposer/block/request_disk.h"
#include "models/interposer/block/testing/scenario.h"
#include "models/interposer/block/testing/test_disk.h"
#include "models/interposer/dm/dm_test_machine.h"

namespace bioscope::dm::testing {

using blk::testing::check;
using blk::testing::check_equal;
using Lines = std::vector<std::string>;

// Limits of a disk that offers everything the targets here ask for.
inline blk::QueueLimits generous_limits() {
  blk::QueueLimits limits;
  limits.max_discard_sectors = 1 << 20;
  limits.discard_granularity_bytes = kSectorBytes;
  limits.max_write_zeroes_sectors = 1 << 20;
  limits.write_cache = true;
  limits.fua = true;
  limits.nowait = true;
  return limits;
}

class WatchedDisk {
 public:
  WatchedDisk(blk::System& system, const std::string& name, const blk::QueueLimits& limits,
              u64 sectors)
      : memory(sectors), disk(system, name, memory, limits, sectors) {
    check_equal(system.add_disk(disk.disk()), 0, "add_disk " + name);
  }
  blk::testing::TestDisk memory;
  blk::RequestDisk disk;
};

class TargetMachine {
 public:
  TargetMachine() : mapper(system) {}
  // Call at the end of a scenario: destructors do not wait.
  void shut_down() {
    mapper.remove_all();
    for (const auto& disk : disks_) system.remove_disk(disk->disk.disk());
  }

  blk::testing::TestDisk& add_disk(const std::string& name, u64 sectors = 64,
                                   const blk::QueueLimits& limits = generous_limits()) {
    disks_.push_back(std::make_unique<WatchedDisk>(system, name, limits, sectors));
    return disks_.back()->memory;
  }

  int load(const std::string& name, const std::string& table) {
    why.clear();
    return mapper.load({.name = name}, parse_table(table), {}, why);
  }
  // create, load, resume.
  void make(const std::string& name, const std::string& table) {
    check_equal(mapper.create(name, "", -1), 0, "create " + name);
    check_equal(load(name, table), 0, "load " + table + ": " + why);
    check_equal(mapper.resume({.name = name}, {}), 0, "resume " + name);
  }
  // A load that must be refused, with the constructor's own words.
  void refuses(const std::string& table, const std::string& message, int error = EINVAL) {
    if (mapper.names().empty()) check_equal(mapper.create("refused", "", -1), 0, "create");
    check_equal(load(mapper.names().front(), table), error, table);
    check(why.find(message) != std::string::npos, table + ": said \"" + why + "\"");
  }
  int remove(const std::string& name) { return mapper.remove({.name = name}, {}); }
  int suspend(const std::string& name) { return mapper.suspend({.name = name}, {}); }
  int resume(const std::string& name) { return mapper.resume({.name = name}, {}); }
  int message(const std::string& name, std::vector<std::string> words) {
    std::string reply;
    return mapper.message({.name = name}, 0, std::move(words), reply);
  }
  // What the first target says.
  std::string text(const std::string& name, StatusType type) {
    std::vector<TargetStatus> lines;
    check_equal(mapper.status({.name = name}, type, {}, lines), 0, "status of " + name);
    return lines.empty() ? "" : lines.front().text;
  }
  std::string status(const std::string& name) { return text(name, StatusType::Info); }
  std::string table(const std::string& name) { return text(name, StatusType::Table); }

  blk::BlockDevice& device(const std::string& name) {
    blk::BlockDevice* found = system.find(name);
    check(found != nullptr, "there is no device " + name);
    return *found;
  }
  int write(const std::string& name, u64 sector, u64 count, u8 fill, blk::OpFlags opf = 0) {
    const std::vector<u8> bytes(count * kSectorBytes, fill);
    return blk::blkdev_write(device(name), sector, bytes, opf);
  }
  // The first byte of each sector, all of which must be the same.
  std::vector<u8> read(const std::string& name, u64 sector, u64 count) {
    std::vector<u8> bytes(count * kSectorBytes);
    check_equal(blk::blkdev_read(device(name), sector, bytes), 0, "read of " + name);
    std::vector<u8> first;
    for (u64 i = 0; i < count; ++i) first.push_back(bytes[i * kSectorBytes]);
    return first;
  }
  int flush(const std::string& name) { return blk::blkdev_issue_flush(device(name)); }
  // Without data, or with segments of the caller's.
  int issue(const std::string& name, blk::BioOp op, u64 sector, u64 count, blk::OpFlags opf = 0,
            std::span<const iovec> segments = {}) {
    blk::Bio* bio = blk::bio_alloc(&device(name), op, opf, sector, count, segments);
    const int error = blk::submit_bio_wait(*bio);
    blk::bio_put(bio);
    return error;
  }

  blk::System system;
  DeviceMapper mapper;
  std::string why;

 private:
  std::vector<std::unique_ptr<WatchedDisk>> disks_;
};

// A scenario on a machine of its own.
#define TARGET_SCENARIO(suite, name)                                          \
  static void suite##_##name##_on(::bioscope::dm::testing::TargetMachine& m); \
  SCENARIO(suite, name) {                                                     \
    ::bioscope::dm::testing::TargetMachine m;                                 \
    suite##_##name##_on(m);                                                   \
    m.shut_down();                                                            \
  }                                                                           \
  static void suite##_##name##_on(::bioscope::dm::testing::TargetMachine& m)

}  // namespace bioscope::dm::testing

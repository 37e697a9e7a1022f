// SPDX-License-Identifier: Apache-2.0
// A machine for tests of the DM core: disks in memory, a device mapper, and operations that say in
// one line what they do.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "models/interposer/block/request_disk.h"
#include "models/interposer/block/submit.h"
#include "models/interposer/block/system.h"
#include "models/interposer/dm/device_mapper.h"
#include "models/interposer/dm/dm_test_target.h"
#include "models/runtime/clock.h"
#include "models/runtime/memory_disk.h"
#include "models/runtime/test_runs.h"
#include "models/runtime/thread.h"

namespace bioscope::dm {

inline constexpr u64 kDiskSectors = 64;

inline std::vector<TargetLine> parse_table(const std::string& text) {
  std::vector<TargetLine> lines;
  std::istringstream all(text);
  for (std::string line; std::getline(all, line, ';');) {
    std::istringstream words(line);
    TargetLine parsed;
    words >> parsed.begin_sector >> parsed.count_sectors >> parsed.type;
    for (std::string word; words >> word;) parsed.words.push_back(word);
    lines.push_back(parsed);
  }
  return lines;
}

// One disk "NAME" on memory.
class TestDisk {
 public:
  TestDisk(blk::System& system, const std::string& name, const blk::QueueLimits& limits,
           u64 sectors = kDiskSectors)
      : memory_(sectors), disk_(system, name, memory_, limits, sectors) {
    EXPECT_EQ(system.add_disk(disk_.disk()), 0);
  }
  blk::BlockDevice& whole() { return disk_.disk().whole(); }
  blk::Gendisk& disk() { return disk_.disk(); }
  blk::RequestDisk& driver() { return disk_; }
  // The first byte of a sector, past every layer.
  u8 byte(u64 sector) {
    std::vector<u8> bytes(kSectorBytes);
    iovec segment{bytes.data(), bytes.size()};
    rt::DiskIo io{.operation = rt::DiskOperation::Read,
                  .fua = false,
                  .first_sector = sector,
                  .count_sectors = 1,
                  .segments = {&segment, 1},
                  .done = nullptr,
                  .context = nullptr};
    EXPECT_EQ(rt::submit_and_wait(memory_, io), 0);
    return bytes[0];
  }

 private:
  rt::MemoryDisk memory_;
  blk::RequestDisk disk_;
};

class TestMachine {
 public:
  explicit TestMachine(blk::Watcher* watcher = nullptr) : system(watcher), mapper(system) {
    for (const TargetType* type : {&kProbeType, &kLonelyType, &kImmutableType}) {
      mapper.register_target(*type);
    }
  }
  // Call at the end of a run: destructors do not wait.
  void shut_down() {
    mapper.remove_all();
    for (auto& disk : disks) {
      if (!disk->disk().dead()) system.remove_disk(disk->disk());
    }
  }

  TestDisk& add_disk(const std::string& name, const blk::QueueLimits& limits = {},
                     u64 sectors = kDiskSectors) {
    disks.push_back(std::make_unique<TestDisk>(system, name, limits, sectors));
    return *disks.back();
  }
  int create(const std::string& name) { return mapper.create(name, "", -1); }
  int load(const std::string& name, const std::string& table, const IoctlFlags& flags = {}) {
    why.clear();
    return mapper.load({.name = name}, parse_table(table), flags, why);
  }
  int interpose(const std::string& name, const std::string& table) {
    return load(name, table, {.interpose = true});
  }
  int suspend(const std::string& name, const IoctlFlags& flags = {}) {
    return mapper.suspend({.name = name}, flags);
  }
  int resume(const std::string& name, const IoctlFlags& flags = {}) {
    return mapper.resume({.name = name}, flags);
  }
  int remove(const std::string& name, const IoctlFlags& flags = {}) {
    return mapper.remove({.name = name}, flags);
  }
  Probes& probes() { return Probes::of(mapper); }
  // create, load, resume.
  int make(const std::string& name, const std::string& table, const IoctlFlags& flags = {}) {
    if (const int error = create(name); error != 0) return error;
    if (const int error = load(name, table, flags); error != 0) return error;
    return resume(name);
  }
  DeviceInfo info(const std::string& name) {
    DeviceInfo info;
    EXPECT_EQ(mapper.info({.name = name}, info), 0);
    return info;
  }
  std::string text(const std::string& name, StatusType type) {
    std::vector<TargetStatus> lines;
    EXPECT_EQ(mapper.status({.name = name}, type, {}, lines), 0);
    std::string text;
    for (const TargetStatus& line : lines) {
      text += text.empty() ? "" : "; ";
      text += std::to_string(line.begin_sector) + " " + std::to_string(line.count_sectors) + " " +
              line.type + (line.text.empty() ? "" : " ") + line.text;
    }
    return text;
  }

  // I/O on what `name` names now; waits. `fill` in every byte.
  int write(const std::string& name, u64 sector, u64 count, u8 fill, blk::OpFlags opf = 0) {
    blk::BlockDevice* bdev = system.find(name);
    if (bdev == nullptr) return ENODEV;
    std::vector<u8> bytes(count * kSectorBytes, fill);
    return blk::blkdev_write(*bdev, sector, bytes, opf);
  }
  int read(const std::string& name, u64 sector, u64 count, std::vector<u8>& first_bytes) {
    blk::BlockDevice* bdev = system.find(name);
    if (bdev == nullptr) return ENODEV;
    std::vector<u8> bytes(count * kSectorBytes);
    const int error = blk::blkdev_read(*bdev, sector, bytes);
    first_bytes.clear();
    for (u64 i = 0; i < count; ++i) first_bytes.push_back(bytes[i * kSectorBytes]);
    return error;
  }
  // Without data.
  int issue(const std::string& name, blk::BioOp op, u64 sector, u64 count, blk::OpFlags opf = 0) {
    blk::Bio* bio = bio_alloc(system.find(name), op, opf, sector, count, {});
    const int error = submit_bio_wait(*bio);
    bio_put(bio);
    return error;
  }

  blk::System system;
  std::deque<std::unique_ptr<TestDisk>> disks;
  DeviceMapper mapper;
  std::string why;
};

// Several bios at once, each with its error once it has ended; in the order in which they ended.
class AsyncBios {
 public:
  void submit(blk::BlockDevice& bdev, blk::BioOp op, u64 sector, u64 count, u8 fill = 0,
              blk::OpFlags opf = 0) {
    auto& entry = entries_.emplace_back();
    entry.owner = this;
    entry.index = entries_.size() - 1;
    const bool data = op == blk::BioOp::Read || op == blk::BioOp::Write;
    if (data) entry.bytes.assign(count * kSectorBytes, fill);
    entry.segment = {entry.bytes.data(), entry.bytes.size()};
    blk::Bio* bio =
        bio_alloc(&bdev, op, opf, sector, count, {&entry.segment, data && count > 0 ? 1U : 0U});
    bio->context = &entry;
    bio->end_io = [](blk::Bio& ended) {
      auto& done = *static_cast<Entry*>(ended.context);
      done.error = ended.status;
      bio_put(&ended);
      AsyncBios& all = *done.owner;
      const std::lock_guard guard(all.lock_);
      all.ended_.push_back(done.index);
      all.wait_.wake_up_all();
    };
    submit_bio(*bio);
  }
  // Until all have ended.
  void wait() {
    const std::lock_guard guard(lock_);
    wait_.wait_event_locked(lock_, [this] { return ended_.size() == entries_.size(); });
  }
  std::size_t ended() {
    const std::lock_guard guard(lock_);
    return ended_.size();
  }
  int error(std::size_t index) const { return entries_[index].error; }
  const std::vector<std::size_t>& order() const { return ended_; }
  u8 byte(std::size_t index, u64 sector) const {
    return entries_[index].bytes[sector * kSectorBytes];
  }

 private:
  struct Entry {
    AsyncBios* owner = nullptr;
    std::size_t index = 0;
    int error = -1;
    std::vector<u8> bytes;
    iovec segment{};
  };
  std::deque<Entry> entries_;
  rt::Mutex lock_{"test bios"};
  rt::WaitQueue wait_{"test bios"};
  std::vector<std::size_t> ended_;
};

using Program = void (*)(TestMachine& m);

// Named, for the test that plants defects (mutants_test.cc).
inline std::map<std::string_view, Program>& programs() {
  static std::map<std::string_view, Program> all;
  return all;
}

struct ProgramEntry {
  ProgramEntry(std::string_view name, Program program) { programs().emplace(name, program); }
};

// On a machine that is shut down at the end.
inline rt::Outcome run_on_machine(u64 seed, Program program) {
  return rt::run({.seed = seed}, [program] {
    TestMachine machine;
    program(machine);
    machine.shut_down();
  });
}

}  // namespace bioscope::dm

// A test that is run under many schedules: ON_MACHINE(Suspend, HoldsBack) { .. m is the machine ..
// }
#define ON_MACHINE(suite, name)                                                      \
  static void suite##_##name(TestMachine& m);                                        \
  static const ::bioscope::dm::ProgramEntry suite##_##name##_entry(#suite "." #name, \
                                                                   &suite##_##name); \
  TEST(suite, name) {                                                                \
    for (::bioscope::u64 seed = 1; seed <= ::bioscope::rt::kTestRuns; ++seed) {      \
      const auto outcome = ::bioscope::dm::run_on_machine(seed, &suite##_##name);    \
      ASSERT_EQ(outcome.end, ::bioscope::rt::End::Finished)                          \
          << "seed " << seed << ": " << ::bioscope::rt::describe(outcome);           \
      if (HasFailure()) return;                                                      \
    }                                                                                \
  }                                                                                  \
  static void suite##_##name(TestMachine& m)

// SPDX-License-Identifier: Apache-2.0
// A machine with an origin disk d0 and a COW disk c0, and what tests of snapshots do with it.
// Everything that must succeed fails the run when it does not.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "models/interposer/block/request_disk.h"
#include "models/interposer/block/system.h"
#include "models/interposer/block/testing/stack.h"
#include "models/interposer/dm/device_mapper.h"
#include "models/runtime/disk.h"

namespace bioscope::dm::testing {

using blk::testing::check;
using blk::testing::check_equal;
using blk::testing::TestBio;

inline constexpr u64 kOriginSectors = 128;
inline constexpr u64 kCowSectors = 256;
inline constexpr u64 kChunkSectors = 8;

// Sees that every bio that was submitted ends once (P1), and who entered what. A clone may end
// without having been submitted. Thread-safe.
class Hops final : public blk::Watcher {
 public:
  void submitted(blk::Bio& bio) override {
    const std::lock_guard guard(lock_);
    if (bio.number == 0) bio.number = ++last_;
    clones_.erase(bio.number);
    open_.insert(bio.number);
  }
  void entered(const blk::Bio& bio, const std::string& where) override {
    const std::lock_guard guard(lock_);
    entries_.push_back(where + " " + std::to_string(bio.iter.sector) + "+" +
                       std::to_string(blk::bio_sectors(bio)));
  }
  void left(const std::string&) override {}
  void was_split(blk::Bio& front, const blk::Bio&) override {
    const std::lock_guard guard(lock_);
    front.number = ++last_;
    open_.insert(front.number);
  }
  void was_cloned(blk::Bio& clone, const blk::Bio&) override {
    const std::lock_guard guard(lock_);
    clone.number = ++last_;
    clones_.insert(clone.number);
  }
  void ended(const blk::Bio& bio) override {
    const std::lock_guard guard(lock_);
    if (bio.number == 0 || clones_.erase(bio.number) == 1) return;
    if (open_.erase(bio.number) != 1) rt::fail("a bio ended that was not open");
  }

  void check_all_ended() const { check_equal(open_.size(), 0U, "bios that never ended"); }
  std::vector<std::string> take_entries() {
    const std::lock_guard guard(lock_);
    return std::exchange(entries_, {});
  }

 private:
  std::mutex lock_;  // nobody gives way while it is held
  u32 last_ = 0;
  std::set<u32> open_;
  std::set<u32> clones_;
  std::vector<std::string> entries_;
};

class Machine {
 public:
  Machine(rt::Disk& origin, rt::Disk& cow) : origin_(origin), cow_(cow) { boot(); }
  ~Machine() { delete mapper; }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // --- device mapper
  void create(const std::string& name, const std::string& line) {
    check_equal(mapper->create(name, "", -1), 0, "create " + name);
    load(name, line);
    resume(name);
  }
  // As `dmsetup create --interpose`.
  void interpose(const std::string& name, const std::string& line) {
    check_equal(mapper->create(name, "", -1), 0, "create " + name);
    check_equal(try_load(name, line, {.interpose = true}), 0, "load " + name + ": " + why);
    resume(name);
  }
  void load(const std::string& name, const std::string& line) {
    check_equal(try_load(name, line), 0, "load " + name + ": " + why);
  }
  int try_load(const std::string& name, const std::string& line, const IoctlFlags& flags = {}) {
    std::istringstream words(line);
    TargetLine target;
    words >> target.begin_sector >> target.count_sectors >> target.type;
    for (std::string word; words >> word;) target.words.push_back(word);
    return mapper->load({.name = name}, {target}, flags, why);
  }
  void resume(const std::string& name) { check_equal(try_resume(name), 0, "resume " + name); }
  int try_resume(const std::string& name) { return mapper->resume({.name = name}, {}); }
  void suspend(const std::string& name) {
    check_equal(mapper->suspend({.name = name}, {}), 0, "suspend " + name);
  }
  void remove(const std::string& name) {
    check_equal(mapper->remove({.name = name}, {}), 0, "remove " + name);
  }
  std::string status(const std::string& name, StatusType type = StatusType::Info) {
    std::vector<TargetStatus> lines;
    check_equal(mapper->status({.name = name}, type, {}, lines), 0, "status " + name);
    return lines.empty() ? "" : lines[0].text;
  }
  // An origin full of A that is suspended while `snap` comes to be, as it should be.
  void origin_and_snapshot(const std::string& table_line) {
    create("org", origin_line());
    write("org", 0, kOriginSectors, 'A');
    suspend("org");
    create("snap", table_line);
    resume("org");
  }
  static std::string origin_line() { return "0 128 snapshot-origin d0"; }

  // --- I/O
  blk::BlockDevice& bdev(const std::string& name) {
    blk::BlockDevice* found = system->find(name);
    if (found == nullptr) {
      rt::fail("there is no " + name);
      rt::yield();  // does not return
    }
    return *found;
  }
  int try_write(const std::string& name, u64 sector, u64 sectors, char fill) {
    return TestBio(bdev(name), blk::BioOp::Write, sector, sectors, 0, static_cast<u8>(fill)).run();
  }
  void write(const std::string& name, u64 sector, u64 sectors, char fill) {
    check_equal(try_write(name, sector, sectors, fill), 0, "write to " + name);
  }
  int try_read(const std::string& name, u64 sector, u64 sectors) {
    return TestBio(bdev(name), blk::BioOp::Read, sector, sectors).run();
  }
  // The first byte of each `step` sectors: "AAB" of three; zero bytes show as '0'.
  std::string shown(const std::string& name, u64 sector = 0, u64 sectors = kOriginSectors,
                    u64 step = kChunkSectors) {
    TestBio bio(bdev(name), blk::BioOp::Read, sector, sectors);
    check_equal(bio.run(), 0, "read of " + name);
    std::string text;
    for (u64 i = 0; i < sectors; i += step) {
      text += bio.byte(i) == 0 ? '0' : static_cast<char>(bio.byte(i));
    }
    return text;
  }
  std::vector<u8> bytes(const std::string& name, u64 sector, u64 sectors) {
    TestBio bio(bdev(name), blk::BioOp::Read, sector, sectors);
    check_equal(bio.run(), 0, "read of " + name);
    return bio.bytes();
  }
  void discard(const std::string& name, u64 sector, u64 sectors) {
    check_equal(TestBio(bdev(name), blk::BioOp::Discard, sector, sectors).run(), 0, "discard");
  }
  void flush(const std::string& name) {
    check_equal(blk::blkdev_issue_flush(bdev(name)), 0, "flush of " + name);
  }

  // Everything that was made is taken away, and nothing is left.
  void finish() {
    remove_all();
    delete std::exchange(mapper, nullptr);
    system->remove_disk(d0->disk());
    system->remove_disk(c0->disk());
    check_equal(d0->disk().whole().openers(), 0U, "openers of d0");
    check_equal(c0->disk().whole().openers(), 0U, "openers of c0");
    hops.check_all_ended();
    d0.reset();
    c0.reset();
    system.reset();
  }
  void boot() {
    blk::QueueLimits limits;
    limits.write_cache = true;
    limits.fua = true;
    limits.max_discard_sectors = 64;
    limits.discard_granularity_bytes = kSectorBytes;
    system = std::make_unique<blk::System>(&hops);
    d0 = std::make_unique<blk::RequestDisk>(*system, "d0", origin_, limits, origin_.size_sectors());
    c0 = std::make_unique<blk::RequestDisk>(*system, "c0", cow_, limits, cow_.size_sectors());
    check_equal(system->add_disk(d0->disk()), 0, "add d0");
    check_equal(system->add_disk(c0->disk()), 0, "add c0");
    mapper = new DeviceMapper(*system);
  }
  void reboot() {
    finish();
    boot();
  }

  Hops hops;
  std::unique_ptr<blk::System> system;
  std::unique_ptr<blk::RequestDisk> d0;
  std::unique_ptr<blk::RequestDisk> c0;
  DeviceMapper* mapper = nullptr;  // its destructor may throw, so no smart pointer
  std::string why;                 // of the last load

 private:
  // Devices may stand on each other.
  void remove_all() {
    for (bool progress = true; progress;) {
      progress = false;
      for (const std::string& name : mapper->names()) {
        if (mapper->remove({.name = name}, {}) == 0) progress = true;
      }
    }
    check_equal(mapper->names().size(), 0U, "devices that cannot be removed");
  }

  rt::Disk& origin_;
  rt::Disk& cow_;
};

}  // namespace bioscope::dm::testing

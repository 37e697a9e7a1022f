// SPDX-License-Identifier: Apache-2.0
// What tests stack on disks: a bio-based driver, an interposer, a ledger of bios.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "models/interposer/block/gendisk.h"
#include "models/interposer/block/interpose.h"
#include "models/interposer/block/request_disk.h"
#include "models/interposer/block/submit.h"
#include "models/interposer/block/system.h"
#include "models/interposer/block/testing/scenario.h"
#include "models/interposer/block/testing/test_disk.h"
#include "models/interposer/block/watcher.h"
#include "models/runtime/completion.h"
#include "models/runtime/thread.h"

namespace bioscope::blk::testing {

// Sends a clone of `bio` to `bdev`, moved by `offset_sectors`, which ends it.
inline void forward(Bio& bio, BlockDevice& bdev, u64 offset_sectors = 0) {
  Bio* clone = bio_alloc_clone(nullptr, bio);
  bio_set_dev(*clone, &bdev);
  clone->iter.sector += offset_sectors;
  clone->context = &bio;
  clone->end_io = [](Bio& ended) {
    const int status = ended.status;
    auto& original = *static_cast<Bio*>(ended.context);
    bio_put(&ended);
    bio_end_with(original, status);
  };
  submit_bio_noacct(*clone);
}

// A disk whose ->submit_bio is a function; it is called with the bio.
class TestDriver final : public Driver {
 public:
  TestDriver(System& system, std::string name, u64 nr_sectors, std::function<void(Bio&)> submit,
             const QueueLimits& limits = {})
      : submit_(std::move(submit)), disk_(system, std::move(name), *this, limits, nr_sectors) {}

  void submit_bio(Bio& bio) override { submit_(bio); }
  bool bio_based() const override { return true; }
  int open() override { return refuses_; }
  Gendisk& disk() { return disk_; }
  BlockDevice& bdev() { return disk_.whole(); }
  void refuse_opens(int error) { refuses_ = error; }

 private:
  int refuses_ = 0;
  std::function<void(Bio&)> submit_;
  Gendisk disk_;
};

// Sends what it gets on to the bypass of `original`, or keeps it back while it is suspended.
class TestInterposer final : public Interposer {
 public:
  TestInterposer(std::string name, BlockDevice& original)
      : name_(std::move(name)), original_(original) {}

  void submit_redirected(Bio& bio) override {
    inside_.fetch_add(1);
    take(bio);
    inside_.fetch_sub(1);
  }
  // Submitters within submit_redirected().
  u32 inside() const { return inside_.load(); }

  void take(Bio& bio) {
    bool dead = false;
    {
      const std::lock_guard guard(lock_);
      ++got_;
      log_.push_back(bio.iter.sector);
      dead = dead_;
      if (!dead && suspended_) return deferred_.add(&bio);
    }
    if (dead) return bio_end_with(bio, EIO);
    forward(bio, original_.below());
  }

  void original_dies() override {
    BioList left;
    {
      const std::lock_guard guard(lock_);
      dead_ = true;
      left = deferred_.take();
    }
    ++died_;
    while (Bio* bio = left.pop()) bio_end_with(*bio, EIO);
  }

  const std::string& interposer_name() const override { return name_; }

  void suspend() {
    const std::lock_guard guard(lock_);
    suspended_ = true;
  }
  // Gives what was deferred back to the block device.
  void resume() {
    BioList all;
    {
      const std::lock_guard guard(lock_);
      suspended_ = false;
      all = deferred_.take();
    }
    while (Bio* bio = all.pop()) submit_bio_noacct(*bio);
  }

  u32 got() {
    const std::lock_guard guard(lock_);
    return got_;
  }
  u32 deferred() {
    const std::lock_guard guard(lock_);
    return deferred_.size();
  }
  u32 died() const { return died_; }
  std::vector<u64> take_log() {
    const std::lock_guard guard(lock_);
    return std::exchange(log_, {});
  }

 private:
  std::string name_;
  BlockDevice& original_;
  rt::Atomic<u32> inside_{0, "inside"};
  rt::Mutex lock_{"test_interposer"};
  bool suspended_ = false;
  bool dead_ = false;
  BioList deferred_;
  u32 got_ = 0;
  u32 died_ = 0;
  std::vector<u64> log_;  // the sectors that it got
};

// Numbers bios and sees that each one ends once (P1), and who entered what. Thread-safe; its lock
// is no step of a simulation.
class Ledger final : public Watcher {
 public:
  void submitted(Bio& bio) override {
    const std::lock_guard guard(lock_);
    if (bio.number == 0) bio.number = ++last_;
    open_.insert(bio.number);
  }
  void entered(const Bio& bio, const std::string& where) override {
    const std::lock_guard guard(lock_);
    if (where == closed_ && !bio.bdev->is_bypass()) {
      rt::fail(where + " got a bio although an interposer is attached over it (P2)");
    }
    entries_.push_back(where + " " + std::to_string(bio.iter.sector) + "+" +
                       std::to_string(bio_sectors(bio)));
  }
  void left(const std::string&) override {}
  void was_split(Bio& front, const Bio&) override {
    const std::lock_guard guard(lock_);
    front.number = ++last_;
    open_.insert(front.number);
  }
  void was_cloned(Bio& clone, const Bio&) override {
    const std::lock_guard guard(lock_);
    clone.number = ++last_;
  }
  void ended(const Bio& bio) override {
    const std::lock_guard guard(lock_);
    if (bio.number != 0 && open_.erase(bio.number) != 1) rt::fail("a bio ended that was not open");
  }

  // From now on `disk` may only get what comes by a bypass. "": anything again.
  void close(std::string disk) {
    const std::lock_guard guard(lock_);
    closed_ = std::move(disk);
  }

  void check_all_ended() {
    const std::lock_guard guard(lock_);
    check_equal(open_.size(), 0U, "bios that never ended");
  }
  std::vector<std::string> take_entries() {
    const std::lock_guard guard(lock_);
    return std::exchange(entries_, {});
  }

 private:
  std::mutex lock_;
  u32 last_ = 0;
  std::string closed_;
  std::set<u32> open_;
  std::vector<std::string> entries_;
};

// One request-based disk with its memory, on a system with a ledger.
struct OneDisk {
  explicit OneDisk(const QueueLimits& limits = {}, u64 sectors = 256)
      : memory(sectors), sda(system, "sda", memory, limits, sectors) {
    check_equal(system.add_disk(sda.disk()), 0, "add_disk");
  }

  BlockDevice& bdev() { return sda.disk().whole(); }
  void finish() {
    system.remove_disk(sda.disk());
    check_equal(sda.in_flight(), 0U, "requests left");
    ledger.check_all_ended();
  }

  Ledger ledger;
  System system{&ledger};
  TestDisk memory;
  RequestDisk sda;
};

// A bio on memory of its own that tells how it ended.
class TestBio {
 public:
  TestBio(BlockDevice& bdev, BioOp op, u64 sector, u64 sectors, OpFlags opf = 0, u8 fill = 1)
      : bytes_(op == BioOp::Read || op == BioOp::Write ? sectors * kSectorBytes : 0, fill),
        segment_{bytes_.data(), bytes_.size()} {
    const std::span<const iovec> segments(&segment_, bytes_.empty() ? 0 : 1);
    bio_ = bio_alloc(&bdev, op, opf, sector, sectors, segments);
    bio_->context = this;
    bio_->end_io = [](Bio& bio) {
      auto& me = *static_cast<TestBio*>(bio.context);
      me.status_ = bio.status;
      me.has_ended_.store(true);
      me.ended_.complete();
    };
  }
  TestBio(const TestBio&) = delete;
  TestBio& operator=(const TestBio&) = delete;
  ~TestBio() {
    if (!rt::stopping()) bio_put(bio_);
  }

  Bio& bio() { return *bio_; }
  TestBio& submit() {
    submit_bio(*bio_);
    return *this;
  }
  int wait() {
    ended_.wait();
    return status_;
  }
  int run() { return submit().wait(); }
  bool ended() const { return has_ended_.load(); }
  u8 byte(u64 sector) const { return bytes_[sector * kSectorBytes]; }
  std::vector<u8>& bytes() { return bytes_; }

 private:
  std::vector<u8> bytes_;
  iovec segment_;
  Bio* bio_;
  int status_ = 0;
  std::atomic<bool> has_ended_{false};
  rt::Completion ended_{"test_bio"};
};

}  // namespace bioscope::blk::testing

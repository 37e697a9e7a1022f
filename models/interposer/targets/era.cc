// SPDX-License-Identifier: Apache-2.0
// era: maps its data device one to one and keeps for each block the era of its last write
// (drivers/md/dm-era-target.c, R52-R58). What lies on the metadata device is era_metadata's.
//
// Invariants:
//   E1  A write of a block that is not marked in this era waits until the worker has marked it and
//       committed; it is issued before the era can end (R53). A commit that fails fails the writes.
//   E2  The metadata has one user at a time, under metadata_lock_: the worker, a message, a status.
//       While the device is suspended nobody but the suspend and the resume uses it: status and
//       messages wait for the resume (R56), or until the table is replaced. Linux waits for ever
//       then.
//   E3  The first resume reads the metadata again: what the table before it has marked since this
//       one was loaded is on the disk by then. Linux keeps what the load has read, and loses it.
#include <fmt/format.h>

#include <cerrno>
#include <memory>
#include <mutex>

#include "models/interposer/block/plug.h"
#include "models/interposer/block/submit.h"
#include "models/interposer/dm/table.h"
#include "models/interposer/era_metadata/era_metadata.h"
#include "models/interposer/targets/arguments.h"
#include "models/interposer/targets/types.h"
#include "models/interposer/variants.h"
#include "models/runtime/wait_queue.h"
#include "models/runtime/workqueue.h"

namespace bioscope::dm {
namespace {

constexpr u32 kMinBlockSectors = 8;  // MIN_BLOCK_SIZE
constexpr u64 kBlockSectors = persistent_data::kBlockBytes / kSectorBytes;

class DeviceStore final : public persistent_data::BlockStore {
 public:
  explicit DeviceStore(blk::BlockDevice& bdev) : bdev_(bdev) {}

  int read(u64 block, std::span<u8> bytes) override {
    return blk::blkdev_read(bdev_, block * kBlockSectors, bytes);
  }
  int write(u64 block, std::span<const u8> bytes) override {
    return blk::blkdev_write(bdev_, block * kBlockSectors, bytes, blk::kReqSync);
  }
  int flush() override { return blk::blkdev_issue_flush(bdev_); }
  u64 blocks() const override { return bdev_.nr_sectors() / kBlockSectors; }

 private:
  blk::BlockDevice& bdev_;
};

class Era final : public Target {
 public:
  Era(const TargetArguments& arguments, DmDev& metadata_device, DmDev& origin, u32 block_sectors)
      : Target(arguments),
        metadata_device_(metadata_device),
        origin_(origin),
        block_sectors_(block_sectors),
        store_(*metadata_device.bdev) {
    max_io_len_sectors = block_sectors;
    num_flush_bios = 1;
    flush_supported = true;
    num_discard_bios = 1;
  }

  // era_ctr()'s metadata_open().
  [[nodiscard]] int open_metadata() {
    auto opened = EraMetadata::open(store_, block_sectors_, true);
    if (!opened) return opened.error();
    metadata_ = std::move(*opened);
    nr_blocks_ = 0;
    return 0;
  }

  void shut_down() override { queue_.drain(); }

  MapResult map(blk::Bio& clone) override {
    const u64 offset = offset_of(clone.iter.sector);
    blk::bio_set_dev(clone, origin_.bdev);
    if (blk::bio_sectors(clone) == 0) return MapResult::Remapped;
    clone.iter.sector = offset;
    const bool skipped = clone.op == blk::BioOp::Discard && planted(Defect::EraDiscardUnmarked);
    if (!blk::bio_is_write(clone) || skipped || metadata_->marked(block_of(clone))) {
      return MapResult::Remapped;
    }
    {
      const std::lock_guard guard(deferred_lock_);
      deferred_.add(&clone);
    }
    queue_.queue(work_);
    return MapResult::Submitted;
  }

  // No bio is inside; what the worker still does is its digest.
  void postsuspend() override {
    {
      const std::lock_guard guard(state_lock_);
      suspended_ = true;
    }
    queue_.drain();
    const std::lock_guard guard(metadata_lock_);
    // Errors leave the era open on the disk: the next resume begins another one all the same.
    if (!planted(Defect::EraNotArchived)) (void)metadata_->archive();
    (void)metadata_->commit();
  }

  int preresume() override {
    {
      const std::lock_guard guard(metadata_lock_);
      if (const int error = begin_era(); error != 0) return error;
    }
    {
      const std::lock_guard guard(state_lock_);
      suspended_ = false;
    }
    resumed_.wake_up_all();
    queue_.queue(work_);
    return 0;
  }

  void replaced() override {
    {
      const std::lock_guard guard(state_lock_);
      replaced_ = true;
    }
    resumed_.wake_up_all();
  }

  std::string status(StatusType status_type) override {
    if (status_type == StatusType::Table) {
      return fmt::format("{} {} {}", metadata_device_.path, origin_.path, block_sectors_);
    }
    wait_for_resume();
    const std::lock_guard guard(metadata_lock_);
    const EraStatus now = metadata_->status();
    const std::string held =
        now.held_root == kEraSuperblock ? "-" : fmt::format("{}", now.held_root);
    return fmt::format("{} {}/{} {} {}", kBlockSectors, now.used_blocks, now.total_blocks, now.era,
                       held);
  }

  int message(std::span<const std::string> words, std::string&) override {
    if (words.size() != 1) return EINVAL;
    int (EraMetadata::*change)() = nullptr;
    if (same_word(words[0], "checkpoint")) change = &EraMetadata::rollover;
    if (same_word(words[0], "take_metadata_snap")) change = &EraMetadata::take_snap;
    if (same_word(words[0], "drop_metadata_snap")) change = &EraMetadata::drop_snap;
    if (change == nullptr) return EINVAL;
    wait_for_resume();
    int error = 0;
    {
      const std::lock_guard guard(metadata_lock_);
      error = (metadata_.get()->*change)();
      // process_rpc_calls() commits whatever came of the call, and its error is the call's.
      if (const int committed = metadata_->commit(); committed != 0) error = committed;
    }
    queue_.queue(work_);  // there may be something to digest
    return error;
  }

  bool iterate_devices(const DeviceVisitor& visit) override {
    return visit(origin_, 0, count_sectors);
  }

 private:
  u32 block_of(const blk::Bio& clone) const {
    const u64 block = clone.iter.sector / block_sectors_;
    return static_cast<u32>(planted(Defect::EraBlockOffByOne) ? block + 1 : block);
  }

  // E2.
  void wait_for_resume() {
    resumed_.wait_event([this] {
      const std::lock_guard guard(state_lock_);
      return !suspended_ || replaced_;
    });
  }

  // E3, and era_preresume(). REQUIRES: metadata_lock_ is held.
  int begin_era() {
    if (!read_again_ && !planted(Defect::EraKeepsLoaded)) {
      if (const int error = open_metadata(); error != 0) return error;
    }
    read_again_ = true;
    const u64 blocks = (count_sectors + block_sectors_ - 1) / block_sectors_;
    if (nr_blocks_ != blocks) {
      if (const int error = metadata_->resize(blocks); error != 0) return error;
      if (const int error = metadata_->commit(); error != 0) return error;
      nr_blocks_ = blocks;
    }
    if (planted(Defect::EraNotBegun) && metadata_->current_era() > 0) return 0;
    if (const int error = metadata_->rollover(); error != 0) return error;
    return metadata_->commit();
  }

  // do_work().
  void work() {
    const std::lock_guard guard(metadata_lock_);
    metadata_->begin_digest();
    if (metadata_->digesting()) {
      (void)metadata_->digest_step();  // an error ends the digest
      if (metadata_->digesting() && !suspended()) queue_.queue(work_);
    }
    process_deferred();
  }

  bool suspended() {
    const std::lock_guard guard(state_lock_);
    return suspended_;
  }

  // process_deferred_bios(), E1. REQUIRES: metadata_lock_ is held.
  void process_deferred() {
    blk::BioList bios;
    {
      const std::lock_guard guard(deferred_lock_);
      bios = deferred_.take();
    }
    if (bios.empty()) return;
    int error = 0;
    bool commit_needed = false;
    for (const blk::Bio* bio = bios.peek(); bio != nullptr; bio = bio->next) {
      bool fresh = false;
      const int marked = metadata_->mark_on_disk(block_of(*bio), fresh);
      if (marked != 0) error = marked;
      commit_needed = commit_needed || fresh;
    }
    if (commit_needed && planted(Defect::EraIssuesBeforeCommit)) {
      issue(bios, commit_needed);
      (void)metadata_->commit();
      return;
    }
    if (commit_needed && !planted(Defect::EraNeverCommits)) {
      if (const int committed = metadata_->commit(); committed != 0) error = committed;
    }
    if (error == 0 || planted(Defect::EraCommitErrorIgnored)) return issue(bios, commit_needed);
    while (blk::Bio* bio = bios.pop()) blk::bio_end_with(*bio, EIO);
  }

  void issue(blk::BioList& bios, bool marked) {
    const blk::Plug plug;
    while (blk::Bio* bio = bios.pop()) {
      if (marked) metadata_->mark_in_core(block_of(*bio));
      blk::submit_bio_noacct(*bio);
    }
  }

  DmDev& metadata_device_;
  DmDev& origin_;
  const u32 block_sectors_;
  DeviceStore store_;

  rt::Mutex metadata_lock_{"era_metadata"};
  std::unique_ptr<EraMetadata> metadata_;  // replaced under the lock, while no bio is inside
  u64 nr_blocks_ = 0;                      // under metadata_lock_
  bool read_again_ = false;                // under metadata_lock_: E3

  rt::Mutex state_lock_{"era_state"};
  bool suspended_ = true;  // under state_lock_
  bool replaced_ = false;  // under state_lock_
  rt::WaitQueue resumed_{"era_resumed"};

  rt::Mutex deferred_lock_{"era_deferred"};
  blk::BioList deferred_;  // under deferred_lock_
  rt::Work work_{[this] { work(); }};
  rt::Workqueue queue_{"dm-era", rt::kOrdered};
};

Constructed construct(const TargetArguments& arguments) {
  if (arguments.words.size() != 3) return refuse("Invalid argument count");
  DmDev* metadata_device = nullptr;
  if (arguments.table.get_device(arguments.words[0], metadata_device) != 0) {
    return refuse("Error opening metadata device");
  }
  DmDev* origin = nullptr;
  if (arguments.table.get_device(arguments.words[1], origin) != 0) {
    return refuse("Error opening data device");
  }
  const auto block_sectors = parse_u32(arguments.words[2]);
  if (!block_sectors) return refuse("Error parsing block size");
  if (*block_sectors == 0 || *block_sectors % kMinBlockSectors != 0) {
    return refuse("Invalid block size");
  }
  auto era = std::make_unique<Era>(arguments, *metadata_device, *origin, *block_sectors);
  if (const int error = era->open_metadata(); error != 0) {
    return refuse("Error reading metadata", error);
  }
  return era;
}

}  // namespace

const TargetType kEraType{.name = "era", .construct = &construct};

}  // namespace bioscope::dm

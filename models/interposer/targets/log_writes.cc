// SPDX-License-Identifier: Apache-2.0
// log-writes: maps its device one to one and logs every write to a second one, in an order in which
// the writes may have become durable (drivers/md/dm-log-writes.c, R51). The log's form is in
// log_format.h.
//
// Invariants:
//   W1  A write is in one list: in flight until it has completed; then unflushed; with the next
//       flush taken along by that flush; and in the list to be logged when the flush has completed.
//       So of the writes that had not completed when a flush was sent none is logged before it.
//   W2  A write with FUA goes from in flight to be logged directly, a mark as well.
//   W3  One work writes the log, so entries lie on it in the order of the list. The super block is
//       written after an entry with FUA and after a mark, never before the entry.
//   W4  When the target goes, everything that has completed is logged, and a last mark.
//   W5  A log that cannot be written or is full stops logging; the device itself goes on.
#include <fmt/format.h>

#include <cerrno>
#include <iterator>
#include <limits>
#include <list>
#include <mutex>

#include "models/interposer/block/submit.h"
#include "models/interposer/dm/table.h"
#include "models/interposer/targets/arguments.h"
#include "models/interposer/targets/log_format.h"
#include "models/interposer/targets/types.h"
#include "models/interposer/variants.h"
#include "models/runtime/workqueue.h"

namespace bioscope::dm {
namespace {

constexpr std::string_view kEndMark = "dm-log-writes-end";

// struct pending_block. The lists own them, so a run that is stopped leaves nothing behind.
struct PendingBlock {
  LogEntry entry;
  std::vector<u8> data;
  std::list<PendingBlock> flushed;  // of a flush: the writes that it takes along
};
using Blocks = std::list<PendingBlock>;

// struct per_bio_data.
struct LoggedBio {
  bool logged = false;
  Blocks::iterator block;  // in flight
};

class LogWrites final : public Target {
 public:
  LogWrites(const TargetArguments& arguments, DmDev& device, DmDev& log)
      : Target(arguments),
        device_(device),
        log_(log),
        block_bytes_(device.bdev->queue().copy_limits().logical_block_bytes),
        block_sectors_(block_bytes_ / kSectorBytes),
        end_sector_(log.bdev->nr_sectors()),
        next_sector_(block_sectors_) {
    num_flush_bios = 1;
    flush_supported = true;
    num_discard_bios = 1;
    discards_supported = true;
  }

  // log_writes_dtr(), W4.
  void shut_down() override {
    {
      const std::lock_guard lock(blocks_lock_);
      to_log_.splice(to_log_.end(), unflushed_);
    }
    put_mark(kEndMark);
    queue_.drain();
  }

  MapResult map(blk::Bio& clone) override {
    auto& logged = make_per_bio_data<LoggedBio>(clone);
    const bool flushes = (clone.opf & blk::kReqPreflush) != 0;
    if (blk::bio_is_write(clone) && (blk::bio_sectors(clone) > 0 || flushes) && enabled()) {
      take_in(clone, logged);
      if (clone.op == blk::BioOp::Discard && !device_discards_) {
        blk::bio_endio(clone);
        return MapResult::Submitted;
      }
    }
    blk::bio_set_dev(clone, device_.bdev);
    return MapResult::Remapped;
  }

  // normal_end_io(). A write that failed is logged as well: it may have reached the disk.
  EndResult end_io(blk::Bio& clone, int&) override {
    const LoggedBio& logged = per_bio_data<LoggedBio>(clone);
    if (!logged.logged) return EndResult::Done;
    {
      const std::lock_guard lock(blocks_lock_);
      const u64 flags = logged.block->entry.flags;
      const bool at_once = (flags & kLogFlush) != 0 ||
                           ((flags & kLogFua) != 0 && !planted(Defect::LogFuaWaits));  // W1, W2
      if ((flags & kLogFlush) != 0 && !planted(Defect::LogFlushKeepsWrites)) {
        to_log_.splice(to_log_.end(), logged.block->flushed);
      }
      Blocks& next = at_once ? to_log_ : unflushed_;
      next.splice(next.end(), in_flight_, logged.block);
      if (!at_once) return EndResult::Done;
    }
    queue_.queue(log_blocks_);
    return EndResult::Done;
  }

  std::string status(StatusType status_type) override {
    if (status_type == StatusType::Table) return device_.path + " " + log_.path;
    const std::lock_guard lock(blocks_lock_);
    return fmt::format("{} {}{}", logged_entries_, next_sector_ - 1,
                       logging_enabled_ ? "" : " logging_disabled");
  }

  int message(std::span<const std::string> words, std::string&) override {
    if (words.size() != 2 || !same_word(words[0], "mark")) return EINVAL;
    if (!planted(Defect::LogMarkLost)) put_mark(words[1]);
    return 0;
  }

  // Only the logged device: the log is none of the limits' business.
  bool iterate_devices(const DeviceVisitor& visit) override {
    return visit(device_, 0, count_sectors);
  }

  void io_hints(blk::QueueLimits& limits) override {
    const blk::QueueLimits below = device_.bdev->queue().copy_limits();
    if (below.max_discard_sectors == 0) {
      device_discards_ = false;  // logged, and ended here
      limits.discard_granularity_bytes = block_bytes_;
      limits.max_discard_sectors = std::numeric_limits<u32>::max() / kSectorBytes;
    }
    limits.logical_block_bytes = below.logical_block_bytes;
    limits.physical_block_bytes = below.physical_block_bytes;
    limits.io_min_bytes = below.physical_block_bytes;
  }

 private:
  bool enabled() {
    const std::lock_guard lock(blocks_lock_);
    return logging_enabled_;
  }
  void disable() {
    const std::lock_guard lock(blocks_lock_);
    logging_enabled_ = false;
  }

  void take_in(blk::Bio& clone, LoggedBio& logged) {
    Blocks one(1);
    LogEntry& entry = one.front().entry;
    entry.first_block = clone.iter.sector / block_sectors_;
    entry.count_blocks = blk::bio_sectors(clone) / block_sectors_;
    const bool flushes = (clone.opf & blk::kReqPreflush) != 0;
    if (flushes) entry.flags |= kLogFlush;
    if ((clone.opf & blk::kReqFua) != 0) entry.flags |= kLogFua;
    if (clone.op == blk::BioOp::Discard) entry.flags |= kLogDiscard;
    if ((clone.opf & blk::kReqMeta) != 0) entry.flags |= kLogMetadata;
    // The pages may be the caller's own (O_DIRECT), so the log keeps a copy.
    if (blk::bio_has_data(clone)) one.front().data = data_of(clone);
    logged.logged = true;
    logged.block = one.begin();
    const std::lock_guard lock(blocks_lock_);
    if (flushes) one.front().flushed.splice(one.front().flushed.end(), unflushed_);  // W1
    in_flight_.splice(in_flight_.end(), one);
    if (planted(Defect::LogBeforeCompletion) && !flushes && (entry.flags & kLogFua) == 0) {
      unflushed_.splice(unflushed_.end(), in_flight_, logged.block);
      logged.logged = false;
    }
  }

  static std::vector<u8> data_of(const blk::Bio& clone) {
    std::vector<u8> data;
    data.reserve(clone.iter.size_bytes);
    blk::bio_for_each_segment(clone, [&](const u8* memory, u64 bytes) {
      data.insert(data.end(), memory, memory + bytes);
      return true;
    });
    return data;
  }

  // log_mark(), W2.
  void put_mark(std::string_view text) {
    Blocks one(1);
    one.front().entry.flags = kLogMark;
    one.front().entry.mark = text.substr(0, longest_mark_bytes(block_bytes_));
    {
      const std::lock_guard lock(blocks_lock_);
      to_log_.splice(to_log_.end(), one);
    }
    queue_.queue(log_blocks_);
  }

  // log_writes_kthread(), W3.
  void log_blocks() {
    for (;;) {
      Blocks one;
      u64 at_sector = 0;
      u64 entries = 0;
      {
        const std::lock_guard lock(blocks_lock_);
        if (to_log_.empty()) return;
        one.splice(one.begin(), to_log_, to_log_.begin());
        if (!logging_enabled_) continue;
        at_sector = next_sector_;
        if (!make_room(one.front().entry)) continue;
        entries = ++logged_entries_;
      }
      if (log_block(one.front(), at_sector, entries) != 0) disable();  // W5
    }
  }

  // REQUIRES: blocks_lock_. False: the log is full, W5.
  bool make_room(const LogEntry& entry) {
    const bool discards = (entry.flags & kLogDiscard) != 0 && !planted(Defect::LogDiscardData);
    next_sector_ += (1 + (discards ? 0 : entry.count_blocks)) * block_sectors_;
    if (next_sector_ >= end_sector_) logging_enabled_ = false;
    return logging_enabled_;
  }

  // log_one_block(), log_super(). 0 or an errno.
  int log_block(const PendingBlock& pending, u64 at_sector, u64 entries) {
    const bool tells = (pending.entry.flags & (kLogFua | kLogMark)) != 0;
    std::vector<u8> super_block(block_bytes_);
    encode_super({entries, block_bytes_}, super_block);
    int error = 0;
    if (planted(Defect::LogSuperFirst) && tells) error = write_log(0, super_block);
    std::vector<u8> block(block_bytes_);
    encode_entry(pending.entry, block);
    if (error == 0) error = write_log(at_sector, block);
    if (error == 0 && !pending.data.empty() && !planted(Defect::LogNoData)) {
      error = write_log(at_sector + block_sectors_, pending.data);
    }
    if (error == 0 && tells) error = write_log(0, super_block);
    return error;
  }

  int write_log(u64 sector, std::span<const u8> bytes) {
    return blk::blkdev_write(*log_.bdev, sector, bytes, 0);
  }

  DmDev& device_;
  DmDev& log_;
  u32 block_bytes_;  // the device's logical block
  u64 block_sectors_;
  u64 end_sector_;               // of the log's device
  bool device_discards_ = true;  // changes only before there is I/O

  rt::Mutex blocks_lock_{"blocks_lock"};
  // Under blocks_lock_:
  Blocks in_flight_;
  Blocks unflushed_;
  Blocks to_log_;
  bool logging_enabled_ = true;
  u64 next_sector_;  // where the next entry goes
  u64 logged_entries_ = 0;

  // The queue goes first.
  rt::Work log_blocks_{[this] { log_blocks(); }};
  rt::Workqueue queue_{"log-write", rt::kOrdered};
};

// log_writes_ctr(): <device> <log device>; more is ignored.
Constructed construct_log_writes(const TargetArguments& arguments) {
  if (arguments.words.size() < 2) return refuse("Invalid argument count");
  DmDev* device = nullptr;
  DmDev* log = nullptr;
  if (const int error = arguments.table.get_device(arguments.words[0], device)) {
    return refuse("Device lookup failed", error);
  }
  if (const int error = arguments.table.get_device(arguments.words[1], log)) {
    return refuse("Log device lookup failed", error);
  }
  return std::make_unique<LogWrites>(arguments, *device, *log);
}

}  // namespace

const TargetType kLogWritesType{.name = "log-writes", .construct = construct_log_writes};

}  // namespace bioscope::dm

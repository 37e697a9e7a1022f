// SPDX-License-Identifier: Apache-2.0
// The state that the specification keeps: devices, tables, volumes, snapshots' stores, era
// metadata, file systems, and what is pending. Plain data; copying it copies the whole.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/spec/contents.h"
#include "models/spec/log_judge.h"
#include "models/spec/model.h"
#include "models/spec/ranges.h"
#include "models/spec/targets/target.h"

namespace bioscope::spec {

using DeviceId = u32;
using VolumeId = u32;
inline constexpr u32 kNone = 0xffffffff;
inline constexpr u64 kNoSize = ~u64{0};

// What never changes: the trace and its operations by id.
struct Program {
  explicit Program(const Trace& from);
  const Trace& trace;
  std::vector<const Operation*> operations;
  std::vector<u16> lanes;
};

struct Table {
  std::vector<Target> targets;
  u64 size_sectors = 0;
  bool read_only = false;
  DeviceId interposed = kNone;  // the device that it stands over: loaded with the interpose flag
  std::string unsupported;      // why I/O through it is not judged
};
using TablePtr = std::shared_ptr<const Table>;

// The few tables that I/O to a device may go by.
class TableList {
 public:
  TableList() = default;
  explicit TableList(const Table* one) : few_{one}, count_(one == nullptr ? 0 : 1) {}
  void add(const Table* table) {
    if (table == nullptr || std::find(begin(), end(), table) != end()) return;
    if (many_.empty() && count_ < few_.size()) {
      few_[count_++] = table;
      return;
    }
    if (many_.empty()) many_.assign(few_.begin(), few_.end());
    many_.push_back(table);
  }
  const Table* const* begin() const { return many_.empty() ? few_.data() : many_.data(); }
  const Table* const* end() const { return begin() + size(); }
  std::size_t size() const { return many_.empty() ? count_ : many_.size(); }
  bool empty() const { return size() == 0; }

 private:
  std::array<const Table*, 3> few_{};
  std::size_t count_ = 0;
  std::vector<const Table*> many_;
};

// What a load would do: the table that it makes, and what it may say.
struct Plan {
  std::shared_ptr<Table> table;
  LegalSet legal;
};

struct Device {
  std::string name;
  std::string uuid;
  std::string former_name;  // before its last rename
  bool mapped = false;
  bool exists = true;
  bool gone = false;          // it was removed while it was in use
  bool dying = false;         // it is being removed
  u32 disk = kNone;           // index in the trace, for a disk or partition
  VolumeId volume = kNone;    // of a whole disk
  DeviceId whole = kNone;     // of a partition: its disk
  u64 start_sector = 0;       // of a partition, on its disk
  u64 size_sectors = 0;       // of a disk or partition
  u64 resizing_to = kNoSize;  // of a disk: a resize is under way
  bool unpowered = false;     // of a disk: its power was cut
  bool losing_power = false;  // that or its end is under way
  bool gaining_power = false;
  u64 power_changed_at = 0;  // event number
  bool read_only = false;
  u32 opens = 0;  // by `open`, mounts and tables
  u32 exclusive_opens = 0;
  u32 mounts = 0;
  u32 claims = 0;  // by tables
  i64 minor = kNoNumber;
  i64 bare_freezes = 0;  // freeze_bdev through the probe
  bool lockfs_frozen = false;
  bool thawed_while_suspended = false;
  bool thawed_ever = false;  // FITHAW came during a suspend at some time (R24)

  DeviceId interposer = kNone;  // the mapped device that is attached over it
  DeviceId attaching = kNone;   // and the one that may be, since operations on it are under way
  DeviceId interposes = kNone;  // of a mapped device: what it is attached over
  TablePtr lingering_table;     // of an interposer that a deferred remove takes away
  u32 removes = 0;              // removes under way, which detach it

  TablePtr live;
  TablePtr inactive;
  bool suspended = false;
  bool ever_suspended = false;
  bool interrupted = false;  // a suspend was, and nothing has changed since
  bool ever_loaded = false;  // a table was, so the disk was added (dm_setup_md_queue)
  bool deferred_remove = false;
  u64 resumed_at = 0;         // event number of the last resume's invoke
  u64 suspended_at = 0;       // event number at which the last suspend returned
  u32 pending_changes = 0;    // operations under way that change it
  TablePtr incoming;          // of a resume under way
  bool suspending = false;    // a suspend is under way
  bool resuming = false;      // a resume is under way
  u32 lingering = 0;          // opens by tables of devices that a deferred remove takes away
  bool blurred = false;       // operations on it overlapped: its state is not known
  bool blurred_disk = false;  // the same of a disk
  std::vector<TablePtr> past;
};

struct Place {
  VolumeId volume = kNone;
  u64 sector = 0;
  bool operator==(const Place&) const = default;
};

enum class PieceKind : u8 { Sectors, Zeroes, Error, Dropped, Deferred, Unknown };

// A piece came through an era target, at its sector in the I/O plus `shift` of the target.
struct EraPass {
  u32 store = kNone;
  i64 shift = 0;
};

// A part of an I/O and one place where it may go. The parts of one I/O overlap where there are
// several possibilities; `certain` says that there is no other.
struct Piece {
  PieceKind kind = PieceKind::Sectors;
  bool certain = true;
  bool binds = true;  // a write may narrow, a read is judged
  TargetType target = TargetType::Linear;
  bool mapped = false;     // went through a target
  u8 interposers = 0;      // that it came through
  bool partition = false;  // came through a partition
  bool dead = false;       // Error: its disk is gone or has no power
  RuleId rule = RuleId::None;
  VolumeId volume = kNone;
  u32 store = kNone;            // the snapshot whose view the volume is
  DeviceId device = kNone;      // Deferred: where it waits
  DeviceId redirected = kNone;  // Deferred: the interposed device through which it came there
  u64 first_sector = 0;         // in the volume, or in the device where it waits
  u64 count_sectors = 0;
  u64 io_first = 0;                                             // from the start of the I/O
  std::array<DeviceId, 4> through{kNone, kNone, kNone, kNone};  // devices below an origin target
  std::array<DeviceId, 4> origins{kNone, kNone, kNone, kNone};  // and the devices that have it
  std::array<EraPass, 2> eras;                                  // era targets that it came through

  // Where it lies in an era target that it came through.
  Range in_era(const EraPass& pass) const {
    return {io_first + static_cast<u64>(pass.shift), count_sectors};
  }
};

// A snapshot target that is loaded, and whether it was ever resumed.
struct StoreUser {
  u32 instance = kNone;
  DeviceId device = kNone;
  bool active = false;
};

struct SnapStore {
  DeviceId origin = kNone;
  DeviceId cow = kNone;
  bool origin_below = false;  // opened below its interposer
  bool cow_below = false;
  Place cow_place;
  bool persistent = false;
  bool overflow_flag = false;
  u64 chunk_sectors = 0;
  u64 size_sectors = 0;
  VolumeId view = kNone;         // what the snapshot shows, once active
  VolumeId view_before = kNone;  // what it showed before it was built again, if nothing changed
  std::vector<StoreUser> users;
  u32 owner = kNone;  // the instance that has the metadata
  bool active = false;
  bool beginning = false;  // its first resume is under way
  bool merging = false;
  bool merged = false;
  bool unknown = false;  // nothing about it is judged
  u64 loaded_at = 0;     // event number
  u64 activated_at = 0;
  Ranges certain;   // chunks that are excepted
  Ranges possible;  // chunks that may be
  bool may_be_valid = true;
  bool may_be_overflowed = false;
  bool may_be_invalid = false;
  bool may_have_failed = false;  // merge failed
  bool slack = false;            // space is not accounted exactly (R74, R75)
  bool cut = false;              // the power of a disk below was cut since it was made
  bool was_clean = true;         // when it was made its COW device held zeroes only
  Ranges unbound_live;           // sectors, R74
  Ranges unbound_device;         // sectors, R75
  std::vector<Piece> origin_pieces;
  Ranges written_since;  // sectors of the origin written while the store is dormant
};

struct EraMark {
  u64 least = 0;
  u64 most = 0;
};

struct EraStore {
  Place place;
  u64 size_sectors = 0;  // of the metadata device
  u64 block_sectors = 0;
  u64 blocks = 0;
  u64 era_least = 0;
  u64 era_most = 0;
  std::vector<EraMark> marks;  // by block
  bool held_known = true;
  bool held = false;
  bool unknown = false;
  bool scribbled = false;  // a file system above it writes blocks that nobody names
  u64 base = 0;            // eras that had begun for certain when `begun` was empty
  std::vector<u64> begun;  // event numbers at which an era had begun for certain
  bool failing = false;    // a power cut met it, and it was not loaded again since

  // The era that had begun for certain before the event.
  u64 era_at(u64 event) const {
    u64 era = base;
    for (const u64 at : begun) era += at < event ? 1 : 0;
    return era;
  }
};

// A log-writes target from its load to its end. Times are numbers of events, kNever if not yet.
struct LogTarget {
  u32 instance = kNone;
  DeviceId device = kNone;  // the mapped device
  Range sectors;            // of it
  u32 log_device = kNone;
  Place place;  // of the log
  u64 log_sectors = 0;
  u64 block_sectors = 1;
  bool interposes = false;
  u64 loaded = 0;        // the load was invoked
  u64 resumed = kNever;  // the resume that made it live was invoked, and returned
  u64 live = kNever;
  u64 going = kNever;  // what ended it was invoked, and returned
  u64 gone = kNever;
  bool unknown = false;
};

// I/O or a message to a mapped device, once there is a log-writes target.
struct LogOperation {
  OperationId id = 0;
  DeviceId device = kNone;
  bool direct = false;  // nothing stands over the device
  bool done = false;    // it returned, with success and whole
  bool refused = false;
};

inline constexpr u64 kFileSectors = 1ULL << 40;  // room enough for any file

struct File {
  std::string name;
  VolumeId volume = kNone;
  u64 least_size = 0;
  u64 most_size = 0;
  bool may_exist = true;
  bool may_be_missing = false;
};

struct FileSystem {
  Place place;  // of its first sector
  u64 size_sectors = 0;
  std::string type;
  bool known = true;       // false: may be damaged or not there at all
  bool consistent = true;  // an fsck must be clean once it is not mounted
  std::vector<File> files;
};

struct Mounted {
  std::string point;
  DeviceId device = kNone;
  u32 file_system = kNone;
  bool read_only = false;
  i64 freezes = 0;
  u64 frozen_at = 0;  // event number at which the last freeze returned
  bool thawing = false;
};

using FlushedVolumes = std::vector<std::pair<VolumeId, Contents>>;

struct PendingIo {
  OperationId id = 0;
  DeviceId device = kNone;
  u64 size_least = 0;
  u64 size_most = 0;
  std::vector<Piece> pieces;
  std::optional<Contents> collected;  // a read: what it may see, by sector of the I/O
  bool ambiguous = false;             // a table changed while it was pending
  bool free = false;                  // not judged
  bool may_be_missing = false;        // the device may not be there
  bool deferred_ever = false;
  bool waited = false;   // for the device that was last asked to let go: surely, and whole
  bool swapped = false;  // a table was swapped meanwhile
  std::shared_ptr<const FlushedVolumes> flushed;  // what a flush reaches, as it was (W2)
  RuleId error_rule = RuleId::None;
  std::string why_free;
};

struct PendingFile {
  OperationId id = 0;
  u32 mounted = kNone;
  u32 file_system = kNone;
  u32 file = kNone;
  std::optional<Contents> collected;
  u64 size_least = 0;
  u64 size_most = 0;
  bool free = false;
};

// The least and the most times that a device may be open.
struct OpenCounts {
  u64 least = ~u64{0};
  u64 most = 0;
  void widen(const OpenCounts& other) {
    least = std::min(least, other.least);
    most = std::max(most, other.most);
  }
};

struct PendingInfo {
  OperationId id = 0;
  OpenCounts counts;  // since its invoke
};

// A disk that is being partitioned, resized, removed, cut off from power.
struct PendingDisk {
  OperationId id = 0;
  DeviceId device = kNone;
  bool overlapped = false;
  std::vector<DeviceId> made;  // partitions, in their order
  std::size_t good = 0;        // partitions that are not refused for certain
  LegalSet legal;
};

// A signal or a clock.
struct PendingLane {
  OperationId id = 0;
  LegalSet legal;
  u64 time_least_ms = 0;  // when it was invoked
};

struct PendingChange {
  OperationId id = 0;
  DeviceId device = kNone;
  bool overlapped = false;
  bool interruptible = false;  // has to suspend the device, which a signal may end
  bool removes = false;
  u64 time_least_ms = 0;  // when it was invoked
  LegalSet legal;         // when it was invoked
  Plan plan;              // of a load, likewise
};

}  // namespace bioscope::spec

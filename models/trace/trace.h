// SPDX-License-Identifier: Apache-2.0
// A trace: disks, lanes of operations, a script for the controlled disks, and choices. It speaks
// of bios and device-mapper operations; how a subject issues them is docs/TRACE.md's table.
//
// Invariants of a legal trace (check() in check.h tests them, normalize() makes them true):
//   T1  Names of disks are unique; labels are unique over lanes and disk script together.
//   T2  `wait` names an async operation of the same lane that stands before it; `after` and the
//       edges of the disk script name a label that exists, of a kind that can be reached.
//   T3  Program order and edges together have no cycle, so a trace never waits for itself.
//   T4  Only the fields that an operation's syntax names (syntax.h) differ from their defaults.
//   T5  The limits below hold.
// Value types; no member function has side effects.
#pragma once

#include <string>
#include <vector>

#include "models/base/types.h"

namespace bioscope {

inline constexpr std::size_t kMaxDisks = 32;
inline constexpr std::size_t kMaxLanes = 16;
inline constexpr std::size_t kMaxOperations = 4096;  // over all lanes
inline constexpr std::size_t kMaxDiskSteps = 256;
inline constexpr std::size_t kMaxChoices = 65536;    // of each kind
inline constexpr std::size_t kMaxNameBytes = 64;
inline constexpr std::size_t kMaxTextBytes = 65536;
inline constexpr u64 kMaxIoSectors = 65536;          // 32 MiB in one bio
inline constexpr u64 kMaxDiskSectors = 1ULL << 55;   // 16 EiB, the kernel's own limit

struct Range {
  u64 first_sector = 0;
  u64 count_sectors = 0;
  u64 end_sector() const { return first_sector + count_sectors; }
  bool operator==(const Range&) const = default;
};

enum class DiskKind : u8 {
  Null,        // null_blk: small, memory-backed, fast
  Controlled,  // models/disk: every completion is a choice of the disk script
  Scsi,        // scsi_debug: physical block size, unmap granularity and alignment
  Loop,        // loop over tmpfs: write zeroes
};

enum class CacheMode : u8 { None, Volatile };

// Zero means "what the disk has by default" in every limit.
struct Disk {
  std::string name;
  DiskKind kind = DiskKind::Null;
  u64 size_sectors = 0;
  u32 logical_block_bytes = 512;
  u32 physical_block_bytes = 0;
  CacheMode cache = CacheMode::None;
  bool read_only = false;
  u32 max_sectors = 0;
  u32 chunk_sectors = 0;
  u32 discard_granularity_sectors = 0;
  u32 discard_alignment_sectors = 0;
  u32 max_discard_sectors = 0;
  u32 max_write_zeroes_sectors = 0;
  bool operator==(const Disk&) const = default;
};

enum class OperationKind : u8 {
  // order between lanes
  Wait,   // joins an async operation of this lane
  After,  // waits until a label was invoked, has returned, or is held in a disk
  // block I/O
  Read,
  Write,
  Flush,
  Discard,
  WriteZeroes,
  SecureErase,
  Bio,  // any operation, flags and segment layout: through the probe on a kernel
  // device mapper
  Create,
  Load,
  Clear,
  Suspend,
  Resume,
  Remove,
  Rename,
  Message,
  Status,
  Table,
  Deps,
  Info,
  Open,
  Close,
  Ioctl,  // a raw DM ioctl: what libdevmapper would refuse before the kernel sees it
  EraDump,
  // file systems
  Mkfs,
  Mount,
  Umount,
  Freeze,
  Thaw,
  FileWrite,
  FileRead,
  FileSync,
  FileRemove,
  Fsck,
  // what happens to devices and lanes
  SetReadOnly,
  Resize,
  HotRemove,
  Partition,
  Signal,
  Clock,
  PowerCut,
  Reopen,
  // appended, so that encoded traces keep their meaning
  LogDump,  // device mapper: the log of log-writes
};
inline constexpr std::size_t kOperationKinds = static_cast<std::size_t>(OperationKind::LogDump) + 1;

enum class OperationFlag : u32 {
  Fua = 1U << 0,
  Preflush = 1U << 1,
  Nowait = 1U << 2,
  Rahead = 1U << 3,
  Sync = 1U << 4,
  Meta = 1U << 5,
  NoFlush = 1U << 6,    // DM_NOFLUSH_FLAG
  NoLockfs = 1U << 7,   // DM_SKIP_LOCKFS_FLAG
  ReadOnly = 1U << 8,   // DM_READONLY_FLAG, O_RDONLY, MS_RDONLY
  Interpose = 1U << 9,  // DM_INTERPOSE_FLAG
  Deferred = 1U << 10,  // DM_DEFERRED_REMOVE
  Exclusive = 1U << 11, // O_EXCL
  NoUnmap = 1U << 12,   // REQ_NOUNMAP
};
inline constexpr std::size_t kOperationFlags = 13;

class OperationFlags {
 public:
  OperationFlags() = default;
  explicit OperationFlags(u32 bits) : bits_(bits) {}
  bool has(OperationFlag flag) const { return (bits_ & static_cast<u32>(flag)) != 0; }
  void set(OperationFlag flag) { bits_ |= static_cast<u32>(flag); }
  u32 bits() const { return bits_; }
  bool operator==(const OperationFlags&) const = default;

 private:
  u32 bits_ = 0;
};

enum class EdgeKind : u8 {
  None,
  Invoked,   // the labelled operation was invoked
  Returned,  // it has returned
  Held,      // a request matched the labelled `hold` and is held in the disk
  Quiet,     // nothing can run any more (disk script only)
};

struct Edge {
  EdgeKind kind = EdgeKind::None;
  std::string label;
  bool operator==(const Edge&) const = default;
};

inline constexpr i64 kNoNumber = -1;

// Which fields an operation uses, and what they mean for it, is its syntax (syntax.h).
struct Operation {
  OperationKind kind = OperationKind::Read;
  std::string label;
  bool async = false;
  std::string device;  // a disk, mapped device, mount point, or mount point/file
  Range range;
  OperationFlags flags;
  std::string text;        // table lines joined by ';', message, uuid, raw ioctl, segment layout
  std::string word;        // new name, file system, mount point, kind of bio
  i64 number = kNoNumber;  // sector of a message, minor, size in sectors, milliseconds, signal
  Edge edge;
  bool operator==(const Operation&) const = default;
};

struct Lane {
  std::string name;
  std::vector<Operation> operations;
  bool operator==(const Lane&) const = default;
};

enum class DiskStepKind : u8 {
  Hold,     // keep the matching request; its label is "held" from then on
  Release,  // let a held request complete
  Fail,     // complete the matching request with an error
};

enum class DiskRequest : u8 { Read, Write, Flush, Discard };

// Requests are matched by disk, operation, range (overlap) and occurrence, never by their number
// in the run, so that a script means the same on every subject.
struct DiskStep {
  DiskStepKind kind = DiskStepKind::Hold;
  std::string label;  // Hold: the label it defines. Release: the hold it ends
  std::string disk;
  DiskRequest request = DiskRequest::Read;
  Range range;         // empty: any
  u32 occurrence = 1;  // the n-th match counts, from when the edge is reached
  int error = 0;       // Fail: a positive errno
  Edge edge;           // the step becomes effective when this is reached
  bool operator==(const DiskStep&) const = default;
};

// What a Chooser is given before its generator (models/base/chooser.h).
struct Choices {
  std::vector<u32> schedule;
  std::vector<u32> fault;
  std::vector<u32> crash;
  bool operator==(const Choices&) const = default;
};

struct Trace {
  u64 seed = 0;
  std::vector<Disk> disks;
  std::vector<Lane> lanes;
  std::vector<DiskStep> disk_script;
  Choices choices;
  bool operator==(const Trace&) const = default;
};

// Index of an operation in its trace: lanes in order, operations in order. Stamps, events and
// findings name operations by it.
using OperationId = u32;

std::size_t operation_count(const Trace& trace);

// REQUIRES: id < operation_count(trace).
const Operation& operation_at(const Trace& trace, OperationId id);
std::size_t lane_of(const Trace& trace, OperationId id);

// The id of lane `lane`'s first operation.
OperationId first_operation(const Trace& trace, std::size_t lane);

}  // namespace bioscope

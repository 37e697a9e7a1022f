// SPDX-License-Identifier: Apache-2.0
// The rules, in order. `bioscope rules` prints them; docs/RULES.md is printed from here.
#include <algorithm>
#include <array>

#include "models/spec/rule.h"

namespace bioscope {
namespace {

constexpr auto kRules = std::to_array<Rule>({
    {rule(1), "R1",
     "A bio that begins or ends past the end of its device fails with EIO; read and "
     "write cut it short before.",
     "block/blk-core.c:519", Scope::Judged, true, false},
    {rule(2), "R2",
     "The end-of-device check is not repeated for a bio that was remapped from a "
     "partition. (traces have no partitions yet)",
     "block/blk-core.c:735", Scope::OutOfScope, false, false},
    {rule(3), "R3",
     "Writing to a read-only device fails in write(2) with EPERM; a bio is only warned "
     "about.",
     "block/fops.c:559", Scope::Judged, true, false},
    {rule(4), "R4",
     "FUA and preflush vanish on a queue without a write cache, and an empty flush "
     "then succeeds.",
     "block/blk-core.c:746", Scope::Judged, true, false},
    {rule(5), "R5",
     "A discard, secure erase, write zeroes or nowait that the queue does not offer "
     "fails with EOPNOTSUPP.",
     "block/blk-core.c:729", Scope::Judged, true, false},
    {rule(6), "R6", "A flush sent as an operation of its own fails with EOPNOTSUPP.",
     "block/blk-core.c:762", Scope::Judged, false, true},
    {rule(7), "R7",
     "Within one task one submit_bio runs at a time; what it submits is queued. (the "
     "order of submission inside the kernel leaves no trace in results)",
     "block/blk-core.c:695", Scope::NotObservable, false, false},
    {rule(8), "R8",
     "Queued bios go to lower devices first, then to the same one, then the older "
     "ones. (the order of submission inside the kernel leaves no trace in results)",
     "block/blk-core.c:645", Scope::NotObservable, false, false},
    {rule(9), "R9",
     "A queue's usage reference spans submit_bio on bio-based devices and the request "
     "on the others. (references are counted inside the kernel)",
     "block/blk-core.c:593", Scope::NotObservable, false, false},
    {rule(10), "R10",
     "Entering a frozen queue waits, or fails with EAGAIN for nowait; a dead device "
     "gives EIO.",
     "block/blk-core.c:319", Scope::Judged, true, false},
    {rule(11), "R11", "Queue freezes nest by depth. (no operation of a trace freezes a queue)",
     "block/blk-mq.c:168", Scope::NotObservable, false, false},
    {rule(12), "R12",
     "A split takes at least one sector and less than all of the bio. (seen as a crash "
     "when it is broken, and in P11)",
     "block/bio.c:1577", Scope::NotObservable, false, false},
    {rule(13), "R13",
     "A nowait bio that blk-mq would have to split fails with EAGAIN. (depends on "
     "limits that the specification does not model; nowait may always give EAGAIN)",
     "block/blk-merge.c:315", Scope::NotObservable, false, false},
    {rule(14), "R14",
     "The front of a split is not merged again, the rest is resubmitted. (leaves no "
     "trace in results)",
     "block/blk-merge.c:376", Scope::NotObservable, false, false},
    {rule(15), "R15",
     "The largest piece is bounded by max_sectors, the chunk limit and block "
     "alignment. (where a disk splits leaves no trace in results)",
     "block/blk-merge.c:167", Scope::NotObservable, false, false},
    {rule(16), "R16",
     "A bio is also split at a virtual boundary, at the segment limits and to whole "
     "logical blocks. (where a disk splits leaves no trace in results)",
     "block/blk-merge.c:222", Scope::NotObservable, false, false},
    {rule(17), "R17",
     "A discard is cut to the granularity, and the next one starts aligned. (discarded "
     "sectors may hold anything)",
     "block/blk-merge.c:118", Scope::NotObservable, false, false},
    {rule(18), "R18",
     "Write zeroes is cut at the queue's limit for it. (where a disk splits leaves no "
     "trace in results)",
     "block/blk-merge.c:148", Scope::NotObservable, false, false},
    {rule(19), "R19",
     "Of chained bios the parent ends once, after all, with an error if one had one.",
     "block/bio.c:307", Scope::Judged, true, false},
    {rule(20), "R20",
     "Setting a bio's device clears the mark that it was remapped. (traces have no "
     "partitions yet)",
     "include/linux/bio.h:514", Scope::OutOfScope, false, false},
    {rule(21), "R21",
     "freeze_bdev counts: the first freezes, the last thaws, and a thaw too many is "
     "EINVAL.",
     "block/bdev.c:261", Scope::Judged, false, true},
    {rule(22), "R22", "Freezing a frozen file system and mounting a frozen device fail with EBUSY.",
     "fs/super.c:1751", Scope::Judged, true, false},
    {rule(23), "R23", "Without a file system freeze_bdev only syncs and succeeds.",
     "block/bdev.c:264", Scope::Judged, false, true},
    {rule(24), "R24",
     "FITHAW thaws whoever froze; afterwards a suspend must freeze again and a mount "
     "must work.",
     "fs/ioctl.c:403", Scope::Judged, true, false},
    {rule(25), "R25",
     "rw_page goes past bios on brd, zram, pmem and btt. (no such disk can stand in a "
     "trace)",
     "block/bdev.c:340", Scope::OutOfScope, false, false},
    {rule(26), "R26",
     "create refuses a name with a slash (EINVAL), a name or uuid in use (EBUSY) and a "
     "minor in use (ENXIO).",
     "drivers/md/dm-ioctl.c:772", Scope::Judged, true, false},
    {rule(27), "R27",
     "An unknown device or mixed identifiers give ENXIO, a name together with a uuid "
     "EINVAL.",
     "drivers/md/dm-ioctl.c:910", Scope::Judged, true, false},
    {rule(28), "R28",
     "Without privilege EACCES, an unknown command ENOTTY, another major version "
     "EINVAL.",
     "drivers/md/dm-ioctl.c:2028", Scope::Judged, true, false},
    {rule(29), "R29",
     "A table without targets, with a gap, zero length, an unknown type or bad "
     "arguments is refused.",
     "drivers/md/dm-ioctl.c:1441", Scope::Judged, true, false},
    {rule(30), "R30", "A load replaces the inactive table, clear drops it, and the live one stays.",
     "drivers/md/dm-ioctl.c:1538", Scope::Judged, true, false},
    {rule(31), "R31",
     "Suspend and resume are idempotent; a resume without any table is EINVAL once it "
     "was suspended.",
     "drivers/md/dm-ioctl.c:1132", Scope::Judged, true, false},
    {rule(32), "R32",
     "A resume with an inactive table suspends, swaps and resumes; a table that the "
     "swap refuses is lost.",
     "drivers/md/dm-ioctl.c:1173", Scope::Judged, true, false},
    {rule(33), "R33", "Tables are swapped only while the device is suspended.",
     "drivers/md/dm.c:2608", Scope::Judged, true, false},
    {rule(34), "R34",
     "An open device is not removed (EBUSY); deferred, it goes with the last close.",
     "drivers/md/dm-ioctl.c:994", Scope::Judged, true, false},
    {rule(35), "R35", "A suspend returns when nothing is in flight any more and later I/O waits.",
     "drivers/md/dm.c:2696", Scope::Judged, true, false},
    {rule(36), "R36",
     "noflush leaves the file system unfrozen. (that a suspend did not freeze is not "
     "demanded of anybody)",
     "drivers/md/dm.c:2704", Scope::NotObservable, false, false},
    {rule(37), "R37", "An interrupted suspend is undone. (traces send no signals yet)",
     "drivers/md/dm.c:2754", Scope::OutOfScope, false, false},
    {rule(38), "R38",
     "I/O to a suspended device waits in order; nowait gives EAGAIN, readahead EIO.",
     "drivers/md/dm.c:1806", Scope::Judged, true, false},
    {rule(39), "R39",
     "A requeued bio goes to the head of the deferred ones under noflush, else it "
     "fails. (no target in scope requeues)",
     "drivers/md/dm.c:871", Scope::OutOfScope, false, false},
    {rule(40), "R40", "All targets prepare, then all resume, then I/O goes on.",
     "drivers/md/dm-table.c:2128", Scope::Judged, true, false},
    {rule(41), "R41", "A piece of a bio ends with its target or where the target's limits say.",
     "drivers/md/dm.c:1156", Scope::Judged, true, false},
    {rule(42), "R42",
     "The rest of a split is handled after the lower bios of the pieces before it. "
     "(the order of submission inside the kernel leaves no trace in results)",
     "drivers/md/dm.c:1764", Scope::NotObservable, false, false},
    {rule(43), "R43",
     "Discards are split by queue limits and targets only; a target without them gives "
     "EOPNOTSUPP.",
     "drivers/md/dm.c:1568", Scope::Judged, true, false},
    {rule(44), "R44",
     "A preflush with data flushes every target first; dm drops the error of that "
     "flush, which loses durability: a hazard where no other flush can have met the fault.",
     "drivers/md/dm.c:968", Scope::Judged, true, true},
    {rule(45), "R45", "A device without a live table has no sectors, and a bio to it is EIO.",
     "drivers/md/dm.c:1798", Scope::Judged, true, false},
    {rule(46), "R46",
     "linear, flakey and delay add an offset; zero reads zeroes and drops writes; "
     "error fails.",
     "drivers/md/dm-linear.c:89", Scope::Judged, true, false},
    {rule(47), "R47", "striped puts chunk k on stripe k mod n; lengths must be divisible.",
     "drivers/md/dm-stripe.c:198", Scope::Judged, true, false},
    {rule(48), "R48", "delay ends its delay at a suspend, and its status counts what it holds.",
     "drivers/md/dm-delay.c:271", Scope::Judged, true, false},
    {rule(49), "R49",
     "flakey is down by the clock, in turn with up; both intervals zero are refused.",
     "drivers/md/dm-flakey.c:215", Scope::Judged, true, false},
    {rule(50), "R50",
     "flakey that is down fails reads and writes, or drops or fails writes only, as "
     "its features say.",
     "drivers/md/dm-flakey.c:341", Scope::Judged, true, false},
    {rule(51), "R51",
     "log-writes maps its data device one to one; completed writes enter the log with the next "
     "flush, FUA and marks at once; mark is the only message.",
     "drivers/md/dm-log-writes.c:61", Scope::Judged, true, false},
    {rule(52), "R52",
     "era maps its data device one to one; its block size is a multiple of 8 sectors.",
     "drivers/md/dm-era-target.c:1465", Scope::Judged, true, false},
    {rule(53), "R53",
     "era has a block's mark in its metadata before the block's first write of an era "
     "is issued.",
     "drivers/md/dm-era-target.c:1290", Scope::Judged, true, false},
    {rule(54), "R54", "The era grows by one with each resume, checkpoint and metadata snapshot.",
     "drivers/md/dm-era-target.c:944", Scope::Judged, true, false},
    {rule(55), "R55", "Of a discard over several blocks era marks the first one.",
     "drivers/md/dm-era-target.c:1292", Scope::Judged, true, false},
    {rule(56), "R56",
     "status and messages of a suspended era wait for the resume, which must return.",
     "drivers/md/dm-era-target.c:1249", Scope::Judged, true, false},
    {rule(57), "R57",
     "The era superblock has a fixed layout and checksum. (the metadata is read by "
     "era_dump, which checks it)",
     "drivers/md/dm-era-target.c:167", Scope::OutOfScope, false, false},
    {rule(58), "R58",
     "era status: block size, used/total metadata blocks, era, held root or a dash.",
     "drivers/md/dm-era-target.c:1667", Scope::Judged, true, false},
    {rule(59), "R59", "snapshot-origin offers neither discard nor write zeroes.",
     "drivers/md/dm-snap.c:2666", Scope::Judged, true, false},
    {rule(60), "R60",
     "A chunk is a power of two, a multiple of both block sizes and below 4194304 "
     "sectors; 0 is a default for P only.",
     "drivers/md/dm-exception-store.c:165", Scope::Judged, true, false},
    {rule(61), "R61",
     "A COW device without a header gets one, a foreign one is ENXIO, and the chunk on "
     "disk wins.",
     "drivers/md/dm-snap-persistent.c:340", Scope::Judged, true, false},
    {rule(62), "R62",
     "Exceptions are found again in areas that lie after each area's worth of chunks.",
     "drivers/md/dm-snap-persistent.c:271", Scope::Judged, true, false},
    {rule(63), "R63",
     "Chunks are allocated ascending, past metadata, until the COW device is full.",
     "drivers/md/dm-snap-persistent.c:680", Scope::Judged, true, false},
    {rule(64), "R64",
     "Exceptions are committed in order, flushed, before the write goes on. (shows "
     "only after a power cut)",
     "drivers/md/dm-snap.c:1768", Scope::OutOfScope, false, false},
    {rule(65), "R65",
     "A snapshot reads its exceptions from the COW device and the rest from the origin "
     "as it was.",
     "drivers/md/dm-snap.c:2019", Scope::Judged, true, false},
    {rule(66), "R66", "A snapshot write makes an exception of every chunk that it touches.",
     "drivers/md/dm-snap.c:2087", Scope::Judged, true, false},
    {rule(67), "R67",
     "An origin write waits until every active snapshot has its chunks, and never "
     "fails for one.",
     "drivers/md/dm-snap.c:1733", Scope::Judged, true, false},
    {rule(68), "R68",
     "Without room a snapshot becomes Invalid, or Overflow by its own write under PO; "
     "an I/O error makes it Invalid.",
     "drivers/md/dm-snap.c:1997", Scope::Judged, true, false},
    {rule(69), "R69", "An Invalid snapshot fails all data I/O with EIO.",
     "drivers/md/dm-snap.c:1986", Scope::Judged, true, false},
    {rule(70), "R70",
     "Snapshot status: Invalid, Merge failed, Overflow or allocated/total metadata; "
     "messages are EINVAL.",
     "drivers/md/dm-snap.c:2344", Scope::Judged, true, false},
    {rule(71), "R71",
     "A second snapshot on a COW device takes over from a suspended first; a third is "
     "refused.",
     "drivers/md/dm-snap.c:494", Scope::Judged, true, false},
    {rule(72), "R72",
     "A merge brings every exception into the origin, is done at allocated = metadata, "
     "and needs P.",
     "drivers/md/dm-snap.c:1140", Scope::Judged, true, false},
    {rule(73), "R73", "Writes during a merge survive it; a merge that fails says so and fails I/O.",
     "drivers/md/dm-snap.c:2168", Scope::Judged, true, false},
    {rule(74), "R74",
     "Precondition: the origin is suspended while a snapshot is loaded or unloaded; "
     "else its contents are undefined.",
     "drivers/md/dm-snap.c:2715", Scope::Judged, true, false},
    {rule(75), "R75",
     "Precondition: the snapshot names the very block device below the snapshot-origin "
     "target.",
     "drivers/md/dm-snap.c:195", Scope::Judged, true, false},
    {property(1), "P1",
     "Every operation ends once, and every sector reads as one of the writes that may "
     "have been last.",
     "property", Scope::Judged, true, false},
    {property(2), "P2",
     "After an attach has returned no I/O passes the attached target. (judged through "
     "contents: I/O that passed a target would be read back under R46, R47, R65 or "
     "R67)",
     "property", Scope::OutOfScope, false, false},
    {property(3), "P3", "After a suspend has returned nothing is left inside a target.", "property",
     Scope::Judged, true, false},
    {property(4), "P4", "Across a reload every piece of I/O goes by the old or the new table.",
     "property", Scope::Judged, true, false},
    {property(5), "P5",
     "A snapshot of a frozen file system is consistent and has the files of the cut.", "property",
     Scope::Judged, true, false},
    {property(6), "P6",
     "I/O that a target sends itself passes through and never deadlocks. (judged as a "
     "hang)",
     "property", Scope::OutOfScope, false, false},
    {property(7), "P7",
     "Each layer of a stack sees a bio once. (judged through contents: a layer passed "
     "twice would add its offset twice)",
     "property", Scope::OutOfScope, false, false},
    {property(8), "P8",
     "An operation that fails leaves everything as it was. (judged through what is "
     "seen after a refusal under R29 to R34)",
     "property", Scope::OutOfScope, false, false},
    {property(9), "P9",
     "Opens, closes, removals and suspends may race without harm. (hot removal, resize "
     "and partitions are not played yet; open against remove is R34)",
     "property", Scope::OutOfScope, false, false},
    {property(10), "P10", "After the last detach everything is as it was before.", "property",
     Scope::Judged, true, false},
    {property(11), "P11", "A split never has zero sectors, shrinks the rest and tiles the range.",
     "property", Scope::Judged, true, false},
});

}  // namespace

std::span<const Rule> rule_table() {
  return kRules;
}

std::string_view name_of(RuleId id) {
  const auto found = std::ranges::find(kRules, id, &Rule::id);
  return found == kRules.end() ? std::string_view() : found->name;
}

const Rule* find_rule(std::string_view name) {
  const auto found = std::ranges::find(kRules, name, &Rule::name);
  return found == kRules.end() ? nullptr : &*found;
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// What the generator remembers of the devices it has made: names, sizes, where I/O is
// interesting. What an operation may return is not its business: that is the specification's.
#pragma once

#include <string>
#include <vector>

#include "models/base/chooser.h"
#include "models/trace/trace.h"

namespace bioscope {

enum class Role : u8 { Plain, Origin, Snapshot, Era, Merging };

struct MadeDevice {
  std::string name;
  Role role = Role::Plain;
  u64 size_sectors = 0;
  std::string table;        // live
  std::string other_table;  // Plain: what a swap loads, of the same length
  std::string cow;          // Snapshot: its COW disk
  std::string store;        // Snapshot: N, P, PO
  u32 chunk_sectors = 8;
  std::vector<u64> boundaries;  // where targets, stripes, chunks meet
  bool shared = false;          // other lanes do I/O on it: it stays
  bool on_top = true;           // nothing stands on it, so it may be removed
};

struct World {
  std::vector<MadeDevice> devices;
  std::string origin_disk;              // what snapshot-origin and snapshots name (R75)
  std::vector<std::string> spare_cows;  // disks for further snapshots
  bool controlled = false;              // d0 is
  u32 names = 0;                        // next number of a label or snapshot

  MadeDevice* find(Role role);
  std::string next_name(const char* prefix);
};

// The places in the program that ask the chooser; their numbers are part of every seed's meaning.
enum class Site : u64 {
  Topology,
  Controlled,
  Lanes,
  Length,
  Lane,
  Action,
  Weight,
  DeviceOf,
  Anchor,
  Offset,
  Size,
  Table,
  Store,
  Chunk,
  Snapshots,
  Broken,
  Mistake,
  MistakeKind,
  Flag,
  Query,
  Hold,
  Fill,
};

// Chooses with Site and ChoiceKind::Generate.
class Dice {
 public:
  explicit Dice(u64 seed) : chooser_(seed) {}
  u32 pick(Site site, u32 n) {
    return chooser_.pick(ChoiceKind::Generate, static_cast<u64>(site), n);
  }
  bool chance(Site site, u32 percent) { return pick(site, 100) < percent; }
  template <typename T>
  const T& one_of(Site site, const std::vector<T>& values) {
    return values[pick(site, static_cast<u32>(values.size()))];
  }

 private:
  Chooser chooser_;
};

// Chooses disks and what stands on them, and writes down the operations that set it up.
struct Setup {
  World world;
  std::vector<Disk> disks;
  std::vector<Operation> operations;
};
Setup choose_setup(Dice& dice, bool may_control);

// One operation each.
Operation dm_create(const std::string& name);
Operation dm_load(const std::string& name, const std::string& table);
Operation dm_simple(OperationKind kind, const std::string& name);

// A snapshot of the origin on the next spare COW disk: its device, not yet loaded.
// REQUIRES: !world.spare_cows.empty().
MadeDevice choose_snapshot(Dice& dice, World& world, const MadeDevice& origin);

}  // namespace bioscope

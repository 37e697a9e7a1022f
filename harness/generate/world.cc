// SPDX-License-Identifier: Apache-2.0
#include "harness/generate/world.h"

#include <fmt/format.h>

#include <algorithm>

namespace bioscope {
namespace {

constexpr u64 kDiskSectors = 8192;  // 4 MiB: large devices cost guest time

Disk null_disk(std::string name) {
  Disk disk;
  disk.name = std::move(name);
  disk.size_sectors = kDiskSectors;
  return disk;
}

void bring_up(Setup& setup, MadeDevice device) {
  setup.operations.push_back(dm_create(device.name));
  setup.operations.push_back(dm_load(device.name, device.table));
  setup.operations.push_back(dm_simple(OperationKind::Resume, device.name));
  setup.world.devices.push_back(std::move(device));
}

// One to three linear pieces over two disks.
MadeDevice choose_linear(Dice& dice) {
  MadeDevice device;
  device.name = "lin";
  const u32 pieces = 1 + dice.pick(Site::Table, 3);
  const u64 piece_sectors = dice.one_of<u64>(Site::Size, {64, 100, 512});
  for (u32 i = 0; i < pieces; ++i) {
    const char* disk = dice.pick(Site::Table, 2) == 0 ? "d0" : "d1";
    // Pieces of one disk do not overlap: each lies in a slot of its own.
    const u64 offset = 1024ULL * i + dice.one_of<u64>(Site::Offset, {0, 8, 17});
    if (i > 0) {
      device.table += "; ";
      device.boundaries.push_back(piece_sectors * i);
    }
    device.table +=
        fmt::format("{} {} linear {} {}", piece_sectors * i, piece_sectors, disk, offset);
  }
  device.size_sectors = piece_sectors * pieces;
  device.other_table = fmt::format("0 {} linear d1 4096", device.size_sectors);
  return device;
}

MadeDevice choose_striped(Dice& dice) {
  MadeDevice device;
  device.name = "st";
  const u32 stripes = 2 + dice.pick(Site::Table, 2);
  const u32 chunk = dice.one_of<u32>(Site::Chunk, {4, 8, 16, 24});
  device.size_sectors = static_cast<u64>(stripes) * chunk * 16;
  device.table = fmt::format("0 {} striped {} {}", device.size_sectors, stripes, chunk);
  for (u32 i = 0; i < stripes; ++i) {
    device.table += fmt::format(" d{} {}", i % 2, 2048 * (i / 2) + 8 * i);
  }
  for (u32 i = 1; i <= stripes; ++i) device.boundaries.push_back(static_cast<u64>(i) * chunk);
  device.other_table = fmt::format("0 {} linear d0 4096", device.size_sectors);
  return device;
}

// One target that maps as linear does, mixed with error or zero.
MadeDevice choose_mixed(Dice& dice) {
  MadeDevice device;
  device.name = "mix";
  const std::vector<std::string> firsts{"flakey d0 0 600 0", "delay d0 0 1", "linear d0 0",
                                        "flakey d0 0 0 600 1 drop_writes"};
  const std::vector<std::string> seconds{"error", "zero", "linear d1 256",
                                         "flakey d1 0 0 600 1 error_writes"};
  device.size_sectors = 256;
  device.boundaries = {128};
  device.table = fmt::format("0 128 {}; 128 128 {}", dice.one_of(Site::Table, firsts),
                             dice.one_of(Site::Table, seconds));
  device.other_table = "0 256 linear d0 0";
  return device;
}

MadeDevice choose_era(Dice& dice) {
  MadeDevice device;
  device.name = "er";
  device.role = Role::Era;
  device.size_sectors = 2048;
  device.chunk_sectors = dice.one_of<u32>(Site::Chunk, {8, 16, 64});
  device.table = fmt::format("0 2048 era m0 d0 {}", device.chunk_sectors);
  device.other_table = "0 2048 linear d0 0";
  for (u32 i = 1; i < 4; ++i)
    device.boundaries.push_back(static_cast<u64>(i) * device.chunk_sectors);
  return device;
}

void set_up_snapshots(Dice& dice, Setup& setup) {
  World& world = setup.world;
  const u32 cows = 1 + dice.pick(Site::Snapshots, 3);
  for (u32 i = 0; i < cows; ++i) {
    world.spare_cows.push_back(fmt::format("c{}", i));
    setup.disks.push_back(null_disk(world.spare_cows.back()));
  }
  world.origin_disk = "d0";
  if (dice.chance(Site::Topology, 25)) {
    MadeDevice real;
    real.name = "real";
    real.size_sectors = 2048;
    real.table = "0 2048 linear d0 36";
    real.other_table = real.table;
    real.on_top = false;
    bring_up(setup, real);
    world.origin_disk = "real";
  }
  MadeDevice origin;
  origin.name = "org";
  origin.role = Role::Origin;
  origin.size_sectors = dice.one_of<u64>(Site::Size, {1024, 1020, 2048});
  origin.table = fmt::format("0 {} snapshot-origin {}", origin.size_sectors, world.origin_disk);
  origin.on_top = false;
  bring_up(setup, origin);
}

}  // namespace

MadeDevice* World::find(Role role) {
  const auto found = std::ranges::find(devices, role, &MadeDevice::role);
  return found == devices.end() ? nullptr : &*found;
}

std::string World::next_name(const char* prefix) {
  return fmt::format("{}{}", prefix, names++);
}

Operation dm_create(const std::string& name) {
  return dm_simple(OperationKind::Create, name);
}

Operation dm_load(const std::string& name, const std::string& table) {
  Operation load = dm_simple(OperationKind::Load, name);
  load.text = table;
  return load;
}

Operation dm_simple(OperationKind kind, const std::string& name) {
  Operation operation;
  operation.kind = kind;
  operation.device = name;
  return operation;
}

MadeDevice choose_snapshot(Dice& dice, World& world, const MadeDevice& origin) {
  MadeDevice snapshot;
  snapshot.name = world.next_name("s");
  snapshot.role = Role::Snapshot;
  snapshot.size_sectors = origin.size_sectors;
  snapshot.cow = world.spare_cows.back();
  world.spare_cows.pop_back();
  snapshot.store = dice.one_of<std::string>(Site::Store, {"N", "P", "PO"});
  snapshot.chunk_sectors = dice.one_of<u32>(Site::Chunk, {8, 16, 4, 32});
  snapshot.table =
      fmt::format("0 {} snapshot {} {} {} {}", snapshot.size_sectors, world.origin_disk,
                  snapshot.cow, snapshot.store, snapshot.chunk_sectors);
  for (u32 i = 1; i < 5; ++i) {
    snapshot.boundaries.push_back(static_cast<u64>(i) * snapshot.chunk_sectors);
  }
  return snapshot;
}

Setup choose_setup(Dice& dice, bool may_control) {
  Setup setup;
  setup.disks.push_back(null_disk("d0"));
  if (may_control && dice.chance(Site::Controlled, 20)) {
    setup.disks[0].kind = DiskKind::Controlled;
    setup.disks[0].cache = CacheMode::Volatile;
    setup.world.controlled = true;
  }
  switch (dice.pick(Site::Topology, 10)) {
    case 0:
    case 1:
      setup.disks.push_back(null_disk("d1"));
      bring_up(setup, choose_linear(dice));
      break;
    case 2:
      setup.disks.push_back(null_disk("d1"));
      bring_up(setup, choose_striped(dice));
      break;
    case 3:
      setup.disks.push_back(null_disk("d1"));
      bring_up(setup, choose_mixed(dice));
      break;
    case 4:
      setup.disks.push_back(null_disk("m0"));
      bring_up(setup, choose_era(dice));
      break;
    default:
      set_up_snapshots(dice, setup);
      break;
  }
  return setup;
}

}  // namespace bioscope

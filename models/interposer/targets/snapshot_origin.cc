// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/snapshot_origin.h"

#include <cerrno>

#include "models/interposer/dm/mapped_device.h"
#include "models/interposer/dm/table.h"
#include "models/interposer/targets/snapshot_registry.h"
#include "models/interposer/targets/types.h"
#include "models/interposer/variants.h"
#include "models/runtime/run.h"

namespace bioscope::dm {

SnapshotOrigin::SnapshotOrigin(const TargetArguments& arguments, DmDev& device)
    : Target(arguments), device_(device) {
  num_flush_bios = 1;
}

Constructed SnapshotOrigin::construct(const TargetArguments& arguments) {
  if (arguments.words.size() != 1) {
    return std::unexpected(ConstructError{EINVAL, "origin: incorrect number of arguments"});
  }
  DmDev* device = nullptr;
  if (const int error = arguments.table.get_device(arguments.words[0], device); error != 0) {
    return std::unexpected(ConstructError{error, "Cannot get target device"});
  }
  return std::unique_ptr<Target>(new SnapshotOrigin(arguments, *device));
}

MapResult SnapshotOrigin::map(blk::Bio& clone) {
  blk::bio_set_dev(clone, device_.bdev);
  if ((clone.opf & blk::kReqPreflush) != 0 || !blk::bio_is_write(clone)) {
    return MapResult::Remapped;
  }
  const u32 offset = static_cast<u32>(clone.iter.sector) & (split_boundary_ - 1);
  const u32 available_sectors = split_boundary_ - offset;
  if (available_sectors == 0) {  // O2
    rt::fail("snapshot-origin: a write is split into 0 sectors and the rest");
    return MapResult::Kill;
  }
  if (blk::bio_sectors(clone) > available_sectors) accept_partial_bio(clone, available_sectors);
  const blk::BlockDevice& origin =
      planted(Defect::OriginByMappedDevice) ? table.owner().disk().whole() : *device_.bdev;
  return SnapshotRegistry::of(table).do_origin(origin, clone, true);
}

void SnapshotOrigin::resume() {
  SnapshotRegistry& registry = SnapshotRegistry::of(table);
  if (!planted(Defect::BoundaryKept) || split_boundary_ == 0) {
    split_boundary_ = registry.minimum_chunk_sectors(*device_.bdev);
  }
  registry.add_origin(*this, *device_.bdev);
}

void SnapshotOrigin::postsuspend() {
  SnapshotRegistry::of(table).remove_origin(*this);
}

std::string SnapshotOrigin::status(StatusType status_type) {
  return status_type == StatusType::Table ? device_.path : std::string();
}

bool SnapshotOrigin::iterate_devices(const DeviceVisitor& visit) {
  return visit(device_, 0, count_sectors);
}

const TargetType kSnapshotOriginType{
    .name = "snapshot-origin",
    .construct = &SnapshotOrigin::construct,
    .init_module = [](DeviceMapper&) -> std::unique_ptr<Module> {
      return std::make_unique<SnapshotRegistry>();
    },
};

}  // namespace bioscope::dm

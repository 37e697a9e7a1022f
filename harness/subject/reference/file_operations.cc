// SPDX-License-Identifier: Apache-2.0
// File systems, with the errnos of the guest's agent: mkfs and fsck are programs there, whose own
// errors are EIO.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "harness/subject/reference/perform.h"
#include "models/interposer/block/freeze.h"

namespace bioscope::reference {
namespace {

bool is_file_system(std::string_view type) {
  return type == "ext4" || type == "xfs";
}

Outcome mkfs(Stage& stage, const Operation& operation) {
  OpenDevice opened;
  const int claim = 0;
  const int refused = stage.open(operation.device, &claim, opened);
  if (refused != 0) return failed(refused == ENXIO ? ENXIO : EIO);
  if (!is_file_system(operation.word)) {
    Stage::close(opened);
    return failed(ENODEV);
  }
  const int error = opened.bdev->read_only() ? EIO : SmallFs::make(*opened.bdev, operation.word);
  Stage::close(opened);
  return failed(error == 0 ? 0 : EIO);
}

Outcome fsck(Stage& stage, const Operation& operation) {
  OpenDevice opened;
  const int refused = stage.open(operation.device, nullptr, opened);
  if (refused != 0) return failed(refused == ENXIO ? ENXIO : EUCLEAN);
  if (!is_file_system(operation.word)) {
    Stage::close(opened);
    return failed(ENODEV);
  }
  std::string text;
  const int error = SmallFs::check(*opened.bdev, operation.word, text);
  Stage::close(opened);
  return Outcome{error == 0 ? 0 : EUCLEAN, 0, {}, std::move(text)};
}

Outcome mount(Stage& stage, const Operation& operation) {
  if (!operation.text.empty() && !is_file_system(operation.text)) return failed(ENODEV);
  std::shared_ptr<SmallFs> mounted;
  const int error = SmallFs::mount(stage.system, operation.device, operation.text,
                                   operation.flags.has(OperationFlag::ReadOnly), mounted);
  if (error == 0) stage.mounts.push_back({operation.word, std::move(mounted)});
  return failed(error == ENODEV ? ENXIO : error);
}

Outcome umount(Stage& stage, const std::string& point) {
  const std::shared_ptr<SmallFs> mounted = stage.find_mount(point);
  if (mounted == nullptr) return failed(EINVAL);
  const int error = mounted->unmount();
  if (error == 0) {
    std::erase_if(stage.mounts,
                  [&mounted](const Mount& mount) { return mount.file_system == mounted; });
  }
  return failed(error);
}

Outcome freeze_or_thaw(Stage& stage, const Operation& operation) {
  const bool thaws = operation.kind == OperationKind::Thaw;
  if (const auto mounted = stage.find_mount(operation.device); mounted != nullptr) {
    return failed(thaws ? mounted->thaw() : mounted->freeze());
  }
  OpenDevice opened;
  if (const int error = stage.open(operation.device, nullptr, opened); error != 0) {
    return failed(error);
  }
  blk::BlockDevice* bdev = opened.bdev;
  const int error = thaws ? blk::thaw_bdev(*bdev) : blk::freeze_bdev(*bdev);
  if (error == 0 && !thaws) {
    stage.bare_freezes.push_back({bdev, operation.device});
  } else if (error == 0) {
    const auto found = std::ranges::find(stage.bare_freezes, bdev, &BareFreeze::bdev);
    if (found != stage.bare_freezes.end()) stage.bare_freezes.erase(found);
  }
  Stage::close(opened);
  return failed(error);
}

Outcome on_file(Stage& stage, const Step& step, const OnSubmitted& on_submitted) {
  const Operation& operation = step.operation;
  std::string_view name;
  const std::shared_ptr<SmallFs> mounted = stage.find_file(operation.device, name);
  if (mounted == nullptr) return failed(ENOENT);
  if (operation.kind == OperationKind::FileRemove) return failed(mounted->remove(name));
  if (operation.kind == OperationKind::FileSync) return failed(mounted->sync(name));
  const Range range = operation.range;
  const Buffer buffer(stage.buffers, range.count_sectors * kSectorBytes);
  const SmallFs::Cause cause{step.id, on_submitted};
  if (operation.kind == OperationKind::FileWrite) {
    write_stamps(stage, step, buffer.bytes());
    const int error = mounted->write(name, range, buffer.bytes(), cause);
    return Outcome{error, error == 0 ? range.count_sectors : 0, {}, {}};
  }
  u64 count_sectors = 0;
  const int error = mounted->read(name, range, buffer.bytes(), cause, count_sectors);
  if (error != 0) return failed(error);
  return Outcome{
      0, count_sectors, read_stamps(buffer.bytes().first(count_sectors * kSectorBytes)), {}};
}

}  // namespace

Outcome perform_file_system(Stage& stage, const Step& step, const OnSubmitted& on_submitted) {
  const Operation& operation = step.operation;
  switch (operation.kind) {
    case OperationKind::Mkfs:
      return mkfs(stage, operation);
    case OperationKind::Fsck:
      return fsck(stage, operation);
    case OperationKind::Mount:
      return mount(stage, operation);
    case OperationKind::Umount:
      return umount(stage, operation.device);
    case OperationKind::Freeze:
    case OperationKind::Thaw:
      return freeze_or_thaw(stage, operation);
    default:
      return on_file(stage, step, on_submitted);
  }
}

}  // namespace bioscope::reference

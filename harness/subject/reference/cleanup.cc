// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/cleanup.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "models/interposer/block/freeze.h"
#include "models/runtime/clock.h"

namespace bioscope::reference {
namespace {

constexpr int kMostThaws = 16;
constexpr int kUmountRounds = 20;
constexpr int kRemoveRounds = 64;
constexpr u64 kRetryMs = 5;

// Time passes, so that what goes in a worker's own time can go.
void wait_a_little() {
  rt::sleep_ms(kRetryMs);
}

dm::DeviceId by_name(const std::string& name) {
  dm::DeviceId id;
  id.name = name;
  return id;
}

// A delay target may hold I/O back for longer than any bound; a suspend flushes it (R48).
bool delays(Stage& stage, const dm::DeviceId& id) {
  std::vector<dm::TargetStatus> targets;
  return stage.mapper->status(id, dm::StatusType::Table, {.no_flush = true}, targets) == 0 &&
         std::ranges::any_of(targets,
                             [](const dm::TargetStatus& target) { return target.type == "delay"; });
}

void resume(Stage& stage, const std::string& name) {
  const dm::DeviceId id = by_name(name);
  dm::DeviceInfo info;
  dm::DeviceMapper& mapper = *stage.mapper;
  if (mapper.info(id, info) != 0) return;
  if (info.suspended) {
    if (info.inactive_table) static_cast<void>(mapper.clear(id));
    static_cast<void>(mapper.resume(id, {}));
  } else if (delays(stage, id)) {
    constexpr dm::IoctlFlags kQuickly{.no_flush = true, .skip_lockfs = true};
    static_cast<void>(mapper.suspend(id, kQuickly));
    static_cast<void>(mapper.resume(id, kQuickly));
  }
}

void thaw_mounts(Stage& stage) {
  for (const Mount& mount : std::vector<Mount>(stage.mounts)) {
    for (int i = 0; i < kMostThaws && mount.file_system->thaw() == 0; ++i) {
    }
  }
}

void close_files(Stage& stage) {
  while (!stage.open_files.empty()) {
    const OpenFile file = std::move(stage.open_files.back());
    stage.open_files.pop_back();
    Stage::close(file.opened);
  }
}

void thaw_devices(Stage& stage) {
  for (const BareFreeze& frozen : std::exchange(stage.bare_freezes, {})) {
    OpenDevice opened;
    if (stage.open(frozen.device, nullptr, opened) != 0) continue;
    // A mapped device that was removed has taken its freeze along.
    if (opened.bdev == frozen.bdev) static_cast<void>(blk::thaw_bdev(*frozen.bdev));
    Stage::close(opened);
  }
}

void unmount_all(Stage& stage) {
  for (std::size_t i = stage.mounts.size(); i > 0; --i) {
    const std::shared_ptr<SmallFs> file_system = stage.mounts[i - 1].file_system;
    int error = EBUSY;
    for (int round = 0; round < kUmountRounds && error == EBUSY; ++round) {
      error = file_system->unmount();
      if (error == EBUSY) wait_a_little();
    }
    if (error == 0) stage.mounts.erase(stage.mounts.begin() + static_cast<std::ptrdiff_t>(i) - 1);
  }
}

// The youngest first: what stands on another device is usually younger than it.
void remove_all(Stage& stage) {
  dm::DeviceMapper& mapper = *stage.mapper;
  for (int round = 0; round < kRemoveRounds; ++round) {
    std::vector<std::pair<i64, std::string>> devices;
    for (const std::string& name : mapper.names()) {
      dm::DeviceInfo info;
      if (mapper.info(by_name(name), info) == 0) devices.emplace_back(info.minor, name);
    }
    if (devices.empty()) return;
    std::ranges::sort(devices, std::ranges::greater{});
    bool removed = false;
    for (const auto& [minor, name] : devices) removed |= mapper.remove(by_name(name), {}) == 0;
    if (!removed) wait_a_little();
  }
}

void add_nonzero(std::vector<Leftover>& leftovers, std::string what, i64 value) {
  if (value != 0) leftovers.push_back({std::move(what), 0, value});
}

void add_counts_of(MadeDisk& disk, std::vector<Leftover>& leftovers) {
  blk::BlockDevice& bdev = disk.gendisk().whole();
  const auto add = [&](const char* what, i64 value) {
    if (value != 0) leftovers.push_back({what + disk.description().name, 0, value});
  };
  add("in flight on ", disk.in_flight());
  add("claims of ", bdev.claimed() ? 1 : 0);
  add("open count of ", bdev.openers());
  add("interposers of ", bdev.interposer != nullptr ? 1 : 0);
  bdev.freeze_mutex.lock();
  const i64 freezes = bdev.freeze_count;
  bdev.freeze_mutex.unlock();
  add("freeze depth of ", freezes);
  add("queue freeze depth of ", disk.gendisk().queue().freeze_depth());
}

}  // namespace

void let_go(Stage& stage) {
  for (const auto& disk : stage.disks) {
    if (disk->scripted() != nullptr) disk->scripted()->release_all();
  }
  for (const std::string& name : stage.mapper->names()) resume(stage, name);
  thaw_mounts(stage);
}

void clean_up(Stage& stage) {
  close_files(stage);
  thaw_devices(stage);
  unmount_all(stage);
  remove_all(stage);
}

std::vector<Leftover> find_leftovers(Stage& stage) {
  std::vector<Leftover> leftovers;
  add_nonzero(leftovers, "mounts", static_cast<i64>(stage.mounts.size()));
  for (const auto& disk : stage.disks) {
    if (!disk->removed()) add_counts_of(*disk, leftovers);
  }
  add_nonzero(leftovers, "mapped devices", static_cast<i64>(stage.mapper->names().size()));
  return leftovers;
}

}  // namespace bioscope::reference

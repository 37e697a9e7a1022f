// SPDX-License-Identifier: Apache-2.0
// File systems by content: files hold stamps, and nothing is known of the sectors below. A file
// system belongs to the place of its first sector, so it is found again through another device, and
// a snapshot takes it along (P5).
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

constexpr u64 kFileSectors = 1ULL << 40;  // room enough for any file
constexpr Candidate kFreeForEver{CandidateKind::Any, kForEver, 0};

// mkfs with the agent's options needs about this much.
u64 least_sectors(std::string_view type) {
  return type == "xfs" ? 32768 : 16384;
}

}  // namespace

u32 Machine::find_mount(std::string_view point) const {
  for (std::size_t i = mounts_.size(); i-- > 0;) {
    if (mounts_[i].point == point && mounts_[i].device != kNone) return static_cast<u32>(i);
  }
  return kNone;
}

u32 Machine::find_file_system(Place place) const {
  for (std::size_t i = file_systems_.size(); i-- > 0;) {
    if (file_systems_[i].place == place) return static_cast<u32>(i);
  }
  return kNone;
}

u32 Machine::file_system_of(DeviceId device) const {
  const auto place = place_of(device);
  return place ? find_file_system(*place) : kNone;
}

// Something writes the device in ways that are not followed: mkfs, a mounted file system.
void Machine::scribble(DeviceId device) {
  Mapping mapping;
  mapping.reads = false;
  mapping.past_suspends = true;
  map_device(device, {0, size_most(device)}, Piece{}, mapping);
  const PendingIo nobody;
  for (Piece piece : mapping.pieces) {
    if (piece.kind != PieceKind::Sectors) continue;
    piece.certain = false;
    widen(piece.volume, {piece.first_sector, piece.count_sectors}, kFreeForEver);
    if (piece.store != kNone) note_view_write(nobody, piece, false);
    note_origin_write(nobody, piece);
  }
}

void Machine::forget(FileSystem& system) {
  system.known = false;
  system.consistent = false;
  for (File& file : system.files) {
    volumes_[file.volume].add({0, kFileSectors}, kFreeForEver);
    file.least_size = 0;
    file.most_size = kFileSectors;
    file.may_be_missing = true;
  }
}

// Blocks written past the file system.
void Machine::damage_file_systems(VolumeId volume, Range range) {
  for (FileSystem& system : file_systems_) {
    if (system.place.volume == volume && range.end_sector() > system.place.sector) forget(system);
  }
}

// Does I/O to the device fail or go astray for reasons of its own?
bool Machine::unreliable(DeviceId id, u32 depth) const {
  if (id == kNone || depth > 8) return true;
  const Device& device = devices_[id];
  if (!device.exists || device.blurred) return true;
  if (!device.mapped) return any_fault(device.volume);
  if (!device.live || !device.live->unsupported.empty()) return true;
  for (const Target& target : device.live->targets) {
    switch (target.type) {
      case TargetType::Zero:
      case TargetType::Error:
        return true;
      case TargetType::Flakey:
        if (target.down_seconds > 0) return true;
        break;
      case TargetType::Snapshot:
      case TargetType::SnapshotMerge: {
        const SnapStore& store = stores_[target.store];
        if (store.unknown || store.may_be_invalid || store.may_be_overflowed ||
            store.may_have_failed || !store.unbound_live.empty() || !store.unbound_device.empty() ||
            store.owner != target.instance) {
          return true;
        }
        break;
      }
      default:
        break;
    }
    for (const TargetDevice& below : target.devices) {
      if (unreliable(below.device, depth + 1)) return true;
    }
  }
  return false;
}

bool Machine::frozen(const Mounted& mounted, u64 since) const {
  const Device& device = devices_[mounted.device];
  const bool by_freeze = mounted.freezes > 0 && !mounted.thawing && mounted.frozen_at < since;
  const bool by_suspend = device.suspended && device.lockfs_frozen && !device.resuming &&
                          !device.thawed_while_suspended && device.suspended_at < since &&
                          !mounted.thawing;
  return by_freeze || by_suspend;
}

void Machine::invoke_file(OperationId id) {
  const Operation& operation = this->operation(id);
  const auto start_of = [&] { return operation.device.substr(0, operation.device.find('/')); };
  switch (operation.kind) {
    case OperationKind::Mkfs: {
      const DeviceId device = find_device(operation.device);
      if (device == kNone) return;
      const u32 old = file_system_of(device);
      if (old != kNone) forget(file_systems_[old]);
      if (devices_[device].mounts == 0) scribble(device);
      return;
    }
    case OperationKind::Mount: {
      const DeviceId device = find_device(operation.device);
      if (device != kNone) scribble(device);
      return;
    }
    case OperationKind::Thaw: {
      const u32 mounted = find_mount(operation.device);
      if (mounted == kNone) return;
      mounts_[mounted].thawing = true;
      Device& device = devices_[mounts_[mounted].device];
      if (device.suspended || device.suspending) device.thawed_while_suspended = true;
      return;
    }
    case OperationKind::FileWrite:
    case OperationKind::FileRead:
    case OperationKind::FileRemove:
      break;
    default:
      return;
  }
  PendingFile pending;
  pending.id = id;
  pending.mounted = find_mount(start_of());
  if (pending.mounted != kNone) pending.file_system = mounts_[pending.mounted].file_system;
  if (pending.file_system == kNone) {
    pending.free = true;
    pending_files_.push_back(std::move(pending));
    return;
  }
  FileSystem& system = file_systems_[pending.file_system];
  const std::string name = operation.device.substr(
      std::min(operation.device.find('/'), operation.device.size() - 1) + 1);
  auto file = std::ranges::find(system.files, name, &File::name);
  if (file == system.files.end() && operation.kind == OperationKind::FileWrite) {
    File made;
    made.name = name;
    made.volume = new_volume(Contents::zeroes(kFileSectors));
    made.may_be_missing = true;
    system.files.push_back(std::move(made));
    file = system.files.end() - 1;
  }
  if (file == system.files.end()) {
    pending_files_.push_back(std::move(pending));
    return;
  }
  pending.file = static_cast<u32>(file - system.files.begin());
  pending.size_least = file->least_size;
  if (operation.kind == OperationKind::FileRemove) {
    file->may_be_missing = true;
    file->least_size = 0;
  }
  if (operation.kind == OperationKind::FileRead && operation.range.count_sectors > 0) {
    pending.collected.emplace(operation.range.count_sectors, CandidateSet{});
    pending.collected->add_copy({0, operation.range.count_sectors}, volumes_[file->volume],
                                operation.range.first_sector);
  }
  if (operation.kind == OperationKind::FileWrite) {
    const Candidate stamp{CandidateKind::Written, id, 0};
    volumes_[file->volume].add(operation.range, stamp);
    file->most_size = std::max(file->most_size, operation.range.end_sector());
    file->may_exist = true;
    for (PendingFile& reader : pending_files_) {
      if (!reader.collected || reader.file_system != pending.file_system ||
          reader.file != pending.file) {
        continue;
      }
      const Range theirs = this->operation(reader.id).range;
      const u64 first = std::max(theirs.first_sector, operation.range.first_sector);
      const u64 end = std::min(theirs.end_sector(), operation.range.end_sector());
      if (first >= end) continue;
      reader.collected->add({first - theirs.first_sector, end - first},
                            {CandidateKind::Written, id, static_cast<i64>(theirs.first_sector)});
    }
  }
  pending_files_.push_back(std::move(pending));
}

LegalSet Machine::mkfs_legal(const Operation& operation) const {
  const DeviceId id = find_device(operation.device);
  if (id == kNone) return one_of(rule(27), {ENXIO});
  const Device& device = devices_[id];
  LegalSet legal = one_of(property(5), {0});
  if (device.mounts > 0 || device.claims > 0 || device.exclusive_opens > 0 || device.read_only ||
      unreliable(id) || size_least(id) < least_sectors(operation.word)) {
    allow(legal, {EIO, ENODEV});
  }
  return legal;
}

LegalSet Machine::mount_legal(const Operation& operation) const {
  const DeviceId id = find_device(operation.device);
  if (id == kNone) return one_of(rule(27), {ENXIO, ENOENT, ENODEV});
  const Device& device = devices_[id];
  if (device.claims > 0 || device.exclusive_opens > 0) return one_of(rule(22), {EBUSY});
  if (device.bare_freezes > 0) return one_of(rule(22), {EBUSY});
  LegalSet legal = one_of(device.thawed_ever ? rule(24) : rule(22), {0});
  if (device.suspended || device.suspending) {
    allow(legal, {EBUSY});
    legal.may_block = true;
  }
  if (device.mounts > 0) allow(legal, {EBUSY, EINVAL});
  const u32 found = file_system_of(id);
  if (found == kNone || !file_systems_[found].known || unreliable(id)) {
    allow(legal, {EINVAL, EIO, EUCLEAN, EBUSY, EROFS, EACCES, ENODEV, ENXIO, EILSEQ, ENOSPC});
    return legal;
  }
  const FileSystem& system = file_systems_[found];
  if (!operation.text.empty() && operation.text != system.type) {
    return one_of(property(5), {EINVAL, EUCLEAN});
  }
  if (device.read_only) allow(legal, {EACCES, EROFS});
  if (system.type == "xfs") {  // the same uuid cannot be mounted twice
    for (const Mounted& mounted : mounts_) {
      if (mounted.device != kNone) allow(legal, {EINVAL});
    }
  }
  return legal;
}

LegalSet Machine::freeze_legal(const Operation& operation) const {
  const bool thaw = operation.kind == OperationKind::Thaw;
  const u32 found = find_mount(operation.device);
  if (found == kNone) {
    const DeviceId id = find_device(operation.device);
    if (id == kNone) return one_of(rule(27), {ENXIO, EINVAL, ENOENT});
    const Device& device = devices_[id];
    if (!thaw) {
      LegalSet legal = one_of(device.mounts > 0 ? rule(21) : rule(23), {0});
      if (device.mounts > 0) allow(legal, {EBUSY});
      return legal;
    }
    LegalSet legal = one_of(rule(21), {device.bare_freezes > 0 ? 0 : EINVAL});
    if (device.suspended || device.suspending || device.resuming || device.mounts > 0) {
      allow(legal, {0, EINVAL, EBUSY});
    }
    return legal;
  }
  const Mounted& mounted = mounts_[found];
  const Device& device = devices_[mounted.device];
  const bool by_suspend = device.suspended && device.lockfs_frozen && !device.resuming;
  const bool unsure = device.suspending || device.resuming || device.thawed_ever ||
                      device.bare_freezes > 0 || device.blurred;
  if (!thaw) {  // R22
    LegalSet legal = one_of(rule(22), {mounted.freezes > 0 || by_suspend ? EBUSY : 0});
    if (unsure) allow(legal, {0, EBUSY});
    legal.may_block = device.suspended || device.suspending;
    return legal;
  }
  LegalSet legal =
      one_of(mounted.freezes > 0 ? rule(21) : rule(24), {mounted.freezes > 0 ? 0 : EINVAL});
  if (by_suspend || unsure) allow(legal, {0, EINVAL, EBUSY});
  legal.may_block = device.suspended || device.suspending;
  return legal;
}

LegalSet Machine::fsck_legal(const Operation& operation) const {
  const DeviceId id = find_device(operation.device);
  if (id == kNone) return one_of(rule(27), {ENXIO});
  LegalSet legal = one_of(property(5), {0});
  const u32 found = file_system_of(id);
  const bool sure = found != kNone && file_systems_[found].known &&
                    file_systems_[found].consistent && devices_[id].mounts == 0 &&
                    file_systems_[found].type == operation.word && !unreliable(id) &&
                    std::ranges::none_of(mounts_, [&](const Mounted& mounted) {
                      return mounted.device != kNone && mounted.file_system == found;
                    });
  if (!sure) allow(legal, {EUCLEAN, EIO, ENODEV});
  return legal;
}

LegalSet Machine::content_legal(const Operation& operation) const {
  const std::size_t slash = operation.device.find('/');
  const u32 found = find_mount(operation.device.substr(0, slash));
  if (found == kNone) return one_of(property(5), {ENOENT, EINVAL});
  const Mounted& mounted = mounts_[found];
  LegalSet legal;
  legal.rule = property(5);
  const FileSystem* system =
      mounted.file_system == kNone ? nullptr : &file_systems_[mounted.file_system];
  legal.may_block = mounted.freezes > 0 || stack_suspended(mounted.device);
  if (system == nullptr || !system->known || unreliable(mounted.device)) {
    allow(legal, {0, EIO, ENOENT, EROFS, EUCLEAN, ENOSPC, ENODEV, EINVAL, EILSEQ, ENOMEM});
    return legal;
  }
  const std::string name = slash == std::string::npos ? "" : operation.device.substr(slash + 1);
  const auto file = std::ranges::find(system->files, name, &File::name);
  const bool writes = operation.kind == OperationKind::FileWrite;
  const bool there = file != system->files.end() && file->may_exist;
  if (operation.kind == OperationKind::FileSync || operation.kind == OperationKind::FileRead ||
      operation.kind == OperationKind::FileRemove) {
    if (there) allow(legal, {0});
    if (!there || file->may_be_missing) allow(legal, {ENOENT});
    if (operation.kind == OperationKind::FileRemove && mounted.read_only) {
      legal.errors.clear();
      allow(legal, {EROFS, ENOENT});
    }
    return legal;
  }
  if (writes && mounted.read_only) {
    allow(legal, {EROFS});
    return legal;
  }
  allow(legal, {0});
  u64 used = operation.range.end_sector();
  for (const File& other : system->files) used += other.most_size;
  if (used > size_least(mounted.device) / 4) allow(legal, {ENOSPC});
  return legal;
}

LegalSet Machine::file_legal(const Operation& operation) const {
  switch (operation.kind) {
    case OperationKind::Mkfs:
      return mkfs_legal(operation);
    case OperationKind::Mount:
      return mount_legal(operation);
    case OperationKind::Umount: {
      const u32 found = find_mount(operation.device);
      if (found == kNone) return one_of(property(10), {EINVAL, ENOENT});
      LegalSet legal = one_of(property(10), {0});
      const Device& device = devices_[mounts_[found].device];
      if (mounts_[found].freezes > 0 || device.suspended || device.suspending) {
        allow(legal, {EBUSY});
        legal.may_block = true;
      }
      if (!pending_files_.empty()) allow(legal, {EBUSY});
      return legal;
    }
    case OperationKind::Freeze:
    case OperationKind::Thaw:
      return freeze_legal(operation);
    case OperationKind::Fsck:
      return fsck_legal(operation);
    default:
      return content_legal(operation);
  }
}

Verdict Machine::complete_file(const Event& event) {
  const Operation& operation = this->operation(event.operation);
  const auto found = std::ranges::find(pending_files_, event.operation, &PendingFile::id);
  std::optional<PendingFile> pending;
  if (found != pending_files_.end()) {
    pending = std::move(*found);
    pending_files_.erase(found);
  }
  LegalSet legal = file_legal(operation);
  const u32 mounted = find_mount(operation.device.substr(0, operation.device.find('/')));
  const DeviceId device =
      mounted != kNone ? mounts_[mounted].device : find_device(operation.device);
  // What changed while it was pending makes either outcome possible.
  const bool changed = !pending_changes_.empty() || std::ranges::any_of(returned_, [&](u64 at) {
    return at > invoked_[event.operation];
  });
  if (changed && operation.kind != OperationKind::Fsck) {
    if (operation.kind == OperationKind::Freeze || operation.kind == OperationKind::Thaw ||
        operation.kind == OperationKind::Umount || operation.kind == OperationKind::Mkfs) {
      allow(legal, {0, EBUSY, EINVAL, EIO});
    }
  }
  const bool wrote_while_frozen = operation.kind == OperationKind::FileWrite && event.error == 0 &&
                                  mounted != kNone &&
                                  frozen(mounts_[mounted], invoked_[event.operation]);
  if (wrote_while_frozen) {
    const bool thawed = devices_[mounts_[mounted].device].thawed_ever;
    return violation(thawed ? rule(24) : rule(22), target_name(device),
                     "a file was written while its file system is frozen");
  }
  if (!legal.allows(event.error)) {
    return violation(legal.rule, target_name(device),
                     "expected " + errors_text(legal.errors) + ", got " + error_text(event.error) +
                         (event.text.empty() ? "" : " (" + event.text + ")"));
  }
  if (legal.errors.size() == 1) exercised(legal.rule);
  if (pending) return complete_content(event, *pending);
  apply_file_system(operation, event);
  return legal_verdict();
}

Verdict Machine::complete_content(const Event& event, PendingFile& pending) {
  const Operation& operation = this->operation(event.operation);
  if (pending.free || pending.file_system == kNone) {
    return event.error == 0 ? not_judged("the file system below is not known") : legal_verdict();
  }
  FileSystem& system = file_systems_[pending.file_system];
  if (pending.file == kNone) return legal_verdict();
  File& file = system.files[pending.file];
  const bool sure =
      system.known && pending.mounted != kNone && !unreliable(mounts_[pending.mounted].device);
  if (operation.kind == OperationKind::FileWrite) {
    if (event.error != 0 || !sure) {
      if (event.error == 0) file.may_exist = true;
      if (!sure) forget(system);
      return legal_verdict();
    }
    if (event.count_sectors != operation.range.count_sectors) {
      if (event.count_sectors > operation.range.count_sectors) {
        return violation(property(1), "", "a file write moved more than was asked");
      }
      return legal_verdict();
    }
    file.least_size = std::max(file.least_size, operation.range.end_sector());
    file.may_be_missing = false;
    volumes_[file.volume].change(operation.range, [&](CandidateSet& set) {
      set.keep_if([&](const Candidate& candidate) {
        return candidate.writer == event.operation ||
               !returned_before(candidate.writer, event.operation);
      });
    });
    return legal_verdict();
  }
  if (event.error != 0) return legal_verdict();
  if (operation.kind == OperationKind::FileRemove) {
    file.may_exist = false;
    file.may_be_missing = true;
    file.least_size = 0;
    file.most_size = 0;
    volumes_[file.volume] = Contents::zeroes(kFileSectors);
    return legal_verdict();
  }
  if (operation.kind != OperationKind::FileRead || !sure) return legal_verdict();
  const u64 first = operation.range.first_sector;
  const u64 asked = operation.range.count_sectors;
  const u64 least_size = std::min(pending.size_least, file.least_size);
  const u64 least = std::min(asked, least_size > first ? least_size - first : 0);
  const u64 most = std::min(asked, file.most_size > first ? file.most_size - first : 0);
  if (event.count_sectors < least || event.count_sectors > most) {
    return violation(property(5), "",
                     "a file of " + std::to_string(file.most_size) + " sectors gave " +
                         std::to_string(event.count_sectors) + " from sector " +
                         std::to_string(first));
  }
  if (event.count_sectors == 0 || !pending.collected) return legal_verdict();
  return judge_sectors(event, *pending.collected, first, nullptr);
}

void Machine::apply_file_system(const Operation& operation, const Event& event) {
  if (event.error != 0) {
    const u32 mounted = find_mount(operation.device);
    if (operation.kind == OperationKind::Thaw && mounted != kNone) mounts_[mounted].thawing = false;
    return;
  }
  switch (operation.kind) {
    case OperationKind::Mkfs:
      return apply_mkfs(operation);
    case OperationKind::Mount:
      return apply_mount(operation);
    case OperationKind::Umount: {
      const u32 found = find_mount(operation.device);
      if (found == kNone) return;
      const DeviceId id = mounts_[found].device;
      mounts_[found].device = kNone;
      Device& device = devices_[id];
      --device.opens;
      --device.mounts;
      if (device.deferred_remove && device.opens == 0) remove_deferred(id);
      return;
    }
    case OperationKind::Freeze:
    case OperationKind::Thaw:
      return apply_freeze(operation);
    default:
      return;
  }
}

void Machine::apply_mkfs(const Operation& operation) {
  const DeviceId id = find_device(operation.device);
  if (id == kNone) return;
  const auto place = place_of(id);
  if (!place) return;
  FileSystem system;
  system.place = *place;
  system.type = operation.word;
  system.known = !unreliable(id);
  system.consistent = system.known;
  file_systems_.push_back(std::move(system));
}

void Machine::apply_mount(const Operation& operation) {
  const DeviceId id = find_device(operation.device);
  if (id == kNone) return;
  Mounted mounted;
  mounted.point = operation.word;
  mounted.device = id;
  mounted.file_system = file_system_of(id);
  mounted.read_only = operation.flags.has(OperationFlag::ReadOnly);
  mounts_.push_back(std::move(mounted));
  ++devices_[id].opens;
  ++devices_[id].mounts;
}

void Machine::apply_freeze(const Operation& operation) {
  const i64 by = operation.kind == OperationKind::Thaw ? -1 : 1;
  const u32 found = find_mount(operation.device);
  if (found == kNone) {
    const DeviceId id = find_device(operation.device);
    if (id != kNone) devices_[id].bare_freezes = std::max<i64>(0, devices_[id].bare_freezes + by);
    return;
  }
  Mounted& mounted = mounts_[found];
  mounted.freezes = std::max<i64>(0, mounted.freezes + by);
  mounted.thawing = false;
  if (by > 0) mounted.frozen_at = now_;
  Device& device = devices_[mounted.device];
  if (by < 0 && device.thawed_while_suspended) device.thawed_ever = true;  // R24
}

u32 Machine::copy_file_system(u32 from, Place to) {
  FileSystem copy = file_systems_[from];
  copy.place = to;
  for (File& file : copy.files) file.volume = new_volume(volumes_[file.volume]);
  file_systems_.push_back(std::move(copy));
  return static_cast<u32>(file_systems_.size() - 1);
}

// P5: a snapshot takes the file system along as it was at the cut. It is whole when nothing had it
// mounted, or when the suspend froze it.
void Machine::cut_file_system(SnapStore& store) {
  const u32 own = static_cast<u32>(&store - stores_.data());
  const VolumeId before = store.view_before;
  const u32 old = before == kNone ? kNone : find_file_system({before, 0});
  if (old != kNone) {
    copy_file_system(old, {stores_[own].view, 0});
    return;
  }
  const auto place = place_of(store.origin);
  const u32 found = place ? find_file_system(*place) : kNone;
  if (found == kNone) return;
  bool whole = stores_[own].possible.empty();
  bool mounted_now = false;
  for (const Mounted& mounted : mounts_) {
    if (mounted.device == kNone || mounted.file_system != found) continue;
    mounted_now = true;
    const Device& device = devices_[mounted.device];
    const bool held = device.suspended && device.lockfs_frozen && !device.thawed_while_suspended &&
                      !device.resuming && !device.thawed_ever;
    if (!held) whole = false;
  }
  const u32 made = copy_file_system(found, {stores_[own].view, 0});
  if (!whole) forget(file_systems_[made]);
  if (mounted_now) {
    SnapStore& again = stores_[own];
    again.possible.add({0, (again.size_sectors + again.chunk_sectors - 1) / again.chunk_sectors});
    recount(again, false);
  }
}

// R72: what is merged becomes the origin's file system.
void Machine::merge_file_system(const SnapStore& store) {
  const u32 view = find_file_system({store.view, 0});
  const auto place = place_of(store.origin);
  if (!place) return;
  const u32 origin = find_file_system(*place);
  if (view != kNone) {
    copy_file_system(view, *place);
  } else if (origin != kNone) {
    forget(file_systems_[origin]);
  }
}

}  // namespace bioscope::spec

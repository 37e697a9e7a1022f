// SPDX-License-Identifier: Apache-2.0
// The files of a mounted file system: written, read and removed.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {

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
      for (Device& device : devices_) {
        const bool gate = any_gate(mounts_[mounted].device,
                                   [&](const Device& other) { return &other == &device; });
        if (gate && (device.suspended || device.suspending)) device.thawed_while_suspended = true;
      }
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
      legal.errors = {};
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

}  // namespace bioscope::spec

// SPDX-License-Identifier: Apache-2.0
// The ioctls that change a mapped device, and open and close: which errors are legal, and what a
// success does. An operation takes effect somewhere between its invoke and its return; while it is
// pending I/O is mapped both ways (mapping.cc). Two changes of one device that overlap leave it
// blurred: nothing is judged about it until a load and a resume of their own.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

constexpr std::initializer_list<int> kConstructorErrors = {EINVAL, ENXIO, ENODEV,
                                                           ENOENT, EBUSY, ENOTBLK};

bool is_swap(OperationKind kind) {
  return kind == OperationKind::Suspend || kind == OperationKind::Resume ||
         kind == OperationKind::Load || kind == OperationKind::Clear ||
         kind == OperationKind::Create || kind == OperationKind::Remove ||
         kind == OperationKind::Rename;
}

bool may_lack_privilege(OperationKind kind) {
  return kind == OperationKind::Open || kind == OperationKind::Close ||
         kind == OperationKind::SetReadOnly || kind == OperationKind::Message;
}

}  // namespace

void Machine::invoke_change(OperationId id) {
  LegalSet refused;
  const Operation operation = as_plain(this->operation(id), refused);
  PendingChange pending;
  pending.id = id;
  pending.device = find_device(operation.device);
  if (is_swap(operation.kind)) {
    for (PendingChange& other : pending_changes_) {
      LegalSet ignored;
      const Operation their = as_plain(this->operation(other.id), ignored);
      const bool same_name = their.device == operation.device || their.word == operation.device ||
                             their.device == operation.word;
      if (!is_swap(their.kind) || !same_name) continue;
      other.overlapped = true;
      pending.overlapped = true;
    }
  }
  pending.legal = change_legal(this->operation(id));
  if (pending.device != kNone && is_swap(operation.kind)) {
    Device& device = devices_[pending.device];
    if (operation.kind == OperationKind::Remove || operation.kind == OperationKind::Rename) {
      ++device.pending_changes;
    }
    if (operation.kind == OperationKind::Suspend) {
      device.suspending = true;
    }
    if (operation.kind == OperationKind::Resume && !pending.overlapped) {
      device.resuming = true;
      device.incoming = device.inactive;
      if (device.incoming) tables_changed(pending.device);
      if (device.suspended) release_deferred(pending.device);
      const TablePtr next = device.inactive ? device.inactive : device.live;
      if (next && (device.inactive || device.suspended)) {
        for (const Target& target : next->targets) {
          if (target.type == TargetType::Snapshot || target.type == TargetType::SnapshotMerge) {
            begin_snapshot(target);
          }
          expect_era(target);
        }
      }
    }
    if (pending.overlapped) blur(pending.device);
  }
  const bool rolls = operation.text == "checkpoint" || operation.text == "take_metadata_snap";
  if (operation.kind == OperationKind::Message && rolls && pending.device != kNone &&
      devices_[pending.device].live) {
    for (const Target& target : devices_[pending.device].live->targets) expect_era(target);
  }
  pending_changes_.push_back(std::move(pending));
}

Verdict Machine::complete_change(const Event& event) {
  const auto found = std::ranges::find(pending_changes_, event.operation, &PendingChange::id);
  if (found == pending_changes_.end()) return not_judged("a return without its invoke");
  PendingChange pending = std::move(*found);
  pending_changes_.erase(found);
  const Operation& raw = this->operation(event.operation);
  LegalSet refused;
  const Operation operation = as_plain(raw, refused);
  DeviceId id = pending.device;
  if (id == kNone && operation.kind != OperationKind::Create) {
    id = find_device(operation.device);
    if (id != kNone && is_swap(operation.kind)) pending.overlapped = true;
  }
  LegalSet legal = pending.legal;
  const bool settled = id != kNone && is_swap(operation.kind);
  if (settled) {
    Device& device = devices_[id];
    if (operation.kind == OperationKind::Remove || operation.kind == OperationKind::Rename) {
      --device.pending_changes;
    }
    if (operation.kind == OperationKind::Suspend) device.suspending = false;
    if (operation.kind == OperationKind::Resume) device.resuming = false;
  }
  for (const int error : change_legal(raw).errors) allow(legal, {error});
  const bool blurred = id != kNone && devices_[id].blurred;
  const bool free = pending.overlapped || blurred || legal.errors.empty();
  const std::string target = target_name(id);
  Verdict verdict;
  if (!free && !legal.allows(event.error)) {
    verdict =
        violation(legal.rule, target,
                  "expected " + errors_text(legal.errors) + ", got " + error_text(event.error));
  } else if (!free) {
    exercised(legal.rule);
  }
  if (event.error == 0) {
    if (operation.kind == OperationKind::Ioctl) return verdict;
    resume_invoked_ = invoked_[event.operation];
    apply_change(operation, id, 0);
  } else if (operation.kind == OperationKind::Resume && id != kNone) {
    resume_failed(id);
  }
  if (id != kNone && operation.kind == OperationKind::Resume) devices_[id].incoming = nullptr;
  if (pending.overlapped && id != kNone) blur(id);
  if (legal.errors.empty() && verdict.kind == VerdictKind::Legal) {
    return not_judged("the specification does not know what this operation may return");
  }
  return verdict;
}

LegalSet Machine::change_legal(const Operation& raw) const {
  LegalSet refused;
  const Operation operation = as_plain(raw, refused);
  if (!refused.errors.empty() || operation.kind == OperationKind::Ioctl) return refused;
  const DeviceId id = find_device(operation.device);
  switch (operation.kind) {
    case OperationKind::Create:
      return create_legal(operation);
    case OperationKind::Open:
      return open_legal(operation);
    case OperationKind::Close:
      if (id == kNone) return one_of(rule(34), {0, EBADF});
      return devices_[id].opens > 0 ? one_of(rule(34), {0}) : one_of(rule(34), {EBADF});
    case OperationKind::SetReadOnly:
      return id == kNone ? one_of(rule(27), {ENXIO, ENODEV, ENOENT})
                         : one_of(rule(3), {0, EBUSY, EROFS});
    default:
      break;
  }
  if (id == kNone || (!devices_[id].mapped && !may_lack_privilege(operation.kind))) {
    return one_of(rule(27), {ENXIO});
  }
  if (!devices_[id].exists) return one_of(rule(27), {ENXIO});
  switch (operation.kind) {
    case OperationKind::Load:
      return plan_load(operation, id).legal;
    case OperationKind::Clear:
      return one_of(rule(30), {0});
    case OperationKind::Suspend: {
      LegalSet legal = one_of(devices_[id].suspended ? rule(31) : rule(35), {0});
      legal.may_block = true;
      return legal;
    }
    case OperationKind::Resume:
      return resume_legal(id);
    case OperationKind::Remove:
      return remove_legal(operation, id);
    case OperationKind::Rename:
      return rename_legal(operation, id);
    case OperationKind::Message:
      return message_legal(operation, id);
    default:
      return {};
  }
}

LegalSet Machine::create_legal(const Operation& operation) const {
  LegalSet legal;
  legal.rule = rule(26);
  if (operation.device.find('/') != std::string::npos) return one_of(rule(26), {EINVAL});
  const bool uncertain = std::ranges::any_of(devices_, [&](const Device& device) {
    return device.exists && device.mapped && device.name == operation.device &&
           (device.pending_changes > 0 || device.deferred_remove);
  });
  bool taken = false;
  bool minor_taken = false;
  for (const Device& device : devices_) {
    if (!device.exists || !device.mapped) continue;
    if (device.name == operation.device) taken = true;
    if (!operation.text.empty() && device.uuid == operation.text) taken = true;
    if (operation.number != kNoNumber && device.minor == operation.number) minor_taken = true;
  }
  if (taken) allow(legal, {EBUSY});
  if (minor_taken) allow(legal, {ENXIO, EBUSY});
  if (!taken && !minor_taken) {
    allow(legal, {0});
    // A minor that the kernel chose itself may be the one that is asked for.
    constexpr i64 kChosenMinors = 128;
    if (operation.number != kNoNumber && operation.number < kChosenMinors) {
      allow(legal, {ENXIO, EBUSY});
    }
    if (operation.number >= 1 << 20) allow(legal, {EINVAL});
  }
  if (uncertain) allow(legal, {0});
  return legal;
}

Machine::Plan Machine::plan_load(const Operation& operation, DeviceId id) const {
  Plan plan;
  auto table = std::make_shared<Table>();
  table->read_only = operation.flags.has(OperationFlag::ReadOnly);
  const auto lines = split_table(operation.text);
  constexpr std::size_t kMostTargets = 1048576;
  if (lines.empty()) {
    plan.legal = one_of(rule(29), {EINVAL});
    return plan;
  }
  if (lines.size() > kMostTargets) {
    plan.legal = one_of(rule(29), {EOVERFLOW});
    return plan;
  }
  RuleId refused = RuleId::None;
  for (const TargetWords& words : lines) {
    if (words.size() < 3) {
      refused = rule(29);
      break;
    }
    Parsed parsed = parse_target(words);
    if (!parsed.unsupported.empty()) {
      table->unsupported = parsed.unsupported;
      plan.table = table;
      return plan;
    }
    // R29: each line begins where the one before ends, the first at 0.
    if (parsed.refused_by == RuleId::None && parsed.target.begin_sector != table->size_sectors) {
      parsed.refused_by = rule(29);
    }
    if (parsed.refused_by != RuleId::None) {
      refused = parsed.refused_by;
      break;
    }
    table->size_sectors = parsed.target.end_sector();
    if (!table->text.empty()) table->text += "; ";
    table->targets.push_back(std::move(parsed.target));
  }
  if (refused != RuleId::None) {
    plan.legal = one_of(refused, kConstructorErrors);
    return plan;
  }
  plan.legal = one_of(rule(30), {0});
  plan_devices(*table, plan.legal);
  if (operation.flags.has(OperationFlag::Interpose)) {
    table->unsupported = "the specification does not know interposers";
    plan.legal = {};
  }
  for (const Target& target : table->targets) {
    for (const TargetDevice& below : target.devices) {
      // 6.1 takes a table that maps a device to itself; what I/O does then is not described.
      if (below.device == id) table->unsupported = "the table maps the device to itself";
    }
  }
  plan.table = table;
  return plan;
}

// Devices must be there and not be claimed by others; each type has rules of its own.
void Machine::plan_devices(Table& table, LegalSet& legal) const {
  const auto refuse_load = [&](RuleId rule) { legal = one_of(rule, kConstructorErrors); };
  for (Target& target : table.targets) {
    for (TargetDevice& below : target.devices) {
      below.device = find_device(below.name);
      if (below.device == kNone) return refuse_load(rule(29));
      const Device& device = devices_[below.device];
      if (!device.exists) return refuse_load(rule(29));
      if (device.mounts > 0 || device.exclusive_opens > 0) return refuse_load(rule(29));
      if (device.pending_changes > 0 || device.deferred_remove) {
        allow(legal, kConstructorErrors);
      }
      if (device.read_only && !table.read_only) allow(legal, {EACCES, EROFS, EPERM});
    }
    if (target.type == TargetType::Snapshot || target.type == TargetType::SnapshotMerge) {
      plan_snapshot(target, table, legal);
    }
    if (target.type == TargetType::Era) plan_era(target, legal);
    if (target.type == TargetType::LogWrites && any_fault(target.devices[1].device)) {
      allow(legal, {EIO});
    }
    if (!legal.allows(0)) return;
  }
}

void Machine::acquire(const TablePtr& table) {
  for (const Target& target : table->targets) {
    for (const TargetDevice& below : target.devices) {
      if (below.device == kNone) continue;
      ++devices_[below.device].opens;
      ++devices_[below.device].claims;
    }
  }
}

void Machine::release(DeviceId, const TablePtr& table) {
  if (!table) return;
  for (const Target& target : table->targets) {
    if (target.type == TargetType::Snapshot || target.type == TargetType::SnapshotMerge) {
      drop_snapshot(target);
    }
    for (const TargetDevice& below : target.devices) {
      if (below.device == kNone) continue;
      Device& device = devices_[below.device];
      --device.opens;
      --device.claims;
      if (device.deferred_remove && device.opens == 0) remove_deferred(below.device);
    }
  }
}

void Machine::apply_load(const Operation& operation, DeviceId id) {
  const Plan plan = plan_load(operation, id);
  auto table = std::make_shared<Table>();
  if (plan.table) {
    *table = *plan.table;
  } else {
    table->unsupported = "a table was taken that the specification does not understand";
  }
  for (Target& target : table->targets) {
    for (TargetDevice& below : target.devices) {
      if (below.device == 0 && !below.name.empty()) below.device = find_device(below.name);
      if (below.device == kNone) {
        table->unsupported = "a table was taken that names a device which is not there";
      }
    }
  }
  if (table->unsupported.empty()) {
    for (Target& target : table->targets) {
      if (target.type == TargetType::Snapshot || target.type == TargetType::SnapshotMerge) {
        target.instance = ++instances_;
        load_snapshot(target);
        stores_[target.store].users.push_back({target.instance, id, false});
      }
      if (target.type == TargetType::Era) load_era(target);
      if (!table->text.empty()) table->text += "; ";
      table->text += table_line(target);
    }
  }
  const TablePtr loaded = table;
  acquire(loaded);
  Device& device = devices_[id];
  const TablePtr replaced = device.inactive;
  device.inactive = loaded;
  device.ever_loaded = true;
  device.past.push_back(loaded);
  release(id, replaced);
}

// R32: what the swap itself refuses: a table that reaches past a device or lies across its blocks.
RuleId Machine::swap_refused_by(const Table& table) const {
  for (const Target& target : table.targets) {
    for (const TargetDevice& below : target.devices) {
      if (below.device == kNone) continue;
      const u64 block = logical_block_sectors(below.device);
      const u64 span = std::max<u64>(1, below.span_sectors);
      if (below.start_sector + span > size_most(below.device)) return rule(32);
      if (below.start_sector % block != 0 || below.span_sectors % block != 0) return rule(32);
    }
  }
  return RuleId::None;
}

// R71: the exceptions are handed over only by a suspended source; the source itself cannot go on.
bool Machine::handover_refused(DeviceId id, const Table& table) const {
  for (const Target& target : table.targets) {
    if (target.type != TargetType::Snapshot && target.type != TargetType::SnapshotMerge) continue;
    const SnapStore& store = stores_[target.store];
    const StoreUser* source = nullptr;
    const StoreUser* receiver = nullptr;
    for (const StoreUser& user : store.users) (user.active ? source : receiver) = &user;
    if (source == nullptr || receiver == nullptr) continue;
    if (source->instance == target.instance) return true;
    if (!devices_[source->device].suspended && source->device != id) return true;
  }
  return false;
}

LegalSet Machine::resume_legal(DeviceId id) const {
  const Device& device = devices_[id];
  const TablePtr& table = device.inactive ? device.inactive : device.live;
  if (!table) {  // R31
    LegalSet legal = one_of(rule(31), {device.ever_suspended ? EINVAL : 0});
    if (device.suspending) allow(legal, {0, EINVAL});
    return legal;
  }
  if (!table->unsupported.empty()) return {};
  if (device.inactive) {
    if (const RuleId refused = swap_refused_by(*table); refused != RuleId::None) {
      return one_of(refused, {EINVAL});
    }
  }
  if ((device.inactive || device.suspended) && handover_refused(id, *table)) {
    return one_of(rule(71), {EINVAL});
  }
  LegalSet legal = one_of(device.inactive ? rule(32) : device.suspended ? rule(40) : rule(31), {0});
  legal.may_block = true;
  for (const Target& target : table->targets) {
    if (target.type == TargetType::Era && any_fault(target.devices[0].device)) {
      allow(legal, {EIO, EINVAL});
    }
  }
  return legal;
}

LegalSet Machine::remove_legal(const Operation& operation, DeviceId id) const {
  const Device& device = devices_[id];
  if (operation.flags.has(OperationFlag::Deferred)) return one_of(rule(34), {0});
  const OpenCounts opens = open_counts(id);
  LegalSet legal;
  legal.rule = rule(34);
  if (opens.least == 0) allow(legal, {0});
  if (opens.most > 0) allow(legal, {EBUSY});
  if (device.deferred_remove) allow(legal, {0, EBUSY, ENXIO});
  return legal;
}

LegalSet Machine::rename_legal(const Operation& operation, DeviceId id) const {
  const bool uuid = !operation.text.empty();
  const std::string& wanted = uuid ? operation.text : operation.word;
  const bool taken = std::ranges::any_of(devices_, [&](const Device& device) {
    return device.exists && device.mapped && (uuid ? device.uuid : device.name) == wanted;
  });
  LegalSet legal;
  legal.rule = rule(26);
  if (taken) allow(legal, {EBUSY});
  if (uuid && !devices_[id].uuid.empty()) allow(legal, {EINVAL});
  if (!uuid && wanted.find('/') != std::string::npos) allow(legal, {EINVAL});
  if (legal.errors.empty()) allow(legal, {0});
  return legal;
}

LegalSet Machine::open_legal(const Operation& operation) const {
  const DeviceId id = find_device(operation.device);
  if (id == kNone || !devices_[id].exists) return one_of(rule(27), {ENXIO, ENODEV, ENOENT});
  const Device& device = devices_[id];
  LegalSet legal = one_of(rule(34), {0});
  const bool exclusive = operation.flags.has(OperationFlag::Exclusive);
  if (exclusive && (device.claims > 0 || device.mounts > 0 || device.exclusive_opens > 0)) {
    legal = one_of(rule(34), {EBUSY});
  }
  if (device.read_only && !operation.flags.has(OperationFlag::ReadOnly)) {
    allow(legal, {EACCES, EROFS, EPERM});
  }
  if (device.pending_changes > 0 || device.blurred) allow(legal, {ENXIO, ENODEV, ENOENT, EBUSY});
  for (const PendingChange& change : pending_changes_) {
    if (this->operation(change.id).kind == OperationKind::Load) allow(legal, {EBUSY, 0});
  }
  return legal;
}

void Machine::apply_change(const Operation& operation, DeviceId id, int) {
  if (operation.kind == OperationKind::Create) return apply_create(operation);
  if (id == kNone) return;
  Device& device = devices_[id];
  switch (operation.kind) {
    case OperationKind::Load:
      return apply_load(operation, id);
    case OperationKind::Clear: {
      const TablePtr dropped = device.inactive;
      device.inactive = nullptr;
      return release(id, dropped);
    }
    case OperationKind::Suspend:
      return apply_suspend(operation, id);
    case OperationKind::Resume:
      return apply_resume(id);
    case OperationKind::Remove:
      if (operation.flags.has(OperationFlag::Deferred) && device.opens > 0) {
        device.deferred_remove = true;
        return;
      }
      return remove_device(id);
    case OperationKind::Rename:
      if (operation.text.empty()) device.former_name = device.name;
      (operation.text.empty() ? device.name : device.uuid) =
          operation.text.empty() ? operation.word : operation.text;
      return;
    case OperationKind::Open:
      ++device.opens;
      if (operation.flags.has(OperationFlag::Exclusive)) ++device.exclusive_opens;
      return;
    case OperationKind::Close:
      if (device.opens > 0) --device.opens;
      if (device.exclusive_opens > 0 && device.opens < device.exclusive_opens + device.claims) {
        --device.exclusive_opens;
      }
      if (device.deferred_remove && device.opens == 0) remove_deferred(id);
      return;
    case OperationKind::Message:
      return apply_message(operation, id);
    case OperationKind::SetReadOnly:
      device.read_only = operation.number != 0;
      return;
    default:
      return;
  }
}

void Machine::apply_create(const Operation& operation) {
  Device device;
  device.name = operation.device;
  device.uuid = operation.text;
  device.mapped = true;
  device.minor = operation.number;
  devices_.push_back(std::move(device));
}

void Machine::apply_suspend(const Operation& operation, DeviceId id) {
  Device& device = devices_[id];
  const bool was = device.suspended;
  device.suspended = true;
  device.ever_suspended = true;
  device.suspended_at = now_;
  const bool lockfs =
      !operation.flags.has(OperationFlag::NoLockfs) && !operation.flags.has(OperationFlag::NoFlush);
  if (!was) {
    device.lockfs_frozen = lockfs;
    device.thawed_while_suspended = false;
  }
}

void Machine::apply_resume(DeviceId id) {
  Device& device = devices_[id];
  const bool swaps = device.inactive != nullptr;
  const bool was_suspended = device.suspended;
  const TablePtr old = swaps ? device.live : nullptr;
  if (swaps) {
    exercised(rule(33));
    const bool moved = device.live && device.live->text != device.inactive->text;
    device.live = device.inactive;
    device.inactive = nullptr;
    device.read_only = device.live->read_only;
    if (moved) change_snapshot_origins(id);
  }
  device.suspended = false;
  device.lockfs_frozen = false;
  device.blurred = false;
  if (!device.live) return;
  device.past = {device.live};
  const TablePtr live = device.live;
  if (swaps || was_suspended) {
    device.resumed_at = resume_invoked_;
    for (const Target& target : live->targets) {
      if (target.type == TargetType::Snapshot || target.type == TargetType::SnapshotMerge) {
        activate_snapshot(target);
      }
      if (target.type == TargetType::Era) resume_era(target);
    }
  }
  release(id, old);
}

// R32: a swap that fails destroys the new table and leaves the device suspended; a target that
// refuses to go on leaves it suspended with the new table.
void Machine::resume_failed(DeviceId id) {
  Device& device = devices_[id];
  for (SnapStore& store : stores_) store.beginning = false;
  if (!device.inactive) return;
  device.suspended = true;
  device.ever_suspended = true;
  const TablePtr failed = device.inactive;
  device.inactive = nullptr;
  if (swap_refused_by(*failed) == RuleId::None && handover_refused(id, *failed)) {
    const TablePtr old = device.live;
    device.live = failed;
    release(id, old);
  } else {
    release(id, failed);
  }
  // What was let go on at the resume's invoke waits again.
  for (PendingIo& pending : pending_io_) {
    if (pending.device == kNone || !stack_has(pending.device, id)) continue;
    pending.ambiguous = true;
    if (pending.device == id) {
      for (Piece& piece : pending.pieces) piece.certain = false;
      const Range range = operation(pending.id).range;
      Piece waits;
      waits.kind = PieceKind::Deferred;
      waits.certain = false;
      waits.device = id;
      waits.first_sector = range.first_sector;
      waits.count_sectors = range.count_sectors;
      pending.pieces.push_back(waits);
    } else {
      pending.free = true;
      pending.why_free = "it was pending on a stack in which a resume failed";
    }
  }
}

void Machine::remove_device(DeviceId id) {
  Device& device = devices_[id];
  device.exists = false;
  const TablePtr live = device.live;
  const TablePtr inactive = device.inactive;
  device.live = nullptr;
  device.inactive = nullptr;
  release(id, inactive);
  release(id, live);
}

// A worker of the kernel does it, so what the device had open may stay open for a while.
void Machine::remove_deferred(DeviceId id) {
  for (const TablePtr& table : {devices_[id].live, devices_[id].inactive}) {
    if (!table) continue;
    for (const Target& target : table->targets) {
      for (const TargetDevice& below : target.devices) {
        if (below.device != kNone) ++devices_[below.device].lingering;
      }
    }
  }
  remove_device(id);
}

void Machine::blur(DeviceId id) {
  Device& device = devices_[id];
  device.blurred = true;
  for (PendingIo& pending : pending_io_) {
    if (pending.device == kNone || !stack_has(pending.device, id)) continue;
    pending.free = true;
    pending.why_free = "operations on " + device.name + " overlapped";
  }
}

}  // namespace bioscope::spec

// SPDX-License-Identifier: Apache-2.0
// H3 and H4: what one driver did with one bio between Enter and Leave.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "models/spec/hop_judge.h"
#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

constexpr u32 kDefaultMaxSectors = 2560;  // BLK_DEF_MAX_SECTORS

PieceLimits limits_of(const Disk& disk) {
  PieceLimits limits;
  limits.logical_block_bytes = disk.logical_block_bytes;
  limits.physical_block_bytes = std::max(disk.physical_block_bytes, disk.logical_block_bytes);
  limits.max_sectors = disk.max_sectors == 0 ? kDefaultMaxSectors : disk.max_sectors;
  limits.chunk_sectors = disk.chunk_sectors;
  limits.discard_granularity_bytes = disk.discard_granularity_sectors * kSectorBytes;
  limits.discard_alignment_bytes = disk.discard_alignment_sectors * kSectorBytes;
  limits.max_discard_sectors = disk.max_discard_sectors;
  limits.max_write_zeroes_sectors = disk.max_write_zeroes_sectors;
  return limits;
}

std::optional<PieceOperation> piece_operation(HopOperation op) {
  switch (op) {
    case HopOperation::Read:
    case HopOperation::Write:
      return PieceOperation::Data;
    case HopOperation::Discard:
    case HopOperation::SecureErase:
      return PieceOperation::Discard;
    case HopOperation::WriteZeroes:
      return PieceOperation::WriteZeroes;
    case HopOperation::Flush:
      break;
  }
  return std::nullopt;
}

RuleId rule_of(PieceOperation operation) {
  if (operation == PieceOperation::Discard) return rule(17);
  return operation == PieceOperation::WriteZeroes ? rule(18) : rule(15);
}

// R41: the stretch that a target takes in one piece, 0 where only its end counts.
u64 stretch_of(const Target& target) {
  switch (target.type) {
    case TargetType::Striped:
    case TargetType::Era:
      return target.chunk_sectors;
    default:
      return 0;
  }
}

// Where the rules of a target leave the length of a piece to more than the table says.
bool decides_itself(const Target& target) {
  return target.type == TargetType::SnapshotOrigin || target.type == TargetType::Snapshot ||
         target.type == TargetType::SnapshotMerge || target.type == TargetType::LogWrites;
}

const Target* target_at(const Table& table, u64 sector) {
  const auto found = std::ranges::upper_bound(table.targets, sector, {}, &Target::end_sector);
  return found == table.targets.end() ? nullptr : &*found;
}

struct Lower {
  std::size_t device = 0;
  u64 sector = 0;
};

// R46, R47: nothing for a target whose places depend on more than the table.
std::optional<Lower> place_in(const Target& target, u64 sector, bool reads) {
  const u64 offset = sector - target.begin_sector;
  switch (target.type) {
    case TargetType::Linear:
    case TargetType::Flakey:
      return Lower{0, target.devices[0].start_sector + offset};
    case TargetType::Delay: {
      const std::size_t which = reads || target.devices.size() == 1 ? 0 : 1;
      return Lower{which, target.devices[which].start_sector + offset};
    }
    case TargetType::Era:
      return Lower{1, offset};
    case TargetType::SnapshotOrigin:
    case TargetType::LogWrites:  // wherever the target begins
      return Lower{0, sector};
    case TargetType::Striped: {
      const StripePlace place = stripe_of(target, offset);
      return Lower{place.stripe, place.sector};
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

Verdict HopJudge::judge_disk_round(const Round& round, Machine& machine) {
  const DeviceId device = machine.find_device(round.where);
  const auto operation = piece_operation(bio(round.bio).op);
  if (device == kNone || !operation || round.range.count_sectors == 0) return legal_verdict();
  if (machine.devices_[device].disk == kNone) return legal_verdict();
  const Disk& disk = machine.program_->trace.disks[machine.devices_[device].disk];
  const u64 expected = first_piece(*operation, round.range.first_sector, round.range.count_sectors,
                                   limits_of(disk), {});
  const bool was_split = round.front != 0;
  if (!was_split && bio(round.bio).ended && bio(round.bio).error != 0) return legal_verdict();
  const u64 seen = was_split ? bio(round.front).range.count_sectors : round.range.count_sectors;
  const RuleId broken = rule_of(*operation);
  if (expected < round.range.count_sectors || was_split) machine.exercised(broken);
  if (seen == expected) return legal_verdict();
  return violation(broken, "",
                   fmt::format("{} took {} of {}+{} in one piece where {} go", round.where, seen,
                               round.range.first_sector, round.range.count_sectors, expected));
}

Verdict HopJudge::judge_mapped_round(const Round& round, Machine& machine) {
  const Bio& it = bio(round.bio);
  const auto operation = piece_operation(it.op);
  if (round.clones.empty() || !operation || round.range.count_sectors == 0) return legal_verdict();
  u64 piece = round.range.count_sectors;
  if (round.rest) {
    machine.exercised(property(11));
    machine.exercised(rule(42));
    const bool tiles = round.rest->end_sector() == round.range.end_sector() &&
                       round.rest->first_sector > round.range.first_sector &&
                       round.rest->count_sectors > 0;
    if (!tiles) {
      return violation(property(11), "",
                       fmt::format("{} left {}+{} of a bio of {}+{}", round.where,
                                   round.rest->first_sector, round.rest->count_sectors,
                                   round.range.first_sector, round.range.count_sectors));
    }
    piece = round.rest->first_sector - round.range.first_sector;
  }
  if (*operation != PieceOperation::Data || round.flags.has(OperationFlag::Preflush)) {
    return legal_verdict();
  }
  const std::vector<TablePtr>& tables = bio(round.clones.front()).tables;
  if (tables.empty()) return legal_verdict();
  std::string wanted;
  for (const TablePtr& table : tables) {
    const Target* target = target_at(*table, round.range.first_sector);
    if (target == nullptr || decides_itself(*target) || !table->unsupported.empty()) {
      return legal_verdict();
    }
    u64 longest = target->end_sector() - round.range.first_sector;
    if (const u64 stretch = stretch_of(*target); stretch != 0) {
      const u64 offset = round.range.first_sector - target->begin_sector;
      longest = std::min({longest, stretch - offset % stretch, u64{kDefaultMaxSectors}});
    }
    longest = std::min(longest, round.range.count_sectors);
    if (longest == piece) {
      if (piece < round.range.count_sectors) machine.exercised(rule(41));
      return legal_verdict();
    }
    wanted += fmt::format("{}{}", wanted.empty() ? "" : " or ", longest);
  }
  return violation(rule(41), "",
                   fmt::format("{} took {} of {}+{} in one piece where {} go", round.where, piece,
                               round.range.first_sector, round.range.count_sectors, wanted));
}

Verdict HopJudge::judge_place(const Bio& clone, Machine& machine) const {
  if (clone.tables.empty() || clone.range.count_sectors == 0) return legal_verdict();
  if (clone.op != HopOperation::Read && clone.op != HopOperation::Write) return legal_verdict();
  std::string wanted;
  RuleId broken = rule(46);
  for (const TablePtr& table : clone.tables) {
    const Target* target = target_at(*table, clone.piece_first);
    if (target == nullptr || !table->unsupported.empty()) return legal_verdict();
    const auto place = place_in(*target, clone.piece_first, clone.op == HopOperation::Read);
    if (!place) return legal_verdict();
    if (target->type == TargetType::Striped) broken = rule(47);
    const Device& below = machine.devices_[target->devices[place->device].device];
    if (below.name == clone.device && place->sector == clone.range.first_sector) {
      machine.exercised(broken);
      if (clone.tables.size() > 1) machine.exercised(property(4));
      return legal_verdict();
    }
    wanted += fmt::format("{}{} {}", wanted.empty() ? "" : " or ", below.name, place->sector);
  }
  return violation(clone.tables.size() > 1 ? property(4) : broken, "",
                   fmt::format("sector {} of {} went to {} {} where it maps to {}",
                               clone.piece_first, machine.devices_[clone.mapped_by].name,
                               clone.device, clone.range.first_sector, wanted));
}

}  // namespace bioscope::spec

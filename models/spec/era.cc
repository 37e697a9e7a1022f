// SPDX-License-Identifier: Apache-2.0
// era: which blocks were written in which era. The metadata belongs to its device: tables come and
// go over it, and what they mark adds up (R52 to R54, R58).
#include <fmt/format.h>
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {

void Machine::plan_era(const Target& target, LegalSet& legal) const {
  legal.rule = rule(52);
  const DeviceId metadata = find_device(target.devices[0].name);
  const auto place = metadata == kNone ? std::nullopt : place_of(metadata, target.devices[0].below);
  constexpr u64 kComfortableSectors = 1024;  // less may be too small for the metadata
  if (!place || any_fault(place->volume) || size_least(metadata) < kComfortableSectors) {
    allow(legal, {EINVAL, EIO, ENOSPC, ENOTBLK, EILSEQ});
    return;
  }
  const auto known = std::ranges::find(eras_, *place, &EraStore::place);
  if (known != eras_.end()) {
    if (known->unknown || known->block_sectors != target.chunk_sectors) {
      allow(legal, {EINVAL, EIO, ENOTBLK, EILSEQ});
    }
    return;
  }
  bool may_be_new = false;
  bool may_be_other = false;
  volumes_[place->volume].for_each({place->sector, 8}, [&](u64, u64, const CandidateSet& set) {
    for (std::size_t i = 0; i < set.size(); ++i) {
      if (set[i].kind != CandidateKind::Zero) may_be_other = true;
      if (set[i].kind != CandidateKind::Written) may_be_new = true;
    }
  });
  if (may_be_other) allow(legal, {EINVAL, EIO, ENOTBLK, EILSEQ});
  (void)may_be_new;
}

void Machine::load_era(Target& target) {
  const auto place = place_of(target.devices[0].device, target.devices[0].below);
  const u64 blocks = (target.length_sectors + target.chunk_sectors - 1) / target.chunk_sectors;
  auto known = place ? std::ranges::find(eras_, *place, &EraStore::place) : eras_.end();
  if (known == eras_.end()) {
    EraStore era;
    if (place) era.place = *place;
    era.unknown = !place;
    if (place) {
      volumes_[place->volume].for_each({place->sector, 8}, [&](u64, u64, const CandidateSet& set) {
        for (std::size_t i = 0; i < set.size(); ++i) {
          if (set[i].kind != CandidateKind::Zero) era.unknown = true;
        }
      });
      era.size_sectors = size_most(target.devices[0].device);
      widen(place->volume, {place->sector, era.size_sectors}, {CandidateKind::Any, kForEver, 0});
    }
    era.block_sectors = target.chunk_sectors;
    eras_.push_back(std::move(era));
    known = eras_.end() - 1;
  }
  known->failing = false;
  if (known->block_sectors != target.chunk_sectors) known->unknown = true;
  known->blocks = std::max(known->blocks, blocks);
  known->marks.resize(known->blocks);
  target.store = static_cast<u32>(known - eras_.begin());
}

void Machine::resume_era(const Target& target) {
  EraStore& era = eras_[target.store];  // R54
  ++era.era_least;
  era.begun.push_back(now_);
  era.era_most = std::max(era.era_most, era.era_least);
}

// A resume, a checkpoint or a metadata snapshot is invoked: the next era may have begun.
void Machine::expect_era(const Target& target) {
  if (target.type != TargetType::Era) return;
  ++eras_[target.store].era_most;
  for (const PendingIo& pending : pending_io_) {
    if (io_kind(operation(pending.id)) == IoKind::Read) continue;
    for (const Piece& piece : pending.pieces) note_era_write(pending, piece, false);
  }
}

// R53: the block of a write is marked in an era in which the write was under way. R55: of a
// discard only the first block is.
void Machine::note_era_write(const PendingIo& pending, const Piece& piece, bool done) {
  for (const EraPass& pass : piece.eras) {
    if (pass.store == kNone) return;
    EraStore& era = eras_[pass.store];
    const Range range = piece.in_era(pass);
    if (range.count_sectors == 0) continue;
    const bool discards = io_kind(operation(pending.id)) == IoKind::Discard;
    const u64 first_block = range.first_sector / era.block_sectors;
    const u64 last_block = (range.end_sector() - 1) / era.block_sectors;
    for (u64 block = first_block; block <= last_block && block < era.marks.size(); ++block) {
      EraMark& mark = era.marks[block];
      mark.most = std::max(mark.most, era.era_most);
      const bool certain = done && piece.certain && !pending.ambiguous && !pending.swapped &&
                           !(discards && block > first_block);
      if (!certain) continue;
      mark.least = std::max(mark.least, era.era_at(invoked_[pending.id]));
      exercised(discards ? rule(55) : rule(53));
    }
  }
}

bool Machine::era_status_fits(const Target& target, std::string_view words) const {
  const EraStore& era = eras_[target.store];
  if (era.unknown) return true;
  // 8 used/total era held|-
  const std::size_t first = words.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : words.find(' ', first + 1);
  const std::size_t third = second == std::string_view::npos ? second : words.find(' ', second + 1);
  if (third == std::string_view::npos || words.substr(0, first) != "8") return false;
  const auto current = parse_number(words.substr(second + 1, third - second - 1));
  const bool held = words.substr(third + 1) != "-";
  if (!current || *current < era.era_least || *current > era.era_most) return false;
  return !era.held_known || held == era.held;
}

std::string Machine::era_dump_text(DeviceId metadata) const {
  const auto place = place_of(metadata);
  const auto known = place ? std::ranges::find(eras_, *place, &EraStore::place) : eras_.end();
  if (known == eras_.end()) return "era=0";
  std::string text = fmt::format("era={}", known->era_least);
  for (std::size_t block = 0; block < known->marks.size(); ++block) {
    if (known->marks[block].least > 0)
      text += fmt::format(" {}:{}", block, known->marks[block].least);
  }
  return text;
}

Verdict Machine::judge_era_dump(const Event& event) {
  const Operation& operation = this->operation(event.operation);
  const DeviceId id = find_device(operation.device);
  if (id == kNone) {
    return event.error == ENXIO || event.error == ENODEV || event.error == ENOENT
               ? legal_verdict()
               : violation(rule(27), "era", "a device that is not there was dumped");
  }
  const auto place = place_of(id);
  const auto known = place ? std::ranges::find(eras_, *place, &EraStore::place) : eras_.end();
  if (known == eras_.end() || known->unknown) return not_judged("no era metadata is known there");
  EraStore& era = *known;
  for (const Device& device : devices_) {
    if (!device.exists || !device.live || (device.suspended && !device.resuming)) continue;
    for (const Target& target : device.live->targets) {
      if (target.type == TargetType::Era && &eras_[target.store] == &era) {
        return legal_verdict();  // it is being written
      }
    }
  }
  if (event.error != 0) return not_judged("era_dump could not read the metadata: " + event.text);
  std::vector<u64> dumped(era.marks.size());
  u64 current = 0;
  std::size_t at = 0;
  while (at < event.text.size()) {
    const std::size_t end = std::min(event.text.find(' ', at), event.text.size());
    const std::string_view word = std::string_view(event.text).substr(at, end - at);
    at = end + 1;
    if (word.starts_with("era=")) {
      current = parse_number(word.substr(4)).value_or(0);
      continue;
    }
    const std::size_t colon = word.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view blocks = word.substr(0, colon);
    const std::size_t dash = blocks.find('-');
    const auto first = parse_number(blocks.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : parse_number(blocks.substr(dash + 1));
    const auto value = parse_number(word.substr(colon + 1));
    if (!first || !last || !value) return not_judged("an era dump that cannot be read");
    for (u64 block = *first; block <= *last && block < dumped.size(); ++block) {
      dumped[block] = *value;
    }
  }
  for (std::size_t block = 0; block < dumped.size(); ++block) {
    const EraMark& mark = era.marks[block];
    const u64 most = era.scribbled ? era.era_most : mark.most;
    if (dumped[block] >= mark.least && dumped[block] <= most) continue;
    return violation(rule(53), "era",
                     fmt::format("block {} of {} is marked in era {}, expected {} to {}", block,
                                 operation.device, dumped[block], mark.least, most));
  }
  exercised(rule(53));
  if (current < era.era_least || current > era.era_most) {
    return violation(rule(54), "era",
                     fmt::format("the metadata is in era {}, expected {} to {}", current,
                                 era.era_least, era.era_most));
  }
  exercised(rule(54));
  return legal_verdict();
}

}  // namespace bioscope::spec

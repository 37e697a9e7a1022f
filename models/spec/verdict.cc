// SPDX-License-Identifier: Apache-2.0
// Verdicts and their words.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

struct Mismatch {
  u64 io_sector = 0;
  Sector seen;
  const CandidateSet* set = nullptr;
};

std::string legal_text(const std::vector<Sector>& legal) {
  std::vector<std::string> words;
  for (const Sector& sector : legal) words.push_back(to_text(sector));
  return words.empty() ? "nothing" : fmt::format("{}", fmt::join(words, " or "));
}

}  // namespace

Verdict legal_verdict() {
  return {};
}

Verdict violation(RuleId rule, std::string_view target, std::string message) {
  Verdict verdict;
  verdict.kind = VerdictKind::Violation;
  verdict.rule = rule;
  verdict.target = target;
  verdict.message = std::move(message);
  return verdict;
}

Verdict not_judged(std::string message) {
  Verdict verdict;
  verdict.kind = VerdictKind::NotJudged;
  verdict.message = std::move(message);
  return verdict;
}

std::string error_text(int error) {
  if (error == 0) return "success";
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}

std::string errors_text(const ErrorSet& errors) {
  std::vector<std::string> words;
  for (const int error : errors.list()) words.push_back(error_text(error));
  return words.empty() ? "no return" : fmt::format("{}", fmt::join(words, " or "));
}

LegalSet one_of(RuleId rule, std::initializer_list<int> errors) {
  LegalSet legal;
  legal.rule = rule;
  allow(legal, errors);
  return legal;
}

void allow(LegalSet& legal, std::initializer_list<int> errors) {
  for (const int error : errors) legal.errors.add(error);
}

// Each sector that was read against what it may have held. `first_sector` is that of the I/O in
// its device or file; `pending` is there for a device.
Verdict Machine::judge_sectors(const Event& event, const Contents& collected, u64 first_sector,
                               const PendingIo* pending) {
  const u64 seed = program_->trace.seed;
  const Operation& operation = this->operation(event.operation);
  std::vector<Mismatch> wrong;
  u64 wrong_count = 0;
  bool binding = false;
  u64 at = 0;
  Verdict verdict;
  RuleId hazard = RuleId::None;
  bool violated = false;
  const Piece* place = nullptr;
  RuleId source = RuleId::None;
  const auto piece_at = [&](u64 sector) -> const Piece* {
    if (pending == nullptr) return nullptr;
    for (const Piece& piece : pending->pieces) {
      if (piece.io_first <= sector && sector < piece.io_first + piece.count_sectors) return &piece;
    }
    return nullptr;
  };
  const auto unbound = [&](u64 sector) {
    if (pending == nullptr) return RuleId::None;
    for (const Piece& piece : pending->pieces) {
      if (piece.store == kNone || sector < piece.io_first ||
          sector >= piece.io_first + piece.count_sectors) {
        continue;
      }
      const u64 own = piece.first_sector + (sector - piece.io_first);
      const SnapStore& store = stores_[piece.store];
      if (store.unbound_live.contains(own)) return rule(74);
      if (store.unbound_device.contains(own)) return rule(75);
    }
    return RuleId::None;
  };
  for (const SectorRun& run : event.data) {
    collected.for_each({at, run.count}, [&](u64 first, u64 end, const CandidateSet& set) {
      marks_.reads += end - first;
      Sector seen = run.first;
      if (auto* stamp = std::get_if<Stamp>(&seen)) stamp->sector += first - at;
      if (set.has_any()) return;
      marks_.reads_binding += end - first;
      binding = true;
      for (std::size_t i = 0; i < set.size(); ++i) {
        if (matches(set[i], first, seen, seed)) return;
      }
      for (u64 sector = first; sector < end; ++sector) {
        ++wrong_count;
        const RuleId excuse = unbound(sector);
        const bool first_violation = excuse == RuleId::None && !violated;
        if (excuse != RuleId::None) {
          if (hazard == RuleId::None) hazard = excuse;
        } else {
          violated = true;
        }
        if (place == nullptr || first_violation) {
          place = piece_at(sector);
          source = place == nullptr ? RuleId::None : place->rule;
        }
        if (wrong.size() >= kMaxShownCandidates && !first_violation) continue;
        SectorVerdict shown;
        shown.sector = first_sector + sector;
        shown.seen = seen;
        if (auto* stamp = std::get_if<Stamp>(&shown.seen)) stamp->sector += sector - first;
        for (std::size_t i = 0; i < set.size() && i < kMaxShownCandidates; ++i) {
          Sector value;
          if (value_at(set[i], sector, seed, value)) shown.legal.push_back(value);
        }
        if (first_violation) {
          verdict.sectors.insert(verdict.sectors.begin(), std::move(shown));
        } else {
          verdict.sectors.push_back(std::move(shown));
        }
        wrong.push_back({});
      }
    });
    at += run.count;
  }
  if (binding) {
    exercised(pending == nullptr ? property(5) : property(1));
    if (pending != nullptr) {
      RuleId last = RuleId::None;
      for (const Piece& piece : pending->pieces) {
        if (piece.rule != last) exercised(piece.rule);
        if (piece.store != kNone && stores_[piece.store].cut) exercised(rule(64));
        last = piece.rule;
      }
      if (pending->swapped) exercised(property(4));
      if (passes_interposer(*pending)) {
        exercised(property(2));
        if (pending->pieces[0].interposers > 1) exercised(property(7));
      }
    }
  }
  if (wrong_count == 0) return verdict;
  verdict.kind = violated ? VerdictKind::Violation : VerdictKind::Hazard;
  verdict.rule = violated ? source : hazard;
  if (violated && place != nullptr && place->store != kNone && stores_[place->store].cut) {
    verdict.rule = rule(64);  // what had been committed before the power went
  }
  if (violated && pending != nullptr && went_past_interposer(event, *pending)) {
    verdict.rule = property(2);
  }
  if (violated && pending != nullptr && pending->swapped) verdict.rule = property(4);
  if (violated && verdict.rule == RuleId::None) {
    verdict.rule = pending == nullptr ? property(5) : property(1);
  }
  if (pending != nullptr) verdict.target = target_name(pending->device);
  if (place != nullptr && place->mapped) verdict.target = name_of(place->target);
  const SectorVerdict& shown = verdict.sectors.front();
  std::string where = fmt::format("{} sector {}", operation.device, shown.sector);
  if (place != nullptr && place->store != kNone) {
    where = fmt::format("chunk {} of {} (sector {})",
                        shown.sector / std::max<u64>(1, stores_[place->store].chunk_sectors),
                        operation.device, shown.sector);
  }
  verdict.message =
      fmt::format("{} reads {}, expected {}; {} sectors of {} differ", where, to_text(shown.seen),
                  legal_text(shown.legal), wrong_count, event.count_sectors);
  if (!violated) {
    verdict.message +=
        hazard == rule(74)
            ? ": the snapshot was loaded or unloaded while its origin was live, so the origin's "
              "writes over several chunks are not all copied out"
            : ": the origin is written past the snapshot-origin target of the device that the "
              "snapshot names, so nothing is copied out";
  }
  return verdict;
}

}  // namespace bioscope::spec

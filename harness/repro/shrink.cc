// SPDX-License-Identifier: Apache-2.0
// How rounds become smaller traces. The stages are gone through again and again until a whole pass
// gains nothing, coarse ones first. A candidate that was adopted leaves the cursor where it is:
// what the cursor stood at is gone, and what came behind it stands there now.
#include "harness/repro/shrink.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <string>
#include <utility>

#include "harness/repro/stages.h"
#include "models/trace/check.h"
#include "models/trace/codec.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

using EditsOf = std::vector<Edit> (*)(const Trace&);

// drop_chunks() stands for itself: it is gone through once for every size of a chunk.
constexpr EditsOf kChunks = nullptr;

constexpr std::array kStages{
    EditsOf(drop_lanes),          EditsOf(drop_devices),    kChunks,
    EditsOf(drop_brackets),       EditsOf(drop_disk_steps), EditsOf(drop_unnamed_disks),
    EditsOf(drop_choices),        EditsOf(bypass_devices),  EditsOf(make_synchronous),
    EditsOf(merge_lanes),         EditsOf(merge_disks),     EditsOf(drop_pairs),
    EditsOf(simplify_disk_steps), EditsOf(simplify_disks),  EditsOf(drop_flags),
    EditsOf(narrow_ranges),       EditsOf(move_ranges),     EditsOf(lower_sizes),
    EditsOf(simplify_tables),     EditsOf(lower_numbers),   EditsOf(drop_labels),
    EditsOf(lower_seed)};

// An edit that fails in company is left to the stages; a few rounds show nearly all that go
// together.
constexpr u32 kMaxCombinationRounds = 4;

constexpr u32 kMoreSeeds = 4;  // times as many, when a pass gained nothing

std::size_t first_chunk(const Trace& trace) {
  return std::max<std::size_t>(std::bit_ceil(operation_count(trace)) / 2, 1);
}

// What the edit does to what, without where that stands: the same after other edits.
u64 change_of(const Trace& trace, const Edit& edit) {
  std::string text;
  for (const auto& [id, change] : edit.operations) {
    text += print_operation(operation_at(trace, static_cast<OperationId>(id)));
    text += change ? "\n" + print_operation(*change) + "\n" : "\n\n";
  }
  Trace parts;
  for (const auto& [index, change] : edit.disks) {
    parts.disks.push_back(trace.disks[index]);
    parts.disks.push_back(change.value_or(Disk{}));
  }
  for (const auto& [index, change] : edit.steps) {
    parts.disk_script.push_back(trace.disk_script[index]);
    parts.disk_script.push_back(change.value_or(DiskStep{}));
  }
  parts.choices = edit.choices.value_or(Choices{});
  parts.seed = edit.seed.value_or(0);
  if (edit.whole) text += print_trace(*edit.whole);
  return Hash::of(text + print_trace(parts)).value();
}

}  // namespace

Shrinker::Shrinker(Trace failing, ShrinkOptions options)
    : best_(std::move(failing)), options_(std::move(options)) {
  assert(!check(best_));
  cursor_.chunk = first_chunk(best_);
  tried_.insert(hash_of(best_).value());
}

std::vector<Trace> Shrinker::propose(std::size_t at_most) {
  assert(at_most > 0 && round_.empty());
  if (combination_) propose_combinations(at_most);
  combinations_ = round_.size();
  if (combinations_ == 0) {
    combination_.reset();
  } else {
    guess_ = round_.back().trace;
    edits_are_current_ = false;
  }
  propose_edits(at_most);
  std::vector<Trace> traces;
  for (const Candidate& candidate : round_) traces.push_back(candidate.trace);
  if (!traces.empty()) ++rounds_;
  return traces;
}

// Each candidate has at least one edit more than the one before it.
void Shrinker::propose_combinations(std::size_t at_most) {
  Combination& combination = *combination_;
  combination.proposed.clear();
  Edit sum = combination.sum;
  for (std::size_t i = 0; i < combination.rest.size() && round_.size() < at_most; ++i) {
    auto more = merged(sum, combination.rest[i]);
    if (!more) continue;
    auto trace = edited(combination.base, *more);
    if (!trace) continue;
    sum = std::move(*more);
    if (!is_wanted(*trace)) continue;
    if (candidates_ == options_.max_candidates) return;
    combination.proposed.push_back(i);
    add_to_round(sum, std::move(*trace), 0);
  }
}

void Shrinker::propose_edits(std::size_t at_most) {
  while (end_ == ShrinkEnd::Going && round_.size() < at_most) {
    if (cursor_.stage == kStages.size()) {
      if (!round_.empty()) return;
      if (!gained_ && seeds_ >= options_.seeds) {
        end_ = ShrinkEnd::Smallest;
        return;
      }
      seeds_ = gained_ ? 1 : std::min(kMoreSeeds * seeds_, options_.seeds);
      gained_ = false;
      lost_.clear();
      cursor_ = {.chunk = first_chunk(base())};
      edits_are_current_ = false;
    }
    if (!edits_are_current_) {
      const EditsOf edits_of = kStages[cursor_.stage];
      edits_ = edits_of == kChunks ? drop_chunks(base(), cursor_.chunk) : edits_of(base());
      edits_are_current_ = true;
    }
    if (cursor_.position >= edits_.size()) {
      next_stage();
      continue;
    }
    Edit edit = edits_[cursor_.position];
    const u64 change = change_of(base(), edit);
    if (cursor_.seed > 0) edit.seed = cursor_.seed;
    // What lost the finding a moment ago is left to the next pass. A pass that gains nothing leaves
    // nothing out (S5).
    const bool lost = gained_ && lost_.contains(change);
    auto trace = lost ? std::nullopt : edited(base(), edit);
    if (trace && is_wanted(*trace)) {
      if (candidates_ == options_.max_candidates) {
        if (round_.empty()) end_ = ShrinkEnd::Budget;
        return;
      }
      add_to_round(std::move(edit), std::move(*trace), change);
    }
    if (++cursor_.seed < seeds_) continue;
    cursor_.seed = 0;
    ++cursor_.position;
  }
}

bool Shrinker::is_wanted(const Trace& trace) {
  const u64 hash = hash_of(trace).value();
  if (tried_.contains(hash) || compare_size(trace, base()) >= 0) return false;
  if (!options_.skips || !options_.skips(trace)) return true;
  tried_.insert(hash);
  return false;
}

void Shrinker::add_to_round(Edit edit, Trace trace, u64 change) {
  tried_.insert(hash_of(trace).value());
  ++candidates_;
  round_.push_back({std::move(edit), std::move(trace), cursor_, change});
}

void Shrinker::next_stage() {
  if (kStages[cursor_.stage] == kChunks && cursor_.chunk > 1) {
    cursor_.chunk /= 2;
  } else {
    ++cursor_.stage;
  }
  cursor_.position = 0;
  edits_are_current_ = false;
}

void Shrinker::learn(const std::vector<bool>& kept) {
  assert(kept.size() == round_.size());
  std::optional<std::size_t> longest;
  for (std::size_t i = 0; i < combinations_; ++i) {
    if (kept[i]) longest = i;
  }
  const bool base_kept = !guess_ || kept[combinations_ - 1];
  std::vector<std::size_t> showing;
  for (std::size_t i = combinations_; i < kept.size(); ++i) {
    if (kept[i]) {
      showing.push_back(i);
    } else if (base_kept && round_[i].cursor.seed + 1 == seeds_) {
      lost_.insert(round_[i].change);
    }
  }
  if (!showing.empty()) {
    learn_edits(std::move(showing));
  } else {
    // Edits of a wrong guess say nothing: they are proposed again.
    if (!base_kept && combinations_ < round_.size()) cursor_ = round_[combinations_].cursor;
    if (combinations_ > 0) learn_combinations(longest);
  }
  if (guess_) edits_are_current_ = false;
  guess_.reset();
  round_.clear();
}

void Shrinker::learn_edits(std::vector<std::size_t> showing) {
  cursor_ = round_[showing.front()].cursor;
  cursor_.seed = 0;
  std::ranges::sort(showing, [&](std::size_t left, std::size_t right) {
    return compare_size(round_[left].trace, round_[right].trace) < 0;
  });
  combination_.reset();
  if (showing.size() > 1) {
    combination_.emplace(Combination{.base = base(), .sum = round_[showing[0]].edit});
    for (std::size_t i = 1; i < showing.size(); ++i) {
      combination_->rest.push_back(std::move(round_[showing[i]].edit));
    }
  }
  adopt(round_[showing[0]].trace);
}

// The longest sum that kept the finding is adopted; the edit that broke the next one is left out.
void Shrinker::learn_combinations(std::optional<std::size_t> longest) {
  Combination& combination = *combination_;
  if (longest) {
    combination.sum = std::move(round_[*longest].edit);
    adopt(round_[*longest].trace);
  }
  const std::size_t broke = longest ? *longest + 1 : 0;
  // Without one that broke, what comes after the longest sum is still to be added.
  const std::size_t used =
      broke < combinations_ ? combination.proposed[broke] : combination.proposed.back();
  combination.rest.erase(combination.rest.begin(),
                         combination.rest.begin() + static_cast<std::ptrdiff_t>(used) + 1);
  if (combination.rest.empty() || ++combination.rounds == kMaxCombinationRounds) {
    combination_.reset();
  }
}

void Shrinker::adopt(const Trace& trace) {
  assert(compare_size(trace, best_) < 0);
  best_ = trace;
  edits_are_current_ = false;
  gained_ = true;
  ++adopted_;
}

bool shows(std::span<const Finding> findings, const WantedFinding& wanted) {
  return std::ranges::any_of(findings, [&](const Finding& finding) {
    return finding.kind == wanted.kind && finding.signature == wanted.signature;
  });
}

Shrunk shrink(Trace failing, const WantedFinding& wanted, const Oracle& oracle,
              const ShrinkOptions& options, RoundSizes sizes,
              const std::function<void(const Shrinker&)>& on_round) {
  assert(sizes.least > 0 && sizes.least <= sizes.most);
  Shrinker shrinker(std::move(failing), options);
  std::optional<Error> stop;
  std::size_t size = sizes.least;
  while (!stop) {
    const std::vector<Trace> round = shrinker.propose(size);
    if (round.empty()) break;
    Shown shown = oracle(round);
    assert(shown.findings.size() <= round.size());
    std::vector<bool> kept(round.size(), false);
    for (std::size_t i = 0; i < shown.findings.size(); ++i) {
      kept[i] = shows(shown.findings[i], wanted);
    }
    const bool gained = std::ranges::find(kept, true) != kept.end();
    size = gained ? sizes.least : std::min(2 * size, sizes.most);
    shrinker.learn(kept);
    stop = std::move(shown.stop);
    if (on_round) on_round(shrinker);
  }
  return {shrinker.best(), shrinker.end(), shrinker.candidates(), shrinker.rounds(),
          std::move(stop)};
}

}  // namespace bioscope

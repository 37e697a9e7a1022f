// SPDX-License-Identifier: Apache-2.0
// The shrinker: from a trace that shows a finding to the smallest one it can find that shows the
// same finding, not just any. It plays nothing itself. It proposes candidates in rounds and is told
// which of them kept the finding, so that a reference may be asked one at a time, and a real kernel
// for as many as fit in a boot.
//
//     Shrinker shrinker(trace, options);
//     for (auto round = shrinker.propose(n); !round.empty(); round = shrinker.propose(n)) {
//       shrinker.learn(kept);  // one answer for each of `round`
//     }
//     shrinker.best();
//
// Invariants:
//   S1  Every candidate is legal, smaller than the best so far (measure.h) and new, and
//       ShrinkOptions::skips says nothing against it.
//   S2  The best is the given trace or a candidate that kept the finding.
//   S3  No wall time, no random choice: the same answers to rounds of the same sizes give the same
//       candidates. Rounds of another size may lead to another result.
//   S4  At most ShrinkOptions::max_candidates candidates.
//   S5  When end() is Smallest, none of the changes of stages.h can be made to the best any more.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "harness/finding/finding.h"
#include "harness/repro/edit.h"
#include "harness/repro/measure.h"
#include "models/base/result.h"
#include "models/trace/trace.h"

namespace bioscope {

struct ShrinkOptions {
  u64 max_candidates = 5000;
  // A change is tried with up to so many seeds: the trace's own, then 1, 2, .. For findings that
  // need an interleaving, since any change of the trace makes another one of the same seed. More
  // than one only once nothing is to be gained with fewer.
  u32 seeds = 1;
  // Leaves candidates out, if not empty: what would cost a subject much and cannot be wanted. Pure.
  std::function<bool(const Trace&)> skips;
};

enum class ShrinkEnd : u8 {
  Going,     // there is more to try
  Smallest,  // S5
  Budget,    // S4: there was more to try
};

// A value, and the whole state of a shrink: a copy goes on where this one stands. The best so far
// is there between any two calls. Not thread-safe.
class Shrinker {
 public:
  // REQUIRES: `failing` is legal and shows the finding.
  Shrinker(Trace failing, ShrinkOptions options);

  // The next round: at most `at_most` candidates, empty at the end. REQUIRES: at_most > 0, and that
  // the round before was learned.
  std::vector<Trace> propose(std::size_t at_most);

  // kept[i]: candidate i of the round shows the finding. What was not judged did not.
  // REQUIRES: one answer for each candidate that was proposed last.
  void learn(const std::vector<bool>& kept);

  const Trace& best() const { return best_; }
  ShrinkEnd end() const { return end_; }
  u64 candidates() const { return candidates_; }  // proposed so far
  u64 rounds() const { return rounds_; }
  u64 adopted() const { return adopted_; }  // how often the best changed

 private:
  // Where in the list of stages the next candidate comes from.
  struct Cursor {
    std::size_t stage = 0;
    std::size_t chunk = 0;  // operations dropped at once, in the stage that drops chunks
    std::size_t position = 0;
    u32 seed = 0;  // 0: the best's own
  };
  struct Candidate {
    Edit edit;
    Trace trace;
    Cursor cursor;   // of this candidate
    u64 change = 0;  // what the edit does to what, wherever that stands: a hash
  };
  // Edits that kept the finding one by one are tried together: `sum` is what the best was made
  // with, `rest` is still to be added, what gains most first. All are edits of `base`.
  struct Combination {
    Trace base;
    Edit sum;
    std::vector<Edit> rest;
    std::vector<std::size_t> proposed;  // combination i of the round ends with rest[proposed[i]]
    u32 rounds = 0;
  };

  // What the edits of the round change.
  const Trace& base() const { return guess_ ? *guess_ : best_; }

  void propose_combinations(std::size_t at_most);
  void propose_edits(std::size_t at_most);
  void add_to_round(Edit edit, Trace trace, u64 change);
  void next_stage();
  void learn_combinations(std::optional<std::size_t> longest);
  void learn_edits(std::vector<std::size_t> showing);
  void adopt(const Trace& trace);
  // S1, but for legal, and smaller than the base too.
  bool is_wanted(const Trace& trace);

  Trace best_;
  ShrinkOptions options_;
  ShrinkEnd end_ = ShrinkEnd::Going;
  u64 candidates_ = 0;
  u64 rounds_ = 0;
  u64 adopted_ = 0;

  Cursor cursor_;
  std::vector<Edit> edits_;  // of the cursor's stage, for the base
  bool edits_are_current_ = false;
  u32 seeds_ = 1;                  // that a change is tried with now
  bool gained_ = false;            // since the first stage was begun
  std::unordered_set<u64> lost_;   // changes that lost the finding since then
  std::unordered_set<u64> tried_;  // hashes of candidates

  std::vector<Candidate> round_;  // combinations, then edits of the base
  std::size_t combinations_ = 0;  // of them
  std::optional<Combination> combination_;
  // The longest combination of the round. It mostly keeps the finding, so that the edits that come
  // next are tried on it at once.
  std::optional<Trace> guess_;
};

// What has to be found again: a finding of this kind and signature.
struct WantedFinding {
  FindingKind kind = FindingKind::Violation;
  Signature signature;
};
bool shows(std::span<const Finding> findings, const WantedFinding& wanted);

// What playing and judging candidates showed. Fewer entries than candidates: the rest was not
// judged. An error ends the shrink with the best so far, after the entries that are there.
struct Shown {
  std::vector<std::vector<Finding>> findings;
  std::optional<Error> stop;
};
using Oracle = std::function<Shown(std::span<const Trace> candidates)>;

// How many candidates a round has at most: `least` after one that kept the finding, twice as many
// after each that did not. 1 and 1 needs the fewest candidates. Where candidates cost less in
// company, `most` and `most`; where one that keeps the finding costs as much as a whole round, 1
// and `most`.
struct RoundSizes {
  std::size_t least = 1;
  std::size_t most = 1;
};

struct Shrunk {
  Trace trace;
  ShrinkEnd end = ShrinkEnd::Going;  // Going: stopped
  u64 candidates = 0;
  u64 rounds = 0;
  std::optional<Error> stop;  // what the oracle stopped with
};

// Drives a Shrinker. `on_round`, if not empty, hears of every round that was learned.
// REQUIRES: as Shrinker; 0 < least <= most.
Shrunk shrink(Trace failing, const WantedFinding& wanted, const Oracle& oracle,
              const ShrinkOptions& options = {}, RoundSizes sizes = {},
              const std::function<void(const Shrinker&)>& on_round = {});

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// The executable specification: given what was invoked and what returned so far, which outcomes
// are legal. Pure: no thread, no clock, no I/O; copying a Model copies its whole state.
//
// Concurrency is judged by candidate sets, soundly and not completely: an operation that is
// pending widens what its sectors may hold; one that returned narrows it. A verdict of Violation
// is therefore never wrong; an illegal history may pass here and be found by a sharper checker.
//
// A broken documented precondition (R74, R75) unbinds: the contents concerned keep their expected
// value, but a read that differs from it is a Hazard, not a Violation.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/spec/rule.h"
#include "models/trace/history.h"
#include "models/trace/trace.h"

namespace bioscope {

enum class VerdictKind : u8 { Legal, Violation, Hazard, NotJudged };

struct SectorVerdict {
  u64 sector = 0;  // of the device that was read
  Sector seen;
  std::vector<Sector> legal;  // at most kMaxShownCandidates
};
inline constexpr std::size_t kMaxShownCandidates = 8;

struct Verdict {
  VerdictKind kind = VerdictKind::Legal;
  RuleId rule = RuleId::None;  // the rule that is broken or whose precondition was
  std::string target;          // dm target type concerned, empty if none
  std::string message;         // one sentence: what, where, expected, seen
  std::vector<SectorVerdict> sectors;
  std::optional<OperationId> operation;  // of a verdict that finish() gives
};

// A legal outcome that was seen.
struct SeenOutcome {
  OperationKind kind = OperationKind::Read;
  int error = 0;
  u64 times = 0;
};

// What the run exercised, for coverage and for the floors.
struct Marks {
  std::vector<u64> exercised;         // per RuleId: how often the rule decided what was legal
  std::vector<SeenOutcome> outcomes;  // each kind and error once, in the order of appearance
  u64 reads = 0;                      // sectors read
  u64 reads_binding = 0;              // of these, judged against a set that binds
  u64 operations = 0;
  u64 operations_succeeded = 0;
  u64 splits = 0;             // I/O that more than one target, chunk or limit cut in pieces
  u64 copy_outs = 0;          // chunks that snapshots had to copy
  u64 attaches_under_io = 0;  // table swaps on a device while I/O on it was pending or mounted
  void add(const Marks& other);
  void saw(OperationKind kind, int error, u64 times = 1);
};

// A set of errnos, 0 for success, without any allocation: the specification makes many.
class ErrorSet {
 public:
  static constexpr int kMost = 191;  // above every errno of Linux

  void add(int error) {
    if (error >= 0 && error <= kMost) words_[word(error)] |= bit(error);
  }
  void add(const ErrorSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  void remove(int error) { words_[word(error)] &= ~bit(error); }
  bool contains(int error) const {
    return error >= 0 && error <= kMost && (words_[word(error)] & bit(error)) != 0;
  }
  bool empty() const { return words_ == decltype(words_){}; }
  std::size_t size() const;
  std::vector<int> list() const;  // ascending
  bool operator==(const ErrorSet&) const = default;

 private:
  static std::size_t word(int error) { return static_cast<std::size_t>(error) / 64; }
  static u64 bit(int error) { return u64{1} << (static_cast<u32>(error) % 64); }
  std::array<u64, (kMost + 1) / 64> words_{};
};

// What may be returned, as far as it does not depend on data.
struct LegalSet {
  ErrorSet errors;         // positive errnos and 0
  bool may_block = false;  // may wait for another operation (a suspended device, a held read)
  RuleId rule = RuleId::None;
  bool allows(int error) const { return errors.contains(error); }
};

// Not thread-safe; copyable.
class Model {
 public:
  // `can`: what the subject can do whose history it is, as far as judging depends on it (R49).
  // REQUIRES: `trace` outlives the model and its copies, and does not change.
  explicit Model(const Trace& trace, Capabilities can = {});
  explicit Model(Trace&& trace, Capabilities can = {}) = delete;
  Model(const Model& other);
  Model& operator=(const Model& other);
  ~Model();

  // Any event of a history, in tick order. An Invoke, Held, Done or Cut yields Legal.
  Verdict apply(const Event& event);

  // What a bio did on its way, between the events that its tick says: before the first event whose
  // tick is not less than the hop's.
  Verdict apply(const Hop& hop);

  // At the end of the history: leftovers, operations that never returned though they had to.
  std::vector<Verdict> finish(const History& history);

  // What `operation` could return if it were invoked now: what makes sense, for generators.
  LegalSet legal(const Operation& operation) const;

  // The return that a subject which does everything right would give if `operation` ran alone now
  // (error, text, data). This is how `--on spec` plays. Does not change the state.
  Event expected(OperationId id) const;

  const Marks& marks() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bioscope

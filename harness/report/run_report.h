// SPDX-License-Identifier: Apache-2.0
// Everything that a run of the gate has to say, as values. The gate fills it; the writers of this
// folder turn it into results.json, results.ktap, junit.xml and report.txt, and the verdict on the
// terminal. Only `wall` and what hangs on it depends on how fast or on what machine the run was.
#pragma once

#include <string>
#include <vector>

#include "harness/finding/classify.h"
#include "harness/finding/known.h"
#include "models/base/hash.h"
#include "models/spec/model.h"

namespace bioscope {

// The contract with scripts. `Violated` wins over `NotJudged`.
enum class ExitStatus : u8 {
  Passed = 0,
  Violated = 1,
  BadInput = 2,
  NotJudged = 3,
  Interrupted = 130
};

enum class TraceVerdict : u8 {
  Passed,     // played to its end, judged, nothing found
  Failed,     // a violation or an expired known finding (a hazard under --strict)
  Hazard,     // a documented precondition was broken and the outcome was silently wrong
  Known,      // only known findings
  NotPlayed,  // the subject lacks a capability that the trace needs
  NotJudged,  // host trouble, or the checks could not decide
};

std::string_view word_of(TraceVerdict verdict);

struct TraceResult {
  std::string name;  // path below suites/ or "random-SEED"
  u64 seed = 0;      // of the lanes' interleaving
  std::string profile;
  u32 boot = 0;  // index of the boot that played it; meaningless when not played
  TraceVerdict verdict = TraceVerdict::NotJudged;
  std::string reason;  // why it was not played or not judged; else the first finding's message
};

// One published lower bound; below it the run decides nothing. A share of nothing is below any
// bound.
struct Floor {
  std::string name;
  u64 have = 0;
  u64 of = 0;     // a share: have out of `of`, `least` in per cent
  u64 least = 0;  // a count, or per cent
  bool is_share = false;
  bool held() const { return is_share ? of > 0 && have * 100 >= least * of : have >= least; }
};

struct BootResult {
  std::string profile;
  std::string ending;        // "completed", "hang", "panic", ...
  std::string command_line;  // of QEMU, as a person would type it
  Hash initramfs;
  u32 traces = 0;
  std::string console;   // up to the verdict
  std::string evidence;  // called up from outside after a hang; differs from run to run
};

struct BootWall {
  u64 wall_ms = 0;
  u64 boot_ms = 0;        // of these, until the agent began
  u64 guest_boot_ms = 0;  // the guest's own clock then
  bool operator==(const BootWall&) const = default;
};

struct WallReport {
  std::string started;  // UTC, 2026-01-31T12:00:00Z
  u64 total_ms = 0;
  double traces_per_second = 0;  // of the part after boot, over all machines together
  std::vector<BootWall> boots;
};

// One trace that shows a finding, with what its bundle needs.
struct FindingReport {
  Classified classified;
  std::string id;  // of the bundle, repro/<id>
  u32 boot = 0;
  std::string profile;
  bool is_of_a_trace = true;  // else of the boot itself, or of the time between two traces
};

struct RunReport {
  std::string subject;  // "kernel 6.1.0-56-cloud-amd64 (6.1.192-2)"
  Hash kernel;
  std::string suite;
  u64 seed = 0;
  bool strict = false;
  std::vector<std::string> profiles;
  std::vector<std::string> replaced_modules;
  std::vector<TraceResult> traces;  // in plan order
  std::vector<FindingReport> findings;
  std::vector<KnownFinding> known;
  std::vector<std::size_t> known_unmatched;
  std::vector<Floor> floors;
  bool floors_waived = false;             // --allow-unexercised
  std::vector<std::string> not_observed;  // what the guest could not do, by name
  std::vector<std::string> troubles;      // why something was not judged, one sentence each
  Marks marks;
  std::vector<BootResult> boots;  // in plan order
  WallReport wall;
  ExitStatus status = ExitStatus::NotJudged;

  u64 count(TraceVerdict verdict) const;
};

// "nothing wrong", "a violation", ... with what it rests on.
std::string verdict_sentence(const RunReport& report);

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// Traces that are played one after the other on one machine, and what became of each. A batch is
// what the gate plans and hands out; what a player does with it never depends on wall time.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "harness/subject/subject.h"
#include "models/base/hash.h"
#include "models/base/result.h"
#include "models/channel/channel.h"
#include "models/trace/history.h"

namespace bioscope {

struct BatchJob {
  Job job;
  u64 seed = 0;            // of the lanes' interleaving
  bool io_errors = false;  // makes the kernel report I/O errors: its console may say so
};

enum class PlayEnd : u8 {
  Played,     // `history` is there; it may have hung
  GuestLost,  // the machine panicked, fell silent or ended while the trace was played
  NotPlayed,  // the subject lacks what the trace needs
  NotJudged,  // host trouble: nothing is known of this trace
};

struct Play {
  PlayEnd end = PlayEnd::NotJudged;
  Trace trace;           // as played: lowered to what the subject can do
  History history;       // Played
  std::string ending;    // GuestLost: the machine's end in one word: "panic", "silence", ..
  std::string reason;    // one sentence, when not Played
  std::string console;   // GuestLost, and Played with a history that hung: the console's part
  std::string evidence;  // the same: what was called up from outside afterwards
  std::size_t boot = 0;  // index into BatchOutcome::boots
};

struct Boot {
  std::string ending;        // "finished", "panic", ..
  std::string command_line;  // as a person would type it
  Hash initramfs;
  std::string console;   // up to the verdict
  std::string evidence;  // called up from outside after a hang; depends on wall time
  u32 traces = 0;        // that ended in it
  bool agent_spoke = false;
  u64 wall_ms = 0;
  u64 boot_wall_ms = 0;   // to the agent's first word
  u64 guest_boot_ns = 0;  // the guest's clock then
};

struct BatchOutcome {
  std::vector<Play> plays;  // one for each job, in their order
  std::vector<Boot> boots;
  Capabilities can;     // of the last machine whose agent spoke
  std::string trouble;  // why the rest was not judged; empty if there was none
  bool interrupted = false;
};

class BatchPlayer {
 public:
  virtual ~BatchPlayer() = default;

  // Called as traces end, from the thread that plays. May be empty.
  using OnPlayed = std::function<void(std::size_t index)>;

  // Never fails as a whole: what could not be done stands in the plays and in `trouble`.
  // Safe in several threads at once.
  virtual BatchOutcome play(std::span<const BatchJob> jobs, const OnPlayed& on_played) = 0;
};

}  // namespace bioscope

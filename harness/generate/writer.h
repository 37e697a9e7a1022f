// SPDX-License-Identifier: Apache-2.0
// Writes one random trace: set-up, sentences, ending. The invariants G1 to G5 are in random.h.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "harness/generate/random.h"
#include "harness/generate/rehearsal.h"
#include "harness/generate/world.h"

namespace bioscope {

// What a lane can say. The first three are all that lanes but the first may.
enum class Sentence : u8 {
  Io,
  Depth,  // several requests in flight
  Flush,
  Query,
  Suspend,
  Swap,
  TakeSnapshot,
  DropSnapshot,
  Merge,
  Checkpoint,
};
inline constexpr std::size_t kSentences = static_cast<std::size_t>(Sentence::Checkpoint) + 1;
inline constexpr std::size_t kIoSentences = 3;

inline constexpr u64 kHotSectors = 128;  // where most I/O goes, so that reads meet writes

class TraceWriter {
 public:
  TraceWriter(u64 seed, const GenerateOptions& options);

  Trace write();

 private:
  // The beginning, and the one thing that is built before rehearsal_.
  Trace first_trace(u64 seed);
  std::size_t lanes() const { return rehearsal_.trace().lanes.size(); }
  std::size_t written() const { return operation_count(rehearsal_.trace()); }

  // One operation.
  // False, and nothing written, when the operation cannot succeed now or would wait for its own
  // lane.
  bool put(std::size_t lane, const Operation& operation);
  // Written unless it would wait for its own lane.
  void put_refused(const Operation& operation);
  void put_wait(std::size_t lane, const std::string& label);
  void put_after(std::size_t lane, const std::string& label);
  bool put_dm(OperationKind kind, const std::string& name) { return put(0, dm_simple(kind, name)); }

  void choose_weights();
  Sentence choose_sentence(std::size_t among);
  const MadeDevice& choose_device(std::size_t lane);
  Range choose_range(const MadeDevice& device);
  Operation choose_io(const MadeDevice& device);
  void set_up();

  void say(std::size_t lane, Sentence sentence);
  // Writes one async request; its label, or nothing if it makes no sense.
  std::string put_async(std::size_t lane, Operation io);
  void say_depth(std::size_t lane);
  void say_query();
  void say_suspend();
  void say_swap();
  void take_snapshot();
  // A snapshot that this lane alone uses, or the end.
  std::vector<MadeDevice>::iterator choose_own_snapshot(bool persistent);
  void drop_snapshot();
  void say_merge();
  void say_checkpoint();
  void say_mistake();

  // Joins the other lanes and reads every device once more.
  void end();
  // On a controlled disk, requests of a few async operations are held until nothing else can run.
  void add_holds();

  Dice dice_;
  GenerateOptions options_;
  World world_;
  std::vector<Operation> first_operations_;
  Rehearsal rehearsal_;  // built from what the members above chose
  std::array<u32, kSentences> weights_{};
  u32 write_percent_ = 50;
};

}  // namespace bioscope

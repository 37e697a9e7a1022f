// SPDX-License-Identifier: Apache-2.0
// Judges what bios did on their way (History::hops), next to what the Machine knows of tables.
//
// What is demanded:
//   H1  A bio ends once; one that was submitted has ended when the history is complete (P1).
//   H2  It ends after the fronts that were cut off it and after its clones, and with an error if a
//       front had one (R19).
//   H3  A front begins where its bio stood, is not empty and leaves something (R12, P11); its
//   length
//       is that of the largest piece that the disk's limits allow (R15, R17, R18).
//   H4  A mapped device handles the first piece of what it got: up to the end of the target or of
//       its chunk (R41), and sends it where the old or the new table maps it (R46, R47, P4).
//   H5  In a task one driver at a time is active (R7), and the next bio is the one that R8 says;
//   the
//       rest of a split comes after what earlier pieces submitted (R42).
//   H6  A bio lies within the disk that gets it (R1), a partition's within the partition (R2).
//   H7  When a suspend has returned, no clone that the mapped device made is under way (R35, P3).
//   H8  Who is not below an interposer enters it, once (P2, P7).
// Copyable. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/spec/first_piece.h"
#include "models/spec/model.h"
#include "models/spec/state.h"

namespace bioscope::spec {

class Machine;

class HopJudge {
 public:
  // In the order of the history; between the events that its tick says.
  Verdict apply(const Hop& hop, Machine& machine);
  // After the machine has taken the event.
  Verdict returned(const Event& event, const Operation& operation, Machine& machine);
  std::vector<Verdict> finish(const History& history, Machine& machine);

 private:
  struct Bio {
    u32 parent = 0;
    bool front = false;
    bool submitted = false;
    bool ended = false;
    bool may_differ = false;  // its errors need not be its parent's (R44)
    int error = 0;
    int front_error = 0;
    u32 open_parts = 0;  // fronts, and clones that were submitted, that have not ended
    std::string device;
    std::string queue;  // the disk whose queue the device has
    bool below = false;
    DeviceId interposer = kNone;  // attached over the device when it was submitted
    HopOperation op = HopOperation::Read;
    OperationFlags flags;
    Range range;
    std::vector<TablePtr> tables;  // of a clone: those that its piece may go by
    DeviceId mapped_by = kNone;    // of a clone: the mapped device that made it
    u64 piece_first = 0;
    OperationId operation = kNoOperation;
    u64 submitted_at = 0;  // tick
  };
  // From Enter to Leave of one driver.
  struct Round {
    u32 bio = 0;
    std::string where;
    bool mapped = false;
    OperationFlags flags;  // at the Enter: dm submits what had a preflush again without it
    Range range;
    std::optional<Range> rest;  // the bio was submitted again, shorter
    std::vector<u32> clones;
    u32 front = 0;
  };
  // A task's current->bio_list.
  struct Task {
    std::optional<Round> round;
    bool levels_first = false;   // the head was bio-based, or something was redirected (R8)
    std::vector<u32> waiting;    // in order
    std::vector<u32> submitted;  // during the round
  };

  Bio& bio(u32 number);
  Verdict submit(const Hop& hop, Machine& machine);
  Verdict enter(const Hop& hop, Machine& machine);
  Verdict leave(const Hop& hop, Machine& machine);
  Verdict split(const Hop& hop, Machine& machine);
  Verdict clone(const Hop& hop, Machine& machine);
  Verdict end(const Hop& hop, Machine& machine);
  Verdict judge_order(const Hop& hop, Task& task, Machine& machine);
  Verdict judge_disk_round(const Round& round, Machine& machine);
  Verdict judge_mapped_round(const Round& round, Machine& machine);
  Verdict judge_place(const Bio& clone, Machine& machine) const;
  Verdict judge_interposers(const Hop& hop, Machine& machine);
  void sort_waiting(Task& task, const Round& round);
  static std::string queue_of(const std::string& device, const Machine& machine);

  std::vector<Bio> bios_;  // by number
  std::map<u32, Task> tasks_;
};

}  // namespace bioscope::spec

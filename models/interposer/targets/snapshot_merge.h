// SPDX-License-Identifier: Apache-2.0
// snapshot-merge: a snapshot and an origin in one, whose exceptions go back to the origin, the last
// one first.
//
// Invariants:
//   J1  One linear run at a time (R72): others' copies, wait for tracked writes, copy to the
//       origin, flush the origin, clear the entries with FUA, and only then forget them in core. A
//       crash anywhere finds either the entry or the data.
//   J2  A write to a chunk that is being merged waits until that is over (R73); reads go on, from
//       the COW device.
//   J3  After an error the merge stops for good, what waits ends with EIO, and I/O goes on as
//       before.
#pragma once

#include "models/interposer/targets/snapshot.h"
#include "models/runtime/wait_queue.h"

namespace bioscope::dm {

class SnapshotMerge final : public Snapshot {
 public:
  static Constructed construct(const TargetArguments& arguments);

  void shut_down() override;
  MapResult map(blk::Bio& clone) override;
  void presuspend() override;
  void resume() override;

  bool merge_runs() const { return running_.load(); }
  void start_merge();  // a no-op while it runs
  void stop_merge();   // waits for the run that is under way

 private:
  SnapshotMerge(const TargetArguments& arguments, Parts parts)
      : Snapshot(arguments, std::move(parts)) {}

  MapResult map_locked(blk::Bio& clone, bool& to_origin);
  void merge_next_chunks();
  bool begin_run(const MergeRun& run);
  void run_copied(int error);
  int commit_run();
  int drop_run();
  void end_merge(bool failed);

  rt::Atomic<bool> running_{false, "RUNNING_MERGE"};
  rt::Atomic<bool> stopping_{false, "SHUTDOWN_MERGE"};
  rt::WaitQueue stopped_wait_{"merge_stopped"};
  // Under lock_. No run: count 0.
  u64 first_merging_chunk_ = 0;
  u32 merging_chunks_ = 0;
  blk::BioList queued_;  // bios_queued_during_merge
};

}  // namespace bioscope::dm

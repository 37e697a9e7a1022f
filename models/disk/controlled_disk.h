// SPDX-License-Identifier: Apache-2.0
// A disk whose every completion is a choice of the trace's disk script: which request is held, when
// it is released, which one fails, and what survives a power cut.
//
// A pure state machine: no thread, no clock, no I/O. The simulated runtime calls it directly; the
// guest's agent serves it to a real kernel through nbd.
//
// Invariants:
//   D1  A request takes effect when it is answered with success, never before: a held read sees
//       what was written while it was held, and a held or failed write changes nothing.
//   D2  Each request is answered exactly once.
//   D3  An armed step counts the requests that match it from when it was armed, and acts once, on
//       the one of its occurrence. Several holds on one request must all be released.
//   D4  A hold that is released before it has matched is void.
#pragma once

#include <vector>

#include "models/disk/disk_contents.h"
#include "models/trace/history.h"

namespace bioscope {

struct DiskCall {
  u64 handle = 0;  // the caller's; unique among unanswered requests
  DiskRequest request = DiskRequest::Read;
  Range range;
  bool fua = false;
  std::vector<u8> data;  // of a write
};

struct DiskAnswer {
  u64 handle = 0;
  int error = 0;         // 0 or a positive errno
  std::vector<u8> data;  // of a read that succeeded
};

// A hold got its request, or that request was completed.
struct DiskNotice {
  EventKind kind = EventKind::Held;  // Held or Done
  u32 step = 0;
  bool operator==(const DiskNotice&) const = default;
};

struct DiskReaction {
  std::vector<DiskNotice> notices;  // to be told before the answers are given
  std::vector<DiskAnswer> answers;
};

// Not thread-safe.
class ControlledDisk {
 public:
  explicit ControlledDisk(const Disk& disk);

  // `index` names the step in notices and release(). REQUIRES: a Hold or Fail.
  void arm(u32 index, const DiskStep& step);

  DiskReaction submit(DiskCall call);

  // Ends hold `index`.
  DiskReaction release(u32 index);

  // Drops the script and ends every hold.
  DiskReaction release_all();

  // Power goes: held requests fail with EIO, the cache is lost as the chooser decides, and every
  // request fails until reopen().
  DiskReaction power_cut(Chooser& chooser);
  void reopen() { powered_ = true; }

  // Everything as new: contents, script. REQUIRES: held_requests() == 0.
  void reset();

  std::size_t held_requests() const { return held_.size(); }
  // Requests submitted so far: does not change while the disk is idle.
  u64 submitted_requests() const { return submitted_requests_; }
  const DiskContents& contents() const { return contents_; }

 private:
  struct ArmedStep {
    u32 index = 0;
    DiskStep step;
    u32 matches = 0;
  };
  struct HeldCall {
    DiskCall call;
    std::vector<u32> holds;
    std::vector<u32> released;
    int error = 0;
  };

  DiskAnswer execute(DiskCall& call, int error);
  void finish(HeldCall& held, DiskReaction& reaction);

  Disk disk_;
  DiskContents contents_;
  bool powered_ = true;
  std::vector<ArmedStep> armed_;
  std::vector<HeldCall> held_;  // in the order of arrival
  u64 submitted_requests_ = 0;
};

// Whether a step speaks of such a request: same operation, ranges overlap (an empty range of the
// step matches any; a flush has none).
bool matches(const DiskStep& step, DiskRequest request, Range range);

}  // namespace bioscope

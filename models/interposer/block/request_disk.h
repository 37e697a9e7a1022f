// SPDX-License-Identifier: Apache-2.0
// A request-based disk on a disk of the runtime: blk_mq_submit_bio() and blk-flush, without
// merging.
//
// Invariants:
//   D1  A bio is split to the queue's limits before a request is made of it (R13-R18); the rest is
//       resubmitted.
//   D2  A write with kReqPreflush: flush, then data; with kReqFua on a queue without FUA: data,
//   then
//       flush (block/blk-flush.c). An error of any step ends the bio.
//   D3  The queue's reference is kept until the request has ended (Q3).
// A secure erase is a discard to the disk below.
#pragma once

#include <atomic>
#include <string>

#include "models/interposer/block/gendisk.h"
#include "models/runtime/disk.h"

namespace bioscope::blk {

class RequestDisk final : public Driver {
 public:
  // `below` outlives it.
  RequestDisk(System& system, std::string name, rt::Disk& below, const QueueLimits& limits,
              u64 nr_sectors);

  Gendisk& disk() { return disk_; }
  u32 in_flight() const { return in_flight_.load(); }  // requests

  void submit_bio(Bio& bio) override;
  bool bio_based() const override { return false; }

 private:
  struct Request;
  rt::Disk& below_;
  std::atomic<u32> in_flight_{0};  // for who looks from outside: no step of its own
  Gendisk disk_;
};

}  // namespace bioscope::blk

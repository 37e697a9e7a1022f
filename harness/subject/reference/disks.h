// SPDX-License-Identifier: Apache-2.0
// The disks of a trace as the block layer of the reference sees them.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "harness/subject/reference/paged_disk.h"
#include "models/interposer/block/request_disk.h"
#include "models/interposer/block/system.h"
#include "models/runtime/sim/scripted_disk.h"
#include "models/trace/trace.h"

namespace bioscope::reference {

// What a queue of such a disk takes, as the disk of the same kind in the guest has it.
blk::QueueLimits limits_of(const Disk& disk);

class MadeDisk {
 public:
  // `notify` hears what the script of a controlled disk does.
  MadeDisk(blk::System& system, const Disk& description, PagePool& pages,
           rt::sim::ScriptedDisk::Notify notify);

  const Disk& description() const { return description_; }
  blk::Gendisk& gendisk() { return front_->disk(); }
  u32 in_flight() const { return front_->in_flight(); }
  rt::sim::ScriptedDisk* scripted() { return scripted_.get(); }  // null: not a controlled disk
  // 0; EOPNOTSUPP: a controlled disk keeps its size.
  [[nodiscard]] int resize(u64 size_sectors);
  bool removed() const { return removed_; }
  void remove();  // del_gendisk

 private:
  const Disk& description_;
  blk::System& system_;
  std::unique_ptr<PagedDisk> paged_;
  std::unique_ptr<rt::sim::ScriptedDisk> scripted_;
  std::unique_ptr<blk::RequestDisk> front_;
  bool removed_ = false;
};

}  // namespace bioscope::reference

// SPDX-License-Identifier: Apache-2.0
// Plays traces, one after the other: disks, lanes, clean-up, ledger.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "models/channel/channel.h"
#include "vm-images/agent/channel_writer.h"
#include "vm-images/agent/disk_source.h"
#include "vm-images/agent/modules.h"
#include "vm-images/agent/nbd_disk.h"
#include "vm-images/agent/quiet.h"
#include "vm-images/agent/scheduler.h"
#include "vm-images/agent/script.h"
#include "vm-images/agent/stage.h"
#include "vm-images/agent/watchdog.h"
#include "vm-images/agent/workers.h"

namespace bioscope {

// One at a time; made once, after boot.
class Player {
 public:
  Player(ChannelWriter& channel, DiskServer& server, Capabilities can, Modules& modules);

  struct Played {
    TraceReport report;
    // Why the guest must not be used for another trace; empty if it may.
    std::string unusable;
  };
  // Does not return when the trace hangs the guest: the report has been sent then.
  Played play(u32 index, const AssignedTrace& assigned);

 private:
  struct Show;  // what belongs to the trace that is being played

  Result<void> set_up(Show& show);
  std::optional<std::string> refusal(const Trace& trace) const;
  void run_lanes(Show& show);
  void run_lane(Show& show, std::size_t lane, Worker& worker);
  void run_operation(Show& show, OperationId id, Worker& worker);
  void start_async(Show& show, OperationId id, Worker& lane_worker);
  Outcome join_or_signal(Show& show, OperationId id);
  void follow_script(Show& show);
  void clean(Show& show);
  void on_hang(Show& show, const std::string& evidence);
  [[noreturn]] void give_up(Show& show, const std::string& evidence);
  void follow_notices();

  ChannelWriter& channel_;
  DiskServer& server_;
  Capabilities can_;
  Modules& modules_;
  WorkerPool workers_;
  Scheduler scheduler_;
  QuietWatch quiet_;
  Watchdog watchdog_;
  std::unique_ptr<DiskSource> null_disks_;
  std::unique_ptr<DiskSource> loop_disks_;
  std::unique_ptr<DiskSource> scsi_disks_;
  NbdDisks controlled_disks_;
  std::optional<Probe> probe_;
  std::mutex show_mutex_;
  Show* show_ = nullptr;  // for the thread that follows notices
};

}  // namespace bioscope

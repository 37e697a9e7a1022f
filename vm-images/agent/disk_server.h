// SPDX-License-Identifier: Apache-2.0
// The process that serves the controlled disks: ControlledDisk behind the kernel's nbd sockets.
//
// It is a process of its own, with its memory locked and marked as an I/O flusher: what completes
// I/O must never wait for I/O. It is forked before the agent has a second thread.
//
// The agent talks to it over two sockets: commands, each acknowledged, so that a step is armed
// before the agent goes on; and notices, in the order in which holds matched and ended.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include "models/base/result.h"
#include "models/disk/controlled_disk.h"
#include "vm-images/agent/files.h"

namespace bioscope {

inline constexpr u32 kMaxControlledDisks = 16;

struct DiskCommand {
  enum class Kind : u32 { Attach, Reset, Arm, Release, ReleaseAll, PowerCut, Reopen };
  Kind kind = Kind::Attach;
  u32 slot = 0;
  u32 step = 0;  // Arm, Release
  u64 seed = 0;  // PowerCut
  // Attach
  u64 size_sectors = 0;
  CacheMode cache = CacheMode::None;
  bool read_only = false;
  // Arm
  DiskStepKind step_kind = DiskStepKind::Hold;
  DiskRequest request = DiskRequest::Read;
  u64 first_sector = 0;
  u64 count_sectors = 0;
  u32 occurrence = 1;
  int error = 0;
};

struct ServerNotice {
  u32 slot = 0;
  EventKind kind = EventKind::Held;
  u32 step = 0;
};

// The agent's end. Thread-safe.
class DiskServer {
 public:
  // Forks the server. REQUIRES: the process has one thread.
  static Result<DiskServer> start();
  DiskServer(DiskServer&& other) noexcept;
  DiskServer& operator=(DiskServer&&) = delete;

  // Sends a command and waits for its acknowledgement; `socket` goes along with Attach. False when
  // the server is gone.
  bool command(const DiskCommand& command, int socket = -1);
  // Waits for the next notice; nothing when the server is gone.
  std::optional<ServerNotice> next_notice();
  // Changes whenever a request arrives or is answered.
  u64 activity() const { return activity_->load(); }
  pid_t pid() const { return pid_; }

 private:
  DiskServer() = default;

  std::mutex mutex_;
  File commands_;
  File notices_;
  std::atomic<u64>* activity_ = nullptr;
  pid_t pid_ = 0;
};

}  // namespace bioscope

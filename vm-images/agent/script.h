// SPDX-License-Identifier: Apache-2.0
// The disk script at work: when an edge is reached, the steps that hang on it are sent to the disk
// server, before whoever reached the edge goes on.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "vm-images/agent/disk_server.h"
#include "vm-images/agent/recorder.h"

namespace bioscope {

// Thread-safe.
class Script {
 public:
  // Which server slot a disk of the trace has.
  using SlotOf = std::function<std::optional<u32>(const std::string& disk)>;
  // Sends one command; false when the server is gone.
  using Send = std::function<bool(const DiskCommand&)>;

  Script(const Trace& trace, SlotOf slot_of, Send send);

  // The steps without an edge. An Error names a step whose disk is no controlled one.
  Result<void> begin();

  // What hangs on the edge becomes effective.
  void reached(EdgeKind kind, const std::string& label);

  // Whether a step waits for quiet and could act now: a release whose hold has matched, or
  // anything else.
  bool wants_quiet(const Recorder& recorder) const;
  // Nothing can run any more: the first such step becomes effective.
  void quiet(const Recorder& recorder);

  // Lets go of all requests and drops what is armed.
  void end();

 private:
  bool ready_for_quiet(std::size_t index, const Recorder& recorder) const;
  void fire(std::size_t index);

  const Trace& trace_;
  SlotOf slot_of_;
  Send send_;
  mutable std::mutex mutex_;
  std::vector<bool> fired_;
};

}  // namespace bioscope

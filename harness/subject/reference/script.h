// SPDX-License-Identifier: Apache-2.0
// The disk script at work: when an edge is reached, the steps that hang on it are done before
// whoever reached the edge goes on.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/subject/reference/recorder.h"
#include "models/runtime/sim/scripted_disk.h"

namespace bioscope::reference {

class Script {
 public:
  // The controlled disk of a name; null: there is none.
  using DiskOf = std::function<rt::sim::ScriptedDisk*(const std::string& name)>;

  Script(const Trace& trace, DiskOf disk_of);

  // The first disk that the script speaks of and that is no controlled one; empty: none.
  std::string stray_disk() const;
  // The steps without an edge.
  void begin();
  void reached(EdgeKind kind, const std::string& label);

  bool has_quiet_steps() const;
  // Whether a step waits for quiet and could act now: a release whose hold has matched, or anything
  // else.
  bool wants_quiet(const Recorder& recorder) const;
  // Nothing can run any more: the first such step becomes effective.
  void quiet(const Recorder& recorder);

 private:
  const std::string& disk_name(const DiskStep& step) const;
  bool ready_for_quiet(std::size_t index, const Recorder& recorder) const;
  void fire(std::size_t index);

  const Trace& trace_;
  DiskOf disk_of_;
  std::vector<bool> fired_;
};

}  // namespace bioscope::reference

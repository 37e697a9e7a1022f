// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "models/disk/controlled_disk.h"
#include "models/runtime/disk.h"

namespace bioscope::rt::sim {

// A ControlledDisk in a simulated run: when, in which order and with which status requests complete
// is the choice of its script and of the scheduler. Completions come from a thread of the disk.
// REQUIRES: made and destroyed within one run; at the end no request is unanswered.
class ScriptedDisk final : public rt::Disk {
 public:
  using Notify = std::move_only_function<void(const DiskNotice&)>;

  // `notify` hears what the script did; it must not wait.
  explicit ScriptedDisk(const bioscope::Disk& disk, Notify notify = nullptr);
  ~ScriptedDisk() override;

  u64 size_sectors() const override;
  void submit(DiskIo& io) override;

  // As those of ControlledDisk; each is a step.
  void arm(u32 index, const DiskStep& step);
  void release(u32 index);
  void release_all();
  void power_cut(Chooser& chooser);
  void reopen();

  const ControlledDisk& controlled() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bioscope::rt::sim

// SPDX-License-Identifier: Apache-2.0
// H5: current->bio_list as R7, R8 and R42 want it, and H8: who enters an interposer.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>

#include "models/spec/hop_judge.h"
#include "models/spec/machine.h"

namespace bioscope::spec {

// Partitions share the queue of their disk.
std::string HopJudge::queue_of(const std::string& device, const Machine& machine) {
  const DeviceId id = machine.find_device(device);
  if (id == kNone || machine.devices_[id].mapped || machine.devices_[id].disk == kNone) {
    return device;
  }
  return machine.program_->trace.disks[machine.devices_[id].disk].name;
}

Verdict HopJudge::judge_order(const Hop& hop, Task& task, Machine& machine) {
  if (task.round) {
    machine.exercised(rule(7));
    return violation(
        rule(7), "",
        fmt::format("{} got bio {} while the driver of {} was still active in the same task",
                    hop.device, hop.bio, task.round->where));
  }
  std::erase_if(task.waiting, [&](u32 number) { return bio(number).ended; });
  const auto found = std::ranges::find(task.waiting, hop.bio);
  if (found == task.waiting.end()) {
    // The head of a new list: its driver decides how the list is kept.
    const DeviceId device = machine.find_device(hop.device);
    task.levels_first = device != kNone && machine.devices_[device].mapped;
    return legal_verdict();
  }
  machine.exercised(rule(8));
  machine.exercised(rule(7));
  if (found != task.waiting.begin()) {
    const u32 first = task.waiting.front();
    return violation(
        rule(8), "",
        fmt::format("{} got bio {} ({}+{}) before bio {} of {} ({}+{}), which comes first",
                    hop.device, hop.bio, hop.range.first_sector, hop.range.count_sectors, first,
                    bio(first).device, bio(first).range.first_sector,
                    bio(first).range.count_sectors));
  }
  task.waiting.erase(found);
  return legal_verdict();
}

// R8: what is lower comes first, then what is for the same queue, then what waited before; under
// a request-based head everything in the order of submission.
// What lies below an interposer is lower than what comes to it, although it shares its queue.
void HopJudge::sort_waiting(Task& task, const Round& round) {
  const Bio& from = bio(round.bio);
  const bool redirected = round.mapped && round.where != from.device;
  task.levels_first = task.levels_first || redirected;
  std::vector<u32> sorted;
  if (!task.levels_first) {
    sorted = std::move(task.waiting);
    sorted.insert(sorted.end(), task.submitted.begin(), task.submitted.end());
  } else {
    const auto is_lower = [&](u32 number) {
      const Bio& it = bio(number);
      if (redirected) return it.device != from.device || it.below != from.below;
      return it.queue != from.queue;
    };
    std::ranges::copy_if(task.submitted, std::back_inserter(sorted), is_lower);
    std::ranges::copy_if(task.submitted, std::back_inserter(sorted), std::not_fn(is_lower));
    sorted.insert(sorted.end(), task.waiting.begin(), task.waiting.end());
  }
  task.waiting = std::move(sorted);
  task.submitted.clear();
}

// P2: what was submitted when an interposer was attached goes through it. P7: a mapped device gets
// a bio once, and none that it has made of one.
Verdict HopJudge::judge_interposers(const Hop& hop, Machine& machine) {
  const DeviceId device = machine.find_device(hop.device);
  if (device == kNone) return legal_verdict();
  const Bio& it = bio(hop.bio);
  if (it.interposer != kNone) {
    const Device& interposer = machine.devices_[it.interposer];
    machine.exercised(property(2));
    const bool still = machine.devices_[device].interposer == it.interposer &&
                       interposer.pending_changes == 0 && !interposer.blurred;
    if (still && hop.device == it.device) {
      return violation(
          property(2), "",
          fmt::format("{} got bio {} ({}+{}) although {} is attached over it", hop.device, hop.bio,
                      hop.range.first_sector, hop.range.count_sectors, interposer.name));
    }
  }
  if (!machine.devices_[device].mapped) return legal_verdict();
  machine.exercised(property(7));
  for (u32 number = hop.bio; number != 0; number = bio(number).parent) {
    if (bio(number).mapped_by != device) continue;
    return violation(property(7), "",
                     fmt::format("{} got bio {} ({}+{}), which it has made itself", hop.device,
                                 hop.bio, hop.range.first_sector, hop.range.count_sectors));
  }
  return legal_verdict();
}

}  // namespace bioscope::spec

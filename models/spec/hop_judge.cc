// SPDX-License-Identifier: Apache-2.0
// The life of bios: H1, H2, H3, H6, H7. Order is in hop_order.cc, pieces of mapped devices are in
// hop_round.cc.
#include "models/spec/hop_judge.h"

#include <fmt/format.h>

#include <algorithm>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

constexpr u32 kMaxBios = 1U << 22;  // a history that names more is not believed

std::string name_of(u32 number, const Hop& hop) {
  return fmt::format("bio {} ({} {}+{} on {})", number, word_of(hop.op), hop.range.first_sector,
                     hop.range.count_sectors, hop.device);
}

}  // namespace

HopJudge::Bio& HopJudge::bio(u32 number) {
  if (number >= bios_.size()) bios_.resize(std::min(number, kMaxBios) + 1);
  return bios_[std::min(number, kMaxBios)];
}

Verdict HopJudge::apply(const Hop& hop, Machine& machine) {
  switch (hop.kind) {
    case HopKind::Submit:
      return submit(hop, machine);
    case HopKind::Enter:
      return enter(hop, machine);
    case HopKind::Leave:
      return leave(hop, machine);
    case HopKind::Split:
      return split(hop, machine);
    case HopKind::Clone:
      return clone(hop, machine);
    case HopKind::End:
      return end(hop, machine);
  }
  return legal_verdict();
}

Verdict HopJudge::submit(const Hop& hop, Machine& machine) {
  Bio& it = bio(hop.bio);
  Task& task = tasks_[hop.task];
  if (task.round) {
    task.submitted.push_back(hop.bio);
    if (task.round->bio == hop.bio) task.round->rest = hop.range;
  }
  const bool first = !it.submitted;
  it.submitted = true;
  it.device = hop.device;
  it.queue = queue_of(hop.device, machine);
  it.below = hop.below;
  const DeviceId device = machine.find_device(hop.device);
  it.interposer = device == kNone || hop.below ? kNone : machine.devices_[device].interposer;
  it.op = hop.op;
  it.flags = hop.flags;
  it.range = hop.range;
  it.operation = hop.operation;
  it.submitted_at = hop.tick;
  // A target may end a clone without submitting it; one that it has submitted has to come back.
  if (first && it.parent != 0 && !it.front) ++bio(it.parent).open_parts;
  if (first && it.mapped_by != kNone) return judge_place(it, machine);
  return legal_verdict();
}

Verdict HopJudge::enter(const Hop& hop, Machine& machine) {
  Task& task = tasks_[hop.task];
  if (Verdict verdict = judge_order(hop, task, machine); verdict.kind != VerdictKind::Legal) {
    return verdict;
  }
  if (Verdict verdict = judge_interposers(hop, machine); verdict.kind != VerdictKind::Legal) {
    return verdict;
  }
  bio(hop.bio).range = hop.range;
  const DeviceId device = machine.find_device(hop.device);
  const bool mapped = device != kNone && machine.devices_[device].mapped;
  task.round = Round{hop.bio, hop.device, mapped, hop.flags, hop.range, std::nullopt, {}, 0};
  if (device == kNone || mapped || hop.range.count_sectors == 0) return legal_verdict();
  machine.exercised(rule(1));
  if (hop.range.end_sector() > machine.size_most(device)) {
    return violation(rule(1), "",
                     fmt::format("{} got {} although it has {} sectors", hop.device,
                                 name_of(hop.bio, hop), machine.size_most(device)));
  }
  return legal_verdict();
}

Verdict HopJudge::leave(const Hop& hop, Machine& machine) {
  Task& task = tasks_[hop.task];
  if (!task.round) return legal_verdict();
  const Round round = std::move(*task.round);
  task.round.reset();
  sort_waiting(task, round);
  return round.mapped ? judge_mapped_round(round, machine) : judge_disk_round(round, machine);
}

// H3. What is left of the parent is its range from here on.
Verdict HopJudge::split(const Hop& hop, Machine& machine) {
  bio(std::max(hop.bio, hop.parent));  // makes room: no reference is moved below
  Bio& parent = bio(hop.parent);
  Bio& front = bio(hop.bio);
  machine.exercised(rule(12));
  machine.exercised(property(11));
  const bool begins = hop.range.first_sector == parent.range.first_sector;
  const bool fits =
      hop.range.count_sectors > 0 && begins && hop.range.count_sectors < parent.range.count_sectors;
  if (!fits) {
    return violation(property(11), "",
                     fmt::format("bio {} of {}+{} was split into a front of {}+{}", hop.parent,
                                 parent.range.first_sector, parent.range.count_sectors,
                                 hop.range.first_sector, hop.range.count_sectors));
  }
  parent.range.first_sector += hop.range.count_sectors;
  parent.range.count_sectors -= hop.range.count_sectors;
  ++parent.open_parts;
  front = Bio{};
  front.parent = hop.parent;
  front.front = true;
  front.device = parent.device;
  front.below = parent.below;
  front.queue = parent.queue;
  front.mapped_by = parent.mapped_by;
  front.op = parent.op;
  front.flags = parent.flags;
  front.range = hop.range;
  front.operation = parent.operation;
  Task& task = tasks_[hop.task];
  if (task.round && task.round->bio == hop.parent) task.round->front = hop.bio;
  return legal_verdict();
}

Verdict HopJudge::clone(const Hop& hop, Machine& machine) {
  bio(std::max(hop.bio, hop.parent));
  Task& task = tasks_[hop.task];
  const bool in_round =
      task.round && task.round->mapped && (hop.parent == 0 || hop.parent == task.round->bio);
  const u32 parent_number = in_round && hop.parent == 0 ? task.round->bio : hop.parent;
  Bio& parent = bio(parent_number);
  Bio& it = bio(hop.bio);
  it = Bio{};
  it.parent = parent_number;
  it.range = hop.range;
  it.op = parent.op;
  it.operation = parent.operation;
  if (!in_round) return legal_verdict();
  task.round->clones.push_back(hop.bio);
  // R44: dm drops the error of the flush that comes before the data.
  const bool flushes_first = task.round->flags.has(OperationFlag::Preflush);
  it.may_differ = flushes_first && task.round->range.count_sectors > 0;
  it.mapped_by = machine.find_device(task.round->where);
  it.piece_first = task.round->range.first_sector;
  const Device& device = machine.devices_[it.mapped_by];
  for (const TablePtr& table : {device.live, device.incoming}) {
    if (table != nullptr) it.tables.push_back(table);
  }
  if (device.blurred) it.tables.clear();
  return legal_verdict();
}

Verdict HopJudge::end(const Hop& hop, Machine& machine) {
  Bio& it = bio(hop.bio);
  machine.exercised(property(1));
  if (it.ended) {
    return violation(property(1), "", fmt::format("{} ended twice", name_of(hop.bio, hop)));
  }
  it.ended = true;
  it.error = hop.error;
  if (it.front_error != 0 || it.open_parts > 0) machine.exercised(rule(19));
  if (it.open_parts > 0) {
    return violation(rule(19), "",
                     fmt::format("{} ended while {} of its parts had not", name_of(hop.bio, hop),
                                 it.open_parts));
  }
  if (it.front_error != 0 && hop.error == 0) {
    return violation(rule(19), "",
                     fmt::format("{} ended without an error, although a part of it failed with {}",
                                 name_of(hop.bio, hop), error_text(it.front_error)));
  }
  if (it.parent == 0) return legal_verdict();
  Bio& parent = bio(it.parent);
  if (parent.ended) {
    return violation(rule(19), "",
                     fmt::format("{} ended after bio {}, which it is a part of",
                                 name_of(hop.bio, hop), it.parent));
  }
  if (it.front || it.submitted) --parent.open_parts;
  if (it.front && hop.error != 0 && parent.front_error == 0) parent.front_error = hop.error;
  return legal_verdict();
}

// H7: a suspend that flushes returns when nothing is inside; one that does not may leave what its
// target has pushed back.
Verdict HopJudge::returned(const Event& event, const Operation& operation, Machine& machine) {
  if (operation.kind != OperationKind::Suspend || event.error != 0) return legal_verdict();
  const DeviceId device = machine.find_device(operation.device);
  if (device == kNone || !machine.devices_[device].suspended || machine.devices_[device].blurred) {
    return legal_verdict();
  }
  machine.exercised(property(3));
  for (u32 number = 1; number < bios_.size(); ++number) {
    const Bio& it = bios_[number];
    if (it.mapped_by != device || it.ended || bio(it.parent).ended) continue;
    return violation(property(3), "",
                     fmt::format("the suspend of {} returned while bio {} ({} {}+{}) was inside",
                                 operation.device, number, word_of(it.op), it.range.first_sector,
                                 it.range.count_sectors));
  }
  return legal_verdict();
}

std::vector<Verdict> HopJudge::finish(const History& history, Machine& machine) {
  std::vector<Verdict> verdicts;
  if (history.end != HistoryEnd::Completed) return verdicts;
  for (u32 number = 1; number < bios_.size(); ++number) {
    const Bio& it = bios_[number];
    if (!it.submitted || it.ended) continue;
    machine.exercised(property(1));
    verdicts.push_back(
        violation(property(1), "",
                  fmt::format("bio {} ({} {}+{} on {}) never ended", number, word_of(it.op),
                              it.range.first_sector, it.range.count_sectors, it.device)));
    break;
  }
  return verdicts;
}

}  // namespace bioscope::spec

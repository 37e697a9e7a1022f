// SPDX-License-Identifier: Apache-2.0
// The ioctls that only ask.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

std::vector<std::string> words_of(std::string_view text, std::string_view between) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find(between, at), text.size());
    if (end > at) words.emplace_back(text.substr(at, end - at));
    at = end + between.size();
  }
  return words;
}

}  // namespace

std::string table_text(const Table& table) {
  std::string text;
  for (const Target& target : table.targets) {
    if (!text.empty()) text += "; ";
    text += table_line(target);
  }
  return text;
}

LegalSet Machine::query_legal(const Operation& operation) const {
  const DeviceId id = find_device(operation.device);
  if (operation.kind == OperationKind::EraDump) {
    if (id == kNone) return one_of(rule(27), {ENXIO});
    return one_of(rule(53), {0});
  }
  if (operation.kind == OperationKind::LogDump) {
    return id == kNone ? one_of(rule(27), {ENXIO}) : one_of(rule(51), {0, EINVAL});
  }
  if (id == kNone || !devices_[id].mapped) return one_of(rule(27), {ENXIO});
  const Device& device = devices_[id];
  LegalSet legal = one_of(rule(27), {0});
  if (device.pending_changes > 0 || device.deferred_remove || device.blurred) {
    allow(legal, {ENXIO});
  }
  if (operation.kind == OperationKind::Status && device.suspended && device.live) {
    for (const Target& target : device.live->targets) {  // R56
      if (target.type == TargetType::Era) {
        legal.may_block = true;
        legal.rule = rule(56);
      }
    }
  }
  return legal;
}

std::string Machine::info_text(DeviceId id) const {
  const Device& device = devices_[id];
  return fmt::format(
      "state={} live={} inactive={} open={} targets={} readonly={} deferred={} uuid={}",
      device.suspended ? "suspended" : "active", device.live ? 1 : 0, device.inactive ? 1 : 0,
      settled_opens(id).least, device.live ? device.live->targets.size() : 0,
      device.read_only ? 1 : 0, device.deferred_remove ? 1 : 0, device.uuid);
}

// What it says wrongly: R34 where only the open count is impossible.
RuleId Machine::info_breaks(DeviceId id, const OpenCounts& opens, const std::string& text) const {
  const std::string expected = info_text(id);
  if (text == expected) return RuleId::None;
  const auto ours = words_of(expected, " ");
  const auto theirs = words_of(text, " ");
  if (ours.size() != theirs.size()) return rule(31);
  RuleId breaks = RuleId::None;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (ours[i].starts_with("open=") && theirs[i].starts_with("open=")) {
      const auto got = parse_number(std::string_view(theirs[i]).substr(5));
      if (!got) return rule(31);
      if (*got < opens.least || *got > opens.most) breaks = rule(34);
    } else if (ours[i] != theirs[i]) {
      const bool undone = devices_[id].interrupted && ours[i].starts_with("state=");
      return undone ? rule(37) : rule(31);
    }
  }
  return breaks;
}

std::string Machine::deps_text(DeviceId id) const {
  std::vector<std::string> names;
  if (devices_[id].live) {
    for (const Target& target : devices_[id].live->targets) {
      for (const TargetDevice& below : target.devices) names.push_back(devices_[below.device].name);
    }
  }
  std::ranges::sort(names);
  const auto doubled = std::ranges::unique(names);
  names.erase(doubled.begin(), doubled.end());
  return fmt::format("{}", fmt::join(names, " "));
}

// What a target prints, where there is one way to say it; what may vary is judged apart.
std::string Machine::status_line(const Target& target) const {
  std::string line =
      fmt::format("{} {} {}", target.begin_sector, target.length_sectors, name_of(target.type));
  switch (target.type) {
    case TargetType::Striped:
      line += fmt::format(" {}", target.devices.size());
      for (const TargetDevice& below : target.devices) line += " " + below.name;
      line += " 1 " + std::string(target.devices.size(), 'A');
      return line;
    case TargetType::Delay:
      return line + " 0 0 0";
    case TargetType::Snapshot:
    case TargetType::SnapshotMerge:
      return line + " " + snapshot_status(stores_[target.store]);
    case TargetType::Era: {
      const EraStore& era = eras_[target.store];
      return line + fmt::format(" 8 8/{} {} {}", size_most(target.devices[0].device) / 8,
                                era.era_least, era.held ? "10" : "-");
    }
    default:
      return line;
  }
}

Verdict Machine::judge_status(const Event& event, DeviceId id) {
  const Device& device = devices_[id];
  const auto lines = words_of(event.text, "; ");
  const std::size_t expected = device.live ? device.live->targets.size() : 0;
  if (lines.size() != expected) {
    return violation(rule(70), target_name(id),
                     fmt::format("the status has {} lines, expected {}", lines.size(), expected));
  }
  const TablePtr live = device.live;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Target& target = live->targets[i];
    const std::string head =
        fmt::format("{} {} {}", target.begin_sector, target.length_sectors, name_of(target.type));
    bool fits = lines[i].starts_with(head);
    const std::string_view rest = fits && lines[i].size() > head.size()
                                      ? std::string_view(lines[i]).substr(head.size() + 1)
                                      : std::string_view();
    RuleId judged_by = rule(46);
    if (target.type == TargetType::Snapshot || target.type == TargetType::SnapshotMerge) {
      judged_by = rule(70);
      if (target.instance == stores_[target.store].owner) {
        if (stores_[target.store].cut) judged_by = rule(64);
        fits = fits && status_fits(stores_[target.store], rest);
        if (fits) {
          exercised(rule(63));
          status_seen(target.store, rest);
        }
      }
    } else if (target.type == TargetType::Era) {
      judged_by = rule(58);
      fits = fits && era_status_fits(target, rest);
    } else if (target.type == TargetType::Delay || target.type == TargetType::LogWrites) {
      judged_by = rule(48);
      if (target.type == TargetType::Delay && device.suspended && !device.resuming) {
        fits = lines[i] == status_line(target);  // P3: nothing is left inside
        judged_by = property(3);
      }
    } else {
      fits = lines[i] == status_line(target);
      if (target.type == TargetType::Striped) judged_by = rule(47);
    }
    if (!fits) {
      return violation(
          judged_by, name_of(target.type),
          fmt::format("the status is \"{}\", expected \"{}\"", lines[i], status_line(target)));
    }
    exercised(judged_by);
  }
  return legal_verdict();
}

Verdict Machine::complete_query(const Event& event) {
  const Operation& operation = this->operation(event.operation);
  const DeviceId id = find_device(operation.device);
  if (operation.kind == OperationKind::EraDump) return judge_era_dump(event);
  if (operation.kind == OperationKind::LogDump) return judge_log_dump(event);
  OpenCounts opens;
  if (id != kNone) opens = open_counts(id);
  const auto info = std::ranges::find(pending_infos_, event.operation, &PendingInfo::id);
  if (info != pending_infos_.end()) {
    opens.widen(info->counts);
    pending_infos_.erase(info);
  }
  const LegalSet legal = query_legal(operation);
  bool changing = id != kNone && (devices_[id].blurred || devices_[id].pending_changes > 0);
  for (const PendingChange& change : pending_changes_) {
    if (change.device == id || change.device == kNone) changing = true;
    if (this->operation(change.id).device == operation.device) changing = true;
  }
  // A change that returned while the question was under way.
  for (std::size_t other = 0; other < returned_.size(); ++other) {
    const Operation& their = *program_->operations[other];
    if (returned_[other] > invoked_[event.operation] && their.device == operation.device &&
        (their.kind >= OperationKind::Create && their.kind <= OperationKind::Message)) {
      changing = true;
    }
  }
  if (changing) return legal_verdict();
  if (!legal.allows(event.error)) {
    return violation(legal.rule, target_name(id),
                     "expected " + errors_text(legal.errors) + ", got " + error_text(event.error));
  }
  exercised(legal.rule);
  if (event.error != 0) return legal_verdict();
  const Device& device = devices_[id];
  if (device.live && !device.live->unsupported.empty()) {
    return operation.kind == OperationKind::Info ? legal_verdict()
                                                 : not_judged(device.live->unsupported);
  }
  std::string expected;
  bool fits = true;
  RuleId judged_by = rule(30);
  switch (operation.kind) {
    case OperationKind::Info:
      expected = info_text(id);
      judged_by = info_breaks(id, opens, event.text);
      fits = judged_by == RuleId::None;
      if (fits) judged_by = rule(31);
      break;
    case OperationKind::Deps:
      expected = deps_text(id);
      fits = event.text == expected;
      break;
    case OperationKind::Table:
      expected = device.live ? table_text(*device.live) : "";
      fits = event.text == expected;
      break;
    default:
      return judge_status(event, id);
  }
  exercised(judged_by);
  if (fits) return legal_verdict();
  return violation(judged_by, target_name(id),
                   fmt::format("said \"{}\", expected \"{}\"", event.text, expected));
}

}  // namespace bioscope::spec

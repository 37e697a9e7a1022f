// SPDX-License-Identifier: Apache-2.0
// Device mapper, one ioctl an operation.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "harness/subject/reference/perform.h"
#include "harness/subject/reference/table_text.h"

namespace bioscope::reference {
namespace {

dm::IoctlFlags flags_of(const Operation& operation) {
  return {.read_only = operation.flags.has(OperationFlag::ReadOnly),
          .no_flush = operation.flags.has(OperationFlag::NoFlush),
          .skip_lockfs = operation.flags.has(OperationFlag::NoLockfs),
          .interpose = operation.flags.has(OperationFlag::Interpose),
          .deferred = operation.flags.has(OperationFlag::Deferred)};
}

Outcome load(dm::DeviceMapper& mapper, const dm::DeviceId& id, const Operation& operation) {
  const auto lines = parse_table(operation.text);
  if (!lines) return failed(EINVAL);
  std::string why;
  const int error = mapper.load(id, *lines, flags_of(operation), why);
  return Outcome{error, 0, {}, error == 0 ? std::string() : why};
}

Outcome rename(dm::DeviceMapper& mapper, const dm::DeviceId& id, const Operation& operation) {
  if (!operation.text.empty()) return failed(mapper.set_uuid(id, operation.text));
  return failed(mapper.rename(id, operation.word));
}

Outcome message(dm::DeviceMapper& mapper, const dm::DeviceId& id, const Operation& operation) {
  const u64 sector = operation.number == kNoNumber ? 0 : static_cast<u64>(operation.number);
  std::string reply;
  const int error = mapper.message(id, sector, split_words(operation.text), reply);
  return error != 0 ? failed(error) : said(std::move(reply));
}

Outcome target_lines(dm::DeviceMapper& mapper, const dm::DeviceId& id, const Operation& operation) {
  const dm::StatusType type =
      operation.kind == OperationKind::Table ? dm::StatusType::Table : dm::StatusType::Info;
  std::vector<dm::TargetStatus> targets;
  if (const int error = mapper.status(id, type, flags_of(operation), targets); error != 0) {
    return failed(error);
  }
  std::string text;
  for (const dm::TargetStatus& target : targets) {
    if (!text.empty()) text += "; ";
    text += fmt::format("{} {} {}", target.begin_sector, target.count_sectors, target.type);
    for (const std::string& word : split_words(target.text)) {
      text += ' ';
      text += word;
    }
  }
  return said(std::move(text));
}

Outcome deps(dm::DeviceMapper& mapper, const dm::DeviceId& id) {
  std::vector<std::string> names;
  if (const int error = mapper.deps(id, names); error != 0) return failed(error);
  std::ranges::sort(names);
  return said(fmt::format("{}", fmt::join(names, " ")));
}

Outcome info(dm::DeviceMapper& mapper, const dm::DeviceId& id) {
  dm::DeviceInfo device;
  if (const int error = mapper.info(id, device); error != 0) return failed(error);
  return said(
      fmt::format("state={} live={} inactive={} open={} targets={} readonly={} deferred={} uuid={}",
                  device.suspended ? "suspended" : "active", device.live_table ? 1 : 0,
                  device.inactive_table ? 1 : 0, device.open_count, device.target_count,
                  device.read_only ? 1 : 0, device.deferred_remove ? 1 : 0, device.uuid));
}

}  // namespace

Outcome perform_dm(Stage& stage, const Operation& operation) {
  dm::DeviceMapper& mapper = *stage.mapper;
  dm::DeviceId id;
  id.name = operation.device;
  switch (operation.kind) {
    case OperationKind::Create:
      return failed(mapper.create(operation.device, operation.text, operation.number));
    case OperationKind::Load:
      return load(mapper, id, operation);
    case OperationKind::Clear:
      return failed(mapper.clear(id));
    case OperationKind::Suspend:
      return failed(mapper.suspend(id, flags_of(operation)));
    case OperationKind::Resume:
      return failed(mapper.resume(id, flags_of(operation)));
    case OperationKind::Remove:
      return failed(mapper.remove(id, flags_of(operation)));
    case OperationKind::Rename:
      return rename(mapper, id, operation);
    case OperationKind::Message:
      return message(mapper, id, operation);
    case OperationKind::Status:
    case OperationKind::Table:
      return target_lines(mapper, id, operation);
    case OperationKind::Deps:
      return deps(mapper, id);
    case OperationKind::Info:
      return info(mapper, id);
    default:
      return failed(ENOSYS);
  }
}

}  // namespace bioscope::reference

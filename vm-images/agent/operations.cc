// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/operations.h"

#include <fmt/format.h>

#include <cerrno>

#include "models/trace/syntax.h"
#include "vm-images/agent/clock.h"
#include "vm-images/agent/dm_operations.h"

namespace bioscope {

std::optional<std::string> not_playable(const Operation& operation, bool has_probe) {
  const auto keyword = syntax_of(operation.kind).keyword;
  if (operation.flags.has(OperationFlag::Interpose)) {
    return std::string("a stock kernel has no interpose; lower the trace first");
  }
  if (!has_probe &&
      (operation.kind == OperationKind::Bio || operation.flags.has(OperationFlag::Rahead))) {
    return fmt::format("{} with such flags needs the probe module", keyword);
  }
  return std::nullopt;
}

Outcome perform(Stage& stage, Worker& worker, OperationId id) {
  const Operation& operation = operation_at(stage.trace, id);
  switch (operation.kind) {
    case OperationKind::Read:
    case OperationKind::Write:
    case OperationKind::Flush:
    case OperationKind::Discard:
    case OperationKind::WriteZeroes:
    case OperationKind::SecureErase:
    case OperationKind::Bio:
      return perform_io(stage, worker, id);
    case OperationKind::Create:
    case OperationKind::Load:
    case OperationKind::Clear:
    case OperationKind::Suspend:
    case OperationKind::Resume:
    case OperationKind::Remove:
    case OperationKind::Rename:
    case OperationKind::Message:
    case OperationKind::Status:
    case OperationKind::Table:
    case OperationKind::Deps:
    case OperationKind::Info:
      return perform_dm(operation, stage.devices);
    case OperationKind::Ioctl:
      return perform_raw_ioctl(stage, operation);
    case OperationKind::LogDump:
      return perform_log_dump(stage, worker, id);
    case OperationKind::EraDump:
    case OperationKind::Mkfs:
    case OperationKind::Mount:
    case OperationKind::Umount:
    case OperationKind::Freeze:
    case OperationKind::Thaw:
    case OperationKind::FileWrite:
    case OperationKind::FileRead:
    case OperationKind::FileSync:
    case OperationKind::FileRemove:
    case OperationKind::Fsck:
      return perform_file_system(stage, worker, id);
    case OperationKind::Open:
    case OperationKind::Close:
    case OperationKind::SetReadOnly:
    case OperationKind::Resize:
    case OperationKind::HotRemove:
    case OperationKind::Partition:
    case OperationKind::PowerCut:
    case OperationKind::Reopen:
      return perform_device(stage, id);
    case OperationKind::Clock:
      sleep_ns(static_cast<u64>(operation.number) * kMillisecondNs);
      return {};
    case OperationKind::Wait:
    case OperationKind::After:
    case OperationKind::Signal:
      break;
  }
  return failed(ENOSYS);
}

}  // namespace bioscope

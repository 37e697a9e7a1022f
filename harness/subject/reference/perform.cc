// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/perform.h"

#include <cerrno>

#include "models/runtime/clock.h"

namespace bioscope::reference {

void write_stamps(const Stage& stage, const Step& step, std::span<u8> bytes) {
  Stamp stamp{step.id, step.operation.range.first_sector, stage.trace.seed};
  for (std::size_t at = 0; at < bytes.size(); at += kSectorBytes, ++stamp.sector) {
    write_stamp(stamp, bytes.subspan(at, kSectorBytes));
  }
}

SectorRuns read_stamps(std::span<const u8> bytes) {
  SectorRuns runs;
  for (std::size_t at = 0; at < bytes.size(); at += kSectorBytes) {
    append_sector(runs, read_sector(bytes.subspan(at, kSectorBytes)));
  }
  return runs;
}

Outcome perform(Stage& stage, const Step& step, const OnSubmitted& on_submitted) {
  switch (step.operation.kind) {
    case OperationKind::Read:
    case OperationKind::Write:
    case OperationKind::Flush:
    case OperationKind::Discard:
    case OperationKind::WriteZeroes:
    case OperationKind::SecureErase:
    case OperationKind::Bio:
      return perform_block(stage, step, on_submitted);
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
      return perform_dm(stage, step.operation);
    case OperationKind::Ioctl:
      return perform_ioctl(stage, step.operation);
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
      return perform_file_system(stage, step, on_submitted);
    case OperationKind::Open:
    case OperationKind::Close:
    case OperationKind::SetReadOnly:
    case OperationKind::Resize:
    case OperationKind::HotRemove:
    case OperationKind::Partition:
    case OperationKind::PowerCut:
    case OperationKind::Reopen:
      return perform_device(stage, step);
    case OperationKind::Clock:
      rt::sleep_ms(static_cast<u64>(step.operation.number));
      return {};
    case OperationKind::EraDump:
    case OperationKind::LogDump:
      return perform_dump(stage, step.operation);
    case OperationKind::Wait:
    case OperationKind::After:
    case OperationKind::Signal:
      break;
  }
  return failed(ENOSYS);
}

}  // namespace bioscope::reference

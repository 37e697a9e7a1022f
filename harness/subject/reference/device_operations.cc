// SPDX-License-Identifier: Apache-2.0
// What happens to devices as such: open and close, read-only, size, removal under use, partitions,
// power.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "harness/subject/reference/perform.h"

namespace bioscope::reference {
namespace {

Outcome open_and_keep(Stage& stage, const Operation& operation) {
  OpenFile file;
  file.device = operation.device;
  if (operation.flags.has(OperationFlag::Exclusive)) file.claim = std::make_unique<int>(0);
  const int error = stage.open(operation.device, file.claim.get(), file.opened);
  if (error == 0) stage.open_files.push_back(std::move(file));
  return failed(error);
}

Outcome close_last(Stage& stage, const std::string& device) {
  const auto found = std::ranges::find(stage.open_files.rbegin(), stage.open_files.rend(), device,
                                       &OpenFile::device);
  if (found == stage.open_files.rend()) return failed(EBADF);
  const OpenFile closing = std::move(*found);
  stage.open_files.erase(std::next(found).base());
  Stage::close(closing.opened);
  return {};
}

Outcome set_read_only(Stage& stage, const Operation& operation) {
  OpenDevice opened;
  if (const int error = stage.open(operation.device, nullptr, opened); error != 0) {
    return failed(error);
  }
  opened.bdev->set_read_only(operation.number != 0);
  Stage::close(opened);
  return {};
}

// "FIRST+COUNT".
bool parse_range(std::string_view word, Range& range) {
  const std::size_t plus = word.find('+');
  if (plus == std::string_view::npos) return false;
  const char* end = word.data() + word.size();
  const auto first = std::from_chars(word.data(), word.data() + plus, range.first_sector);
  const auto count = std::from_chars(word.data() + plus + 1, end, range.count_sectors);
  return first.ec == std::errc{} && first.ptr == word.data() + plus && count.ec == std::errc{} &&
         count.ptr == end;
}

Outcome partition(Stage& stage, const Operation& operation) {
  MadeDisk* disk = stage.find_disk(operation.device);
  if (disk == nullptr) return failed(EINVAL);
  OpenDevice opened;
  if (const int error = stage.open(operation.device, nullptr, opened); error != 0) {
    return failed(error);
  }
  int error = 0;
  std::string_view text = operation.text;
  while (error == 0 && !text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    Range range;
    error = parse_range(word, range)
                ? disk->gendisk().add_partition(range.first_sector, range.count_sectors)
                : EINVAL;
  }
  Stage::close(opened);
  return failed(error);
}

Outcome power_cut(Stage& stage, const Step& step) {
  MadeDisk* disk = stage.find_disk(step.operation.device);
  if (disk == nullptr || disk->scripted() == nullptr) return failed(EOPNOTSUPP);
  stage.recorder.cut(step);
  // The guest's disk server chooses by the same seed.
  Chooser chooser(stage.trace.seed + step.id);
  chooser.prescribe(ChoiceKind::Crash, stage.trace.choices.crash);
  disk->scripted()->power_cut(chooser);
  return {};
}

Outcome reopen(Stage& stage, const Operation& operation) {
  MadeDisk* disk = stage.find_disk(operation.device);
  if (disk == nullptr || disk->scripted() == nullptr) return failed(EOPNOTSUPP);
  disk->scripted()->reopen();
  return {};
}

}  // namespace

Outcome perform_device(Stage& stage, const Step& step) {
  const Operation& operation = step.operation;
  switch (operation.kind) {
    case OperationKind::Open:
      return open_and_keep(stage, operation);
    case OperationKind::Close:
      return close_last(stage, operation.device);
    case OperationKind::SetReadOnly:
      return set_read_only(stage, operation);
    case OperationKind::Resize: {
      MadeDisk* disk = stage.find_disk(operation.device);
      if (disk == nullptr || disk->removed()) return failed(ENXIO);
      return failed(disk->resize(static_cast<u64>(operation.number)));
    }
    case OperationKind::HotRemove: {
      MadeDisk* disk = stage.find_disk(operation.device);
      if (disk == nullptr || disk->removed()) return failed(ENXIO);
      disk->remove();
      return {};
    }
    case OperationKind::Partition:
      return partition(stage, operation);
    case OperationKind::PowerCut:
      return power_cut(stage, step);
    case OperationKind::Reopen:
      return reopen(stage, operation);
    default:
      return failed(ENOSYS);
  }
}

}  // namespace bioscope::reference

// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/dm/table.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "models/interposer/dm/device_mapper.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {
namespace {

constexpr std::size_t kMaxTargets = 1048576;  // DM_MAX_TARGETS
constexpr u64 kMaxSectors = std::numeric_limits<i64>::max() / kSectorBytes;

std::unexpected<ConstructError> refuse(int error, std::string message) {
  return std::unexpected(ConstructError{error, std::move(message)});
}

}  // namespace

Table::~Table() = default;

std::expected<std::unique_ptr<Table>, ConstructError> Table::create(
    MappedDevice& owner, const std::vector<TargetLine>& lines, bool read_only, bool interpose) {
  if (lines.size() > kMaxTargets) return refuse(EOVERFLOW, "too many targets");
  if (lines.empty() && !planted(Defect::EmptyTableAccepted)) {
    return refuse(EINVAL, "no targets specified");
  }
  std::unique_ptr<Table> table(new Table(owner, read_only, interpose));
  std::expected<void, ConstructError> made;
  if (const int error = table->find_prefixed(lines); error != 0) {
    made = refuse(error, "two devices are to be interposed");
  }
  for (std::size_t i = 0; made && i < lines.size(); ++i) made = table->add_target(lines[i]);
  if (made) made = table->complete();
  if (made) return table;
  table->shut_down();
  return std::unexpected(std::move(made.error()));
}

void Table::shut_down() {
  for (const auto& target : targets_) target->shut_down();
  for (const auto& [path, device] : devices_) {
    device->bdev->close(device->claimed ? &device_mapper() : nullptr);
  }
  shut_down_ = true;
}

// dm_table_add_target(). B1.
std::expected<void, ConstructError> Table::add_target(const TargetLine& line) {
  if (!targets_.empty() && targets_.front()->type.singleton) {
    return refuse(EINVAL,
                  std::string(targets_.front()->type.name) + " must appear alone in its table");
  }
  if (line.count_sectors == 0) return refuse(EINVAL, "zero-length target");
  if (line.begin_sector > kMaxSectors || line.count_sectors > kMaxSectors - line.begin_sector) {
    return refuse(EINVAL, "too large device");
  }
  const TargetType* type = device_mapper().find_type(line.type);
  if (type == nullptr) return refuse(EINVAL, line.type + ": unknown target type");
  if (type->singleton && !targets_.empty()) {
    return refuse(EINVAL, line.type + " must appear alone in its table");
  }
  const bool fits_immutable =
      immutable_type_ != nullptr ? immutable_type_ == type : !type->immutable || targets_.empty();
  if (!fits_immutable) {
    return refuse(EINVAL, "an immutable target type cannot be mixed with others");
  }
  if (line.begin_sector != size_sectors() && !planted(Defect::TableGapAccepted)) {
    return refuse(EINVAL, "gap in table");
  }
  Constructed target =
      type->construct({*type, *this, line.begin_sector, line.count_sectors, line.words});
  if (!target) return std::unexpected(std::move(target.error()));
  targets_.push_back(std::move(*target));
  if (type->immutable) immutable_type_ = type;
  return {};
}

// dm_table_complete(): here every table is bio-based; what is left is B3.
std::expected<void, ConstructError> Table::complete() const {
  if (!interposes_ || (targets_.empty() && planted(Defect::EmptyTableAccepted))) return {};
  if (interposed_ == nullptr) {
    return refuse(EINVAL, "an interposing table has to name the device to interpose");
  }
  if (!covers_interposed()) {
    return refuse(EINVAL, "an interposing table is one target over the whole device");
  }
  return {};
}

bool Table::covers_interposed() const {
  return targets_.size() == 1 && targets_.front()->begin_sector == 0 &&
         size_sectors() == interposed_->nr_sectors();
}

DeviceMapper& Table::device_mapper() const {
  return owner_.mapper();
}

Target* Table::find_target(u64 sector) const {
  const auto found = std::ranges::upper_bound(targets_, sector, {}, &Target::end_sector);
  return found == targets_.end() ? nullptr : found->get();
}

void Table::presuspend_targets() {
  for (const auto& target : targets_) target->presuspend();
}

void Table::presuspend_undo_targets() {
  for (const auto& target : targets_) target->presuspend_undo();
}

void Table::postsuspend_targets() {
  for (const auto& target : targets_) target->postsuspend();
}

int Table::preresume_targets() {
  for (const auto& target : targets_) {
    if (const int error = target->preresume(); error != 0) return error;
  }
  return 0;
}

void Table::resume_targets() {
  for (const auto& target : targets_) target->resume();
}

void Table::replaced_targets() {
  for (const auto& target : targets_) target->replaced();
}

}  // namespace bioscope::dm

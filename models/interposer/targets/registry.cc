// SPDX-License-Identifier: Apache-2.0
// Every target type that a table may name.
#include <algorithm>
#include <array>

#include "models/interposer/targets/types.h"

namespace bioscope::dm {
namespace {

constexpr std::array kTypes{
    &kDelayType,
    &kEraType,
    &kErrorType,
    &kFlakeyType,
    &kLinearType,
    &kLogWritesType,
    &kSnapshotType,
    &kSnapshotMergeType,
    &kSnapshotOriginType,
    &kStripedType,
    &kZeroType,
};

}  // namespace

std::span<const TargetType* const> target_types() {
  return kTypes;
}

const TargetType* find_target_type(std::string_view name) {
  const auto* found = std::ranges::find(kTypes, name, &TargetType::name);
  return found == kTypes.end() ? nullptr : *found;
}

}  // namespace bioscope::dm

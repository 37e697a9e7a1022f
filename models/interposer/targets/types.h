// SPDX-License-Identifier: Apache-2.0
// The target types of this folder, one a file.
#pragma once

#include "models/interposer/dm/target.h"

namespace bioscope::dm {

extern const TargetType kLinearType;
extern const TargetType kStripedType;
extern const TargetType kZeroType;
extern const TargetType kErrorType;
extern const TargetType kDelayType;
extern const TargetType kEraType;
extern const TargetType kFlakeyType;
extern const TargetType kLogWritesType;
extern const TargetType kSnapshotOriginType;
extern const TargetType kSnapshotType;
extern const TargetType kSnapshotMergeType;

}  // namespace bioscope::dm

// SPDX-License-Identifier: Apache-2.0
// The target types of this folder, one a file.
#pragma once

#include "models/interposer/dm/target.h"

namespace bioscope::dm {

extern const TargetType kLinearType;

}  // namespace bioscope::dm

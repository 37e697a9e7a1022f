// SPDX-License-Identifier: Apache-2.0
// Interposition for kernels without it. `load NAME TABLE interpose` becomes a layer that is placed
// beforehand: a linear device over the disk, which everything that used the disk uses instead.
// Attaching loads TABLE into the layer, detaching loads the linear table again; DM's resume swaps.
#pragma once

#include <string>

#include "models/base/result.h"
#include "models/trace/trace.h"

namespace bioscope {

// The name of the layer over a disk.
std::string layer_name(std::string_view disk);

// A trace without the interpose flag is returned as it is. An Error (CouldNotJudge) says what
// cannot be lowered: such a trace is not played on that subject.
Result<Trace> lower_interpose(const Trace& trace);

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// What a shrink tries, kind by kind: each function lists edits of a trace, the ones that promise
// most first. An edit need not make the trace smaller, or legal: shrink.cc leaves out what does
// not. Pure functions. REQUIRES everywhere: a legal trace.
#pragma once

#include <string>
#include <vector>

#include "harness/repro/edit.h"
#include "models/trace/trace.h"

namespace bioscope {

// drop_stages.cc: whole parts of the trace.
std::vector<Edit> drop_lanes(const Trace& trace);
// A disk, mapped device or mount point with all that touches it, and with all that stands upon it.
std::vector<Edit> drop_devices(const Trace& trace);
// `chunk` operations that follow each other, the last ones first. REQUIRES: chunk > 0.
std::vector<Edit> drop_chunks(const Trace& trace, std::size_t chunk);
// What belongs together and need not stand together: suspend and resume, open and close, ..
std::vector<Edit> drop_brackets(const Trace& trace);
// Two operations, of a short trace.
std::vector<Edit> drop_pairs(const Trace& trace);
std::vector<Edit> drop_disk_steps(const Trace& trace);
std::vector<Edit> drop_unnamed_disks(const Trace& trace);
std::vector<Edit> drop_choices(const Trace& trace);

// operation_stages.cc: what is left of the operations and disk steps.
std::vector<Edit> make_synchronous(const Trace& trace);
std::vector<Edit> drop_flags(const Trace& trace);
std::vector<Edit> narrow_ranges(const Trace& trace);
std::vector<Edit> move_ranges(const Trace& trace);
std::vector<Edit> lower_numbers(const Trace& trace);
std::vector<Edit> simplify_disk_steps(const Trace& trace);

// topology_stages.cc: disks, tables and names.
std::vector<Edit> merge_lanes(const Trace& trace);
// Disks that are neither stores of a target nor together in a table.
std::vector<Edit> merge_disks(const Trace& trace);
// The device below takes the place of a mapped device.
std::vector<Edit> bypass_devices(const Trace& trace);
std::vector<Edit> simplify_disks(const Trace& trace);
// Labels that nothing names; the seed 1.
std::vector<Edit> drop_labels(const Trace& trace);
std::vector<Edit> lower_seed(const Trace& trace);

// table_stages.cc
std::vector<Edit> simplify_tables(const Trace& trace);
// The length of a table goes with the size of the disk.
std::vector<Edit> lower_sizes(const Trace& trace);

}  // namespace bioscope

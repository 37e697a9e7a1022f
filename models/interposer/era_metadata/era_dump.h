// SPDX-License-Identifier: Apache-2.0
// Reading era metadata without changing it: what era_dump of thin-provisioning-tools tells, that is
// the superblock, the archived write sets and the era array. The current write set is not in it.
#pragma once

#include <string>
#include <vector>

#include "models/interposer/era_metadata/era_superblock.h"
#include "models/interposer/persistent_data/block_store.h"

namespace bioscope::dm {

// Blocks [begin, end) of the data device; `era` is that of their last write, 0: never.
struct EraRun {
  u64 begin = 0;
  u64 end = 0;
  u32 era = 0;
  bool operator==(const EraRun&) const = default;
};

struct ArchivedWriteset {
  u32 era = 0;
  u32 nr_bits = 0;
  std::vector<EraRun> marked;  // ascending, each with the write set's era
  bool operator==(const ArchivedWriteset&) const = default;
};

struct EraDump {
  EraSuperblock superblock;
  std::vector<ArchivedWriteset> writesets;  // by era, ascending
  std::vector<EraRun> era_array;            // all of [0, nr_blocks)
  bool operator==(const EraDump&) const = default;
};

// `superblock` is kEraSuperblock, or the held root of a metadata snapshot. Errors: EILSEQ, ENOTBLK,
// EINVAL or ENODATA for what is no era metadata or a corrupt one, EIO and the store's own.
persistent_data::OrErrno<EraDump> read_era_dump(persistent_data::BlockStore& store,
                                                u64 superblock = kEraSuperblock);

// The era of the last write of each block, archived write sets included; blocks never written are
// left out, neighbours with one era are one run.
std::vector<EraRun> last_eras(const EraDump& dump);

// "era=CURRENT 0-3:1 4:2": the text of an era-dump's Return in a history.
std::string era_dump_text(const EraDump& dump);

}  // namespace bioscope::dm

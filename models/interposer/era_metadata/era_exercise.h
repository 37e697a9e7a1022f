// SPDX-License-Identifier: Apache-2.0
// For tests and fuzzing: everything that era metadata can be asked for, on an image that may hold
// anything. Every error is a good answer; a crash, a failed assertion or no end is none.
#pragma once

#include "models/base/chooser.h"
#include "models/interposer/persistent_data/recording_store.h"

namespace bioscope::dm {

// Dumps, opens, resumes, marks, digests, takes and drops a snapshot, shrinks, dumps again. Returns
// whether the last dump could be read.
bool exercise_metadata(persistent_data::RecordingStore& store, Chooser& chooser);

// Gives the block the seal of one type of block, so that what is wrong in it gets past the
// checksum.
enum class BlockType : u8 { Superblock, Node, Array, Index, Bitmap };
inline constexpr u32 kBlockTypes = 5;
void seal_as(BlockType type, u64 location, std::span<u8, persistent_data::kBlockBytes> bytes);

// Whether the block bears the seal of the type.
bool sealed_as(BlockType type, u64 location,
               std::span<const u8, persistent_data::kBlockBytes> bytes);

}  // namespace bioscope::dm

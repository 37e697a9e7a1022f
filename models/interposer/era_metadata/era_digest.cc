// SPDX-License-Identifier: Apache-2.0
// The digest of archived write sets into the era array (dm-era-target.c: metadata_digest_*): the
// oldest first; its bits, some in each step, so that a write that waits for the worker does not
// wait long; then it leaves the tree, and the next one is looked up.
#include <algorithm>
#include <cerrno>

#include "models/interposer/era_metadata/era_metadata.h"
#include "models/interposer/persistent_data/little_endian.h"

namespace bioscope::dm {
namespace {

constexpr u32 kBitsPerStep = 100;  // INSERTS_PER_STEP

}  // namespace

void EraMetadata::begin_digest() {
  if (!std::exchange(archived_writesets_, false)) return;
  if (!digesting()) digest_.step = DigestStep::Lookup;
}

int EraMetadata::digest_step() {
  int error = 0;
  switch (digest_.step) {
    case DigestStep::None:
      break;
    case DigestStep::Lookup:
      error = look_up_oldest_writeset();
      break;
    case DigestStep::Transcribe:
      error = transcribe_some_bits();
      break;
    case DigestStep::Remove:
      error = remove_digested_writeset();
      break;
  }
  if (error != 0) digest_.step = DigestStep::None;
  return error;
}

int EraMetadata::look_up_oldest_writeset() {
  const persistent_data::OrErrno<std::optional<u64>> era =
      writeset_tree_.lowest_key(writeset_tree_root_);
  if (!era) return era.error();
  if (!*era) {
    digest_.step = DigestStep::None;
    return 0;
  }
  if (**era > ~u32{0}) return EILSEQ;
  std::array<u8, kWritesetRootBytes> value{};
  if (const int error = writeset_tree_.lookup(writeset_tree_root_, **era, value)) return error;
  digest_.era = static_cast<u32>(**era);
  digest_.writeset = load_writeset_root(value.data());
  digest_.nr_bits = std::min(digest_.writeset.nr_bits, nr_blocks_);
  digest_.next_bit = 0;
  digest_.bits.forget();
  digest_.step = DigestStep::Transcribe;
  return 0;
}

int EraMetadata::transcribe_some_bits() {
  std::array<u8, sizeof(u32)> era{};
  persistent_data::store_le(era.data(), digest_.era);
  const u32 end = digest_.next_bit + std::min(kBitsPerStep, digest_.nr_bits - digest_.next_bit);
  for (; digest_.next_bit < end; ++digest_.next_bit) {
    bool marked = false;
    if (const int error = digest_.bits.test(digest_.writeset.root, digest_.next_bit, marked)) {
      return error;
    }
    if (!marked) continue;
    if (const int error = era_array_.set(era_array_root_, digest_.next_bit, era)) return error;
  }
  if (digest_.next_bit == digest_.nr_bits) digest_.step = DigestStep::Remove;
  return 0;
}

int EraMetadata::remove_digested_writeset() {
  if (const int error = writeset_tree_.remove(writeset_tree_root_, digest_.era)) return error;
  digest_.step = DigestStep::Lookup;
  return 0;
}

}  // namespace bioscope::dm

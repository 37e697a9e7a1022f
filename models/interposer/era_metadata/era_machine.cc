// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/era_metadata/era_machine.h"

#include <algorithm>
#include <vector>

#include "models/interposer/era_metadata/era_dump.h"

namespace bioscope::dm {
namespace {

void count_in(const EraDump& dump, std::map<u32, u32>& era_of) {
  for (const EraRun& run : last_eras(dump)) {
    for (u64 block = run.begin; block < std::min<u64>(run.end, dump.superblock.nr_blocks);
         ++block) {
      era_of[static_cast<u32>(block)] = run.era;
    }
  }
}

}  // namespace

EraMachine::EraMachine(persistent_data::RecordingStore& store, Chooser& chooser, u32 nr_blocks)
    : store_(store), chooser_(chooser) {
  auto metadata = EraMetadata::open(store_, kBlockSizeSectors, true);
  if (!metadata) return;
  metadata_ = std::move(*metadata);
  committed_ = pending_;
  if (resume(nr_blocks) != 0) metadata_.reset();
}

int EraMachine::resume(u32 nr_blocks) {
  pending_.nr_blocks = nr_blocks;
  std::erase_if(pending_.era_of, [&](const auto& entry) { return entry.first >= nr_blocks; });
  if (const int error = metadata_->resize(nr_blocks)) return error;
  if (const int error = commit()) return error;
  ++pending_.era;
  if (const int error = metadata_->rollover()) return error;
  return commit();
}

int EraMachine::commit() {
  if (const int error = metadata_->commit()) return error;
  committed_ = pending_;
  return 0;
}

int EraMachine::step() {
  const u32 what = pick(20);
  if (what < 9) return write_some();
  if (what < 14) {
    metadata_->begin_digest();
    for (u32 steps = pick(6); steps > 0 && metadata_->digesting(); --steps) {
      if (const int error = metadata_->digest_step()) return error;
    }
    return pick(2) == 0 ? 0 : commit();
  }
  if (what < 16) {
    ++pending_.era;
    if (const int error = metadata_->rollover()) return error;
    return commit();
  }
  if (what < 18) {
    if (pending_.held) {
      pending_.held = false;
      pending_.snapshot.clear();
      if (const int error = metadata_->drop_snap()) return error;
      return commit();
    }
    ++pending_.era;
    between_ = pending_;
    pending_.held = true;
    pending_.snapshot = pending_.era_of;
    if (const int error = metadata_->take_snap()) return error;
    committed_ = between_;
    return commit();
  }
  return suspend_and_reopen(what == 18);
}

int EraMachine::write_some() {
  std::vector<u32> blocks;
  for (u32 i = 1 + pick(5); i > 0; --i) blocks.push_back(pick(pending_.nr_blocks));
  bool dirty = false;
  for (const u32 block : blocks) {
    bool fresh = false;
    pending_.era_of[block] = pending_.era;
    if (const int error = metadata_->mark_on_disk(block, fresh)) return error;
    dirty = dirty || fresh;
  }
  if (!dirty) return 0;
  if (const int error = commit()) return error;
  for (const u32 block : blocks) metadata_->mark_in_core(block);
  return 0;
}

// A suspend archives; a crash does not. Both lose what was not committed.
int EraMachine::suspend_and_reopen(bool clean) {
  if (clean) {
    if (const int error = metadata_->archive()) return error;
    if (const int error = commit()) return error;
  }
  metadata_.reset();
  pending_ = committed_;
  auto metadata = EraMetadata::open(store_, kBlockSizeSectors, false);
  if (!metadata) return metadata.error();
  metadata_ = std::move(*metadata);
  const u32 old_size = pending_.nr_blocks;
  const u32 new_size = pick(3) == 0 ? 1 + pick(2 * old_size) : old_size;
  if (const int error = resume(new_size)) return error;
  // Write sets from before a shrink would show blocks that are gone when they come back.
  if (new_size >= old_size) return 0;
  metadata_->begin_digest();
  while (metadata_->digesting()) {
    if (const int error = metadata_->digest_step()) return error;
  }
  return commit();
}

persistent_data::OrErrno<EraMachine::State> read_state(
    const persistent_data::RecordingStore::Image& image) {
  persistent_data::RecordingStore store(image);
  EraMachine::State state;
  const auto dump = read_era_dump(store);
  if (!dump) return std::unexpected(dump.error());
  state.era = dump->superblock.current_era;
  state.nr_blocks = dump->superblock.nr_blocks;
  count_in(*dump, state.era_of);
  state.held = dump->superblock.metadata_snap != kEraSuperblock;
  if (state.held) {
    const auto snapshot = read_era_dump(store, dump->superblock.metadata_snap);
    if (!snapshot) return std::unexpected(snapshot.error());
    count_in(*snapshot, state.snapshot);
  }

  const WritesetRoot current = dump->superblock.current_writeset;
  if (current.root == kEraSuperblock) return state;
  persistent_data::BlockManager blocks(store);
  persistent_data::TransactionManager transactions(blocks);
  persistent_data::VisitBudget budget{store.blocks()};
  const int error =
      persistent_data::Bitset(transactions)
          .walk(current.root, current.nr_bits, budget, [&](u32 begin, u64 end) {
            for (u64 block = begin; block < std::min<u64>(end, state.nr_blocks); ++block) {
              state.era_of[static_cast<u32>(block)] = state.era;
            }
            return 0;
          });
  if (error != 0) return std::unexpected(error);
  return state;
}

}  // namespace bioscope::dm

// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/era_metadata/era_dump.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <map>

#include "models/interposer/persistent_data/bitset.h"
#include "models/interposer/persistent_data/little_endian.h"
#include "models/interposer/persistent_data/transaction_manager.h"

namespace bioscope::dm {
namespace {

namespace pd = persistent_data;

void append(std::vector<EraRun>& runs, const EraRun& run) {
  if (!runs.empty() && runs.back().end == run.begin && runs.back().era == run.era) {
    runs.back().end = run.end;
  } else {
    runs.push_back(run);
  }
}

class Reader {
 public:
  explicit Reader(pd::BlockStore& store)
      : blocks_(store), transactions_(blocks_), budget_{store.blocks()} {}

  int read_superblock(u64 location, EraSuperblock& superblock) {
    const pd::OrErrno<pd::ReadLock> block = blocks_.read_lock(location, &kEraSuperblockValidator);
    if (!block) return block.error();
    superblock = unpack_superblock(block->bytes());
    return 0;
  }

  int read_writesets(u64 root, std::vector<ArchivedWriteset>& writesets) {
    const pd::PlainValues values(kWritesetRootBytes);
    return pd::Btree(transactions_, values)
        .walk(root, budget_, [&](u64 era, std::span<const u8> value) -> int {
          if (era > ~u32{0}) return EILSEQ;
          const WritesetRoot disk = load_writeset_root(value.data());
          writesets.push_back({.era = static_cast<u32>(era), .nr_bits = disk.nr_bits});
          return read_writeset(disk, writesets.back());
        });
  }

  int read_era_array(u64 root, u32 nr_blocks, std::vector<EraRun>& eras) {
    return pd::Array(transactions_, sizeof(u32))
        .walk(root, nr_blocks, budget_, [&](u32 block, std::span<const u8> value) {
          append(eras, {block, u64{block} + 1, pd::load_le<u32>(value.data())});
          return 0;
        });
  }

 private:
  int read_writeset(const WritesetRoot& disk, ArchivedWriteset& writeset) {
    return pd::Bitset(transactions_)
        .walk(disk.root, disk.nr_bits, budget_, [&](u32 begin, u64 end) {
          writeset.marked.push_back({begin, end, writeset.era});
          return 0;
        });
  }

  pd::BlockManager blocks_;
  pd::TransactionManager transactions_;
  pd::VisitBudget budget_;  // for the whole dump: no block belongs to two of its structures
};

}  // namespace

pd::OrErrno<EraDump> read_era_dump(pd::BlockStore& store, u64 superblock) {
  Reader reader(store);
  EraDump dump;
  int error = reader.read_superblock(superblock, dump.superblock);
  if (error == 0) error = reader.read_writesets(dump.superblock.writeset_tree_root, dump.writesets);
  if (error == 0) {
    error = reader.read_era_array(dump.superblock.era_array_root, dump.superblock.nr_blocks,
                                  dump.era_array);
  }
  if (error != 0) return std::unexpected(error);
  return dump;
}

// Sweeps over the ends of all runs with the eras that are open at each place.
std::vector<EraRun> last_eras(const EraDump& dump) {
  struct Change {
    std::vector<u32> begin;
    std::vector<u32> end;
  };
  std::map<u64, Change> changes;
  const auto add = [&](const EraRun& run) {
    changes[run.begin].begin.push_back(run.era);
    changes[run.end].end.push_back(run.era);
  };
  for (const EraRun& run : dump.era_array) add(run);
  for (const ArchivedWriteset& writeset : dump.writesets) {
    for (const EraRun& run : writeset.marked) add(run);
  }

  std::vector<EraRun> result;
  std::map<u32, u64> open;  // era -> runs
  u64 from = 0;
  for (const auto& [at, change] : changes) {
    const u32 era = open.empty() ? 0 : open.rbegin()->first;
    if (era != 0 && at > from) append(result, {from, at, era});
    for (const u32 begun : change.begin) ++open[begun];
    for (const u32 ended : change.end) {
      if (--open[ended] == 0) open.erase(ended);
    }
    from = at;
  }
  return result;
}

std::string era_dump_text(const EraDump& dump) {
  std::string text = fmt::format("era={}", dump.superblock.current_era);
  for (const EraRun& run : last_eras(dump)) {
    text += run.end == run.begin + 1 ? fmt::format(" {}:{}", run.begin, run.era)
                                     : fmt::format(" {}-{}:{}", run.begin, run.end - 1, run.era);
  }
  return text;
}

}  // namespace bioscope::dm

// SPDX-License-Identifier: Apache-2.0
// The metadata of the era target (the metadata half of dm-era-target.c): for each block of the data
// device the era in which it was last written.
//
// The writes of an era are bits in its write set. When the era ends the write set is archived in a
// tree, era -> write set, and the era's worker digests it step by step into an array, block -> era.
//
// Invariants:
//   E1  What commit() returned 0 for survives a power cut, and a power cut at any time leaves the
//       metadata of some commit. The first commit is the format's.
//   E2  A block counts as marked (marked()) only after the commit of its bit.
//   E3  An archived write set leaves the tree in the commit of its last bits in the array, or
//   later. E4  A call that fails leaves metadata that holds what it held before, but for the era
//   itself:
//       archive() may have happened when rollover() fails. At worst blocks are lost to leaks.
//
// Errors: 0 or a positive errno. Beside those named, any call may return EIO or the store's own
// error, ENOSPC (the metadata device is full), EILSEQ, ENOTBLK or EINVAL (it is corrupt).
// Thread safety: one caller at a time, the era's worker, except marked().
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>

#include "models/interposer/era_metadata/era_superblock.h"
#include "models/interposer/era_metadata/writeset.h"
#include "models/interposer/persistent_data/bitset.h"
#include "models/interposer/persistent_data/transaction_manager.h"

namespace bioscope::dm {

// What era_status() prints (R58).
struct EraStatus {
  u64 used_blocks = 0;
  u64 total_blocks = 0;
  u32 era = 0;
  u64 held_root = kEraSuperblock;  // kEraSuperblock: there is no metadata snapshot
};

// The values of the tree of archived write sets.
class WritesetReferences final : public persistent_data::BtreeValues {
 public:
  explicit WritesetReferences(persistent_data::TransactionManager& transactions)
      : BtreeValues(kWritesetRootBytes), transactions_(&transactions), bitsets_(transactions) {}

  int inc(std::span<const u8> values) const override;
  int dec(std::span<const u8> values) const override;

 private:
  persistent_data::TransactionManager* transactions_;
  persistent_data::Bitset bitsets_;
};

class EraMetadata {
 public:
  // Opens what lies on the store; formats it if the superblock is all zeroes and `may_format`
  // (else EPERM). EINVAL: it was made for another block size, or has another version. Unlike the
  // kernel's, a format flushes before it writes the superblock (E1). The store must outlive it.
  static persistent_data::OrErrno<std::unique_ptr<EraMetadata>> open(
      persistent_data::BlockStore& store, u32 block_size_sectors, bool may_format);

  EraMetadata(const EraMetadata&) = delete;
  EraMetadata& operator=(const EraMetadata&) = delete;

  // The data device has `nr_blocks` blocks now. Needed once after open() and before the first
  // rollover(), while nobody asks marked(). EINVAL: 2^31 or more. ENOMEM.
  [[nodiscard]] int resize(u64 nr_blocks);

  // Ends the era's write set (era_postsuspend). Nothing to do if there is none.
  [[nodiscard]] int archive();

  // Ends the era and begins the next (era_preresume; message checkpoint).
  [[nodiscard]] int rollover();

  // EINVAL: there is a metadata snapshot already. Begins a new era and commits; the snapshot is on
  // the disk with the next commit.
  [[nodiscard]] int take_snap();

  // EINVAL: there is none. Whatever the result, none is recorded any more.
  [[nodiscard]] int drop_snap();

  [[nodiscard]] int commit();

  // Whether a write of the block needs nothing more. Any thread, also while the worker works.
  bool marked(u32 block) const {
    return writesets_[current_.load(std::memory_order_acquire)].in_core.marked(block);
  }

  // Marks the block in the era's write set on the disk, with the next commit; `fresh` says whether
  // it was not marked(). EINVAL: there is no such block, or no era.
  [[nodiscard]] int mark_on_disk(u32 block, bool& fresh);

  // For marked(). REQUIRES: mark_on_disk() and commit() returned 0 for it.
  void mark_in_core(u32 block) { current().in_core.mark(block); }

  // Runs after a new write set became the current one and before the era counts up: returns when
  // nobody asks the old one any more (swap_writeset: synchronize_rcu). None by default.
  void set_swap_hook(std::function<void()> hook) { swap_hook_ = std::move(hook); }

  // The digest (era_digest.cc). begin_digest() before each round of the worker (kick_off_digest):
  // begins one if something was archived. While digesting(), one step for each round; an error ends
  // the digest until something is archived again.
  void begin_digest();
  bool digesting() const { return digest_.step != DigestStep::None; }
  [[nodiscard]] int digest_step();

  EraStatus status() const;

  u32 nr_blocks() const { return nr_blocks_; }
  u32 current_era() const { return current_era_; }

 private:
  enum class DigestStep : u8 { None, Lookup, Transcribe, Remove };

  struct WritesetPair {
    WritesetRoot on_disk;
    Writeset in_core;
  };

  struct Digest {
    explicit Digest(persistent_data::TransactionManager& transactions) : bits(transactions) {}
    DigestStep step = DigestStep::None;
    u32 era = 0;
    WritesetRoot writeset;
    u32 nr_bits = 0;
    u32 next_bit = 0;
    persistent_data::Bitset bits;
  };

  EraMetadata(persistent_data::BlockStore& store, u32 block_size_sectors);
  int open_or_format(bool may_format);
  int format();
  int load();
  int new_era();
  persistent_data::OrErrno<WritesetRoot> new_writeset(u32 nr_bits);
  int clone_superblock();
  EraSuperblock superblock() const;
  WritesetPair& current() { return writesets_[current_.load(std::memory_order_relaxed)]; }
  const WritesetPair& current() const {
    return writesets_[current_.load(std::memory_order_relaxed)];
  }

  int look_up_oldest_writeset();
  int transcribe_some_bits();
  int remove_digested_writeset();

  persistent_data::BlockManager blocks_;
  persistent_data::TransactionManager transactions_;
  persistent_data::Bitset current_bits_;  // works on the current write set
  WritesetReferences writeset_references_;
  persistent_data::Btree writeset_tree_;
  persistent_data::Array era_array_;

  u32 block_size_sectors_;
  u32 nr_blocks_ = 0;
  u32 current_era_ = 0;
  // Two, so that nothing is allocated while I/O waits; they take turns.
  std::array<WritesetPair, 2> writesets_;
  std::atomic<u32> current_ = 0;
  u64 writeset_tree_root_ = 0;
  u64 era_array_root_ = 0;
  u64 metadata_snap_ = kEraSuperblock;
  bool archived_writesets_ = false;  // since the last begin_digest()
  Digest digest_;
  std::function<void()> swap_hook_;
};

}  // namespace bioscope::dm

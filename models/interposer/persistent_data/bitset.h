// SPDX-License-Identifier: Apache-2.0
// Bitsets (dm-bitset.c): arrays of 64-bit words. The word last used is kept in memory and goes to
// its array block when another is needed or at flush(), so a run of neighbouring bits costs one
// change.
#pragma once

#include "models/interposer/persistent_data/array.h"

namespace bioscope::persistent_data {

// One object works on one bitset at a time; forget() before the next. Roots and errors as with
// Array; ENODATA: the bit's word is beyond the end (a bit beyond the end in the last word is not
// noticed).
class Bitset {
 public:
  explicit Bitset(TransactionManager& transactions) : words_(transactions, sizeof(u64)) {}

  OrErrno<u64> create() const { return words_.create(); }

  // The bits that are added are 0.
  [[nodiscard]] int resize(u64& root, u32 old_bits, u32 new_bits) const;

  [[nodiscard]] int set(u64& root, u32 bit);
  [[nodiscard]] int test(u64& root, u32 bit, bool& result);
  [[nodiscard]] int flush(u64& root);

  // What was not flushed is lost.
  void forget() { loaded_ = dirty_ = false; }

  [[nodiscard]] int erase(u64 root) const { return words_.erase(root); }

  // The set bits below `bits`, ascending, as runs [begin, end). ENODATA: fewer words are there.
  // Does not see what was not flushed.
  using Visit = std::function<int(u32 begin, u64 end)>;
  [[nodiscard]] int walk(u64 root, u32 bits, VisitBudget& budget, const Visit& visit) const;

 private:
  int load_word_of(u64& root, u32 bit);

  Array words_;
  bool loaded_ = false;
  bool dirty_ = false;
  u32 index_ = 0;  // of the loaded word
  u64 word_ = 0;
};

}  // namespace bioscope::persistent_data

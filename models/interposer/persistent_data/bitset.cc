// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/persistent_data/bitset.h"

#include <algorithm>
#include <array>

namespace bioscope::persistent_data {
namespace {

constexpr u32 kBitsPerWord = 64;

u32 words_for(u32 bits) {
  return bits / kBitsPerWord + (bits % kBitsPerWord != 0 ? 1 : 0);
}

}  // namespace

int Bitset::resize(u64& root, u32 old_bits, u32 new_bits) const {
  constexpr std::array<u8, sizeof(u64)> kZeroes{};
  return words_.resize(root, words_for(old_bits), words_for(new_bits), kZeroes);
}

int Bitset::set(u64& root, u32 bit) {
  if (const int error = load_word_of(root, bit)) return error;
  word_ |= u64{1} << bit % kBitsPerWord;
  dirty_ = true;
  return 0;
}

int Bitset::test(u64& root, u32 bit, bool& result) {
  if (const int error = load_word_of(root, bit)) return error;
  result = (word_ >> bit % kBitsPerWord & 1) != 0;
  return 0;
}

int Bitset::flush(u64& root) {
  if (!dirty_) return 0;
  std::array<u8, sizeof(u64)> value{};
  store_le(value.data(), word_);
  if (const int error = words_.set(root, index_, value)) return error;
  forget();
  return 0;
}

int Bitset::load_word_of(u64& root, u32 bit) {
  const u32 index = bit / kBitsPerWord;
  if (loaded_ && index_ == index) return 0;
  if (const int error = flush(root)) return error;
  std::array<u8, sizeof(u64)> value{};
  if (const int error = words_.get(root, index, value)) return error;
  loaded_ = true;
  index_ = index;
  word_ = load_le<u64>(value.data());
  return 0;
}

int Bitset::walk(u64 root, u32 bits, VisitBudget& budget, const Visit& visit) const {
  u64 run_begin = 0;
  u64 run_end = 0;  // no run while it equals the begin
  const auto finish_run = [&] {
    return run_begin == run_end ? 0 : visit(static_cast<u32>(run_begin), run_end);
  };
  const auto visit_word = [&](u32 index, std::span<const u8> value) -> int {
    const u64 word = load_le<u64>(value.data());
    if (word == 0) return 0;
    const u64 first = u64{index} * kBitsPerWord;
    const u64 end = std::min<u64>(first + kBitsPerWord, bits);
    for (u64 bit = first; bit < end; ++bit) {
      if ((word >> (bit - first) & 1) == 0) continue;
      if (bit != run_end || run_begin == run_end) {
        if (const int error = finish_run()) return error;
        run_begin = bit;
      }
      run_end = bit + 1;
    }
    return 0;
  };
  if (const int error = words_.walk(root, words_for(bits), budget, visit_word)) return error;
  return finish_run();
}

}  // namespace bioscope::persistent_data

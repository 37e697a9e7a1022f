// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/era_metadata/metadata_audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "models/base/hash.h"
#include "models/interposer/persistent_data/little_endian.h"

namespace bioscope::dm {
namespace {

using persistent_data::kBlockBytes;
using persistent_data::load_le;
using Image = persistent_data::RecordingStore::Image;

constexpr u32 kNodeXor = 121107;
constexpr u32 kArrayXor = 595846735;
constexpr u32 kIndexXor = 160478;
constexpr u32 kBitmapXor = 240779;
constexpr u32 kSuperblockXor = 146538381;
constexpr u64 kCountsPerBitmap = 16320;

class Auditor {
 public:
  explicit Auditor(const Image& image) : image_(image) {}

  MetadataAudit run() {
    if (!refer(0, kSuperblockXor, 8, "the superblock")) return std::move(audit_);
    trees_of(0);
    const u64 snapshot = u64_at(0, 216);
    if (snapshot != 0 && refer(snapshot, kSuperblockXor, 8, "the metadata snapshot")) {
      trees_of(snapshot);
    }
    if (u64_at(0, 192) != 0) bitset(u64_at(0, 192));
    space_map();
    return std::move(audit_);
  }

 private:
  u32 u32_at(u64 block, std::size_t offset) const {
    return load_le<u32>(image_[block].data() + offset);
  }
  u64 u64_at(u64 block, std::size_t offset) const {
    return load_le<u64>(image_[block].data() + offset);
  }

  // Counts a reference. True if it is the first, so that the block is to be looked into.
  bool refer(u64 block, u32 checksum_xor, std::size_t location_offset, std::string_view what) {
    if (block >= image_.size()) {
      audit_.wrong.push_back(fmt::format("{}: there is no block {}", what, block));
      return false;
    }
    if (++references_[block] > 1) return false;
    const std::span<const u8> bytes(image_[block]);
    const u32 checksum = ~crc32c(bytes.subspan(4)) ^ checksum_xor;
    if (u32_at(block, 0) != checksum || u64_at(block, location_offset) != block) {
      audit_.wrong.push_back(fmt::format("{}: block {} has no good seal", what, block));
      return false;
    }
    return true;
  }

  void trees_of(u64 superblock) {
    tree(u64_at(superblock, 200), 12,
         [&](std::size_t value, u64 leaf) { bitset(u64_at(leaf, value + 4)); });
    array(u64_at(superblock, 208), 4);
  }

  void bitset(u64 root) { array(root, 8); }

  void array(u64 root, u32 value_size) {
    tree(root, 8, [&](std::size_t value, u64 leaf) {
      const u64 block = u64_at(leaf, value);
      if (!refer(block, kArrayXor, 16, "an array block")) return;
      if (u32_at(block, 12) != value_size || u32_at(block, 4) != (kBlockBytes - 24) / value_size) {
        audit_.wrong.push_back(fmt::format("array block {} has wrong sizes", block));
      }
    });
  }

  template <typename Visit>
  void tree(u64 root, u32 value_size, const Visit& visit) {
    if (!refer(root, kNodeXor, 8, "a tree")) return;
    const bool leaf = u32_at(root, 4) == 2;
    const u32 entries = u32_at(root, 16);
    const u32 max = u32_at(root, 20);
    const u32 size = u32_at(root, 24);
    if (size != (leaf ? value_size : 8) || max != (kBlockBytes - 32) / (8 + size) / 3 * 3 ||
        entries > max) {
      audit_.wrong.push_back(fmt::format("node {} has wrong sizes", root));
      return;
    }
    for (u32 i = 0; i < entries; ++i) {
      const std::size_t value = 32 + std::size_t{max} * 8 + std::size_t{i} * size;
      if (leaf) {
        visit(value, root);
      } else {
        tree(u64_at(root, value), value_size, visit);
      }
    }
  }

  void space_map() {
    const u64 nr_blocks = u64_at(0, 44);
    const u64 index = u64_at(0, 60);
    std::map<u64, u32> big_counts;
    tree(u64_at(0, 68), 4, [&](std::size_t value, u64 leaf) {
      const u32 max = u32_at(leaf, 20);
      const std::size_t entry = (value - 32 - std::size_t{max} * 8) / 4;
      big_counts[u64_at(leaf, 32 + entry * 8)] = u32_at(leaf, value);
    });
    if (!refer(index, kIndexXor, 8, "the index")) return;
    const u64 bitmaps = (nr_blocks + kCountsPerBitmap - 1) / kCountsPerBitmap;
    for (u64 i = 0; i < bitmaps; ++i) {
      if (!refer(u64_at(index, 16 + i * 16), kBitmapXor, 8, "a bitmap")) return;
    }
    u64 allocated = 0;
    for (u64 i = 0; i < bitmaps; ++i) allocated += bitmap(index, i, nr_blocks, big_counts);
    if (allocated != u64_at(0, 52)) {
      audit_.wrong.push_back(
          fmt::format("{} blocks are allocated, the root says {}", allocated, u64_at(0, 52)));
    }
  }

  u64 bitmap(u64 index, u64 number, u64 nr_blocks, const std::map<u64, u32>& big_counts) {
    const u64 block = u64_at(index, 16 + number * 16);
    const u32 nr_free = u32_at(index, 24 + number * 16);
    const u32 none_free_before = u32_at(index, 28 + number * 16);
    u64 allocated = 0;
    for (u64 i = 0; i < kCountsPerBitmap; ++i) {
      const u64 counted = number * kCountsPerBitmap + i;
      const u32 pair = image_[block][16 + i / 4] >> i % 4 * 2 & 3;
      u32 count = (pair & 1) << 1 | pair >> 1;
      if (count == 3) {
        const auto big = big_counts.find(counted);
        count = big == big_counts.end() ? 0 : big->second;
        if (count < 3) audit_.wrong.push_back(fmt::format("block {} has no big count", counted));
      } else if (big_counts.contains(counted)) {
        audit_.wrong.push_back(fmt::format("block {} has a big count it needs not", counted));
      }
      if (count != 0) ++allocated;
      if (count == 0 && i < none_free_before) {
        audit_.wrong.push_back(fmt::format("block {} is free, below the mark", counted));
      }
      compare(counted, counted < nr_blocks ? count : 0);
    }
    // era_restore counts only the blocks that exist, the kernel all that the bitmap could hold.
    const u64 existing = std::min(kCountsPerBitmap, nr_blocks - number * kCountsPerBitmap);
    if (nr_free + allocated != kCountsPerBitmap && nr_free + allocated != existing) {
      audit_.wrong.push_back(
          fmt::format("bitmap {}: {} are allocated, {} are free", number, allocated, nr_free));
    }
    return allocated;
  }

  void compare(u64 block, u32 count) {
    const auto found = references_.find(block);
    const u32 used = found == references_.end() ? 0 : found->second;
    if (used == count) return;
    auto& list = used > count ? audit_.wrong : audit_.leaks;
    list.push_back(fmt::format("block {} is referred to {} times, counted {}", block, used, count));
  }

  const Image& image_;
  std::map<u64, u32> references_;
  MetadataAudit audit_;
};

}  // namespace

MetadataAudit audit_metadata(const Image& image) {
  return Auditor(image).run();
}

}  // namespace bioscope::dm

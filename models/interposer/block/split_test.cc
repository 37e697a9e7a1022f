// SPDX-License-Identifier: Apache-2.0
// Against a model that tries every length and walks every byte.
#include "models/interposer/block/split.h"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <string>

#include "models/base/chooser.h"
#include "models/interposer/block/testing/scenario.h"

namespace bioscope::blk {
namespace {

using testing::check;
using testing::check_equal;

constexpr u64 kAbove32Bits = (1ULL << 32) - 3;

// Segments at made-up addresses: split_point() looks at these, never at the memory.
iovec at(u64 address, u64 bytes) {
  return {std::bit_cast<void*>(address), bytes};
}

struct Case {
  QueueLimits limits;
  BioOp op = BioOp::Write;
  u64 sector = 0;
  u64 sectors = 1;
  std::vector<iovec> segments;

  std::string text() const {
    std::string text =
        "op " + std::to_string(static_cast<int>(op)) + " " + std::to_string(sector) + "+" +
        std::to_string(sectors) + " max " + std::to_string(limits.max_sectors) + " chunk " +
        std::to_string(limits.chunk_sectors) + " blocks " +
        std::to_string(limits.logical_block_bytes) + "/" +
        std::to_string(limits.physical_block_bytes) + " segments " +
        std::to_string(limits.max_segments) + "x" + std::to_string(limits.max_segment_bytes) +
        " mask " + std::to_string(limits.virt_boundary_mask) + ":";
    for (const iovec& segment : segments) {
      text += " " + std::to_string(reinterpret_cast<u64>(segment.iov_base)) + "+" +
              std::to_string(segment.iov_len);
    }
    return text;
  }
};

u64 split_of(const Case& it) {
  Bio* bio = bio_alloc(nullptr, it.op, 0, it.sector, it.sectors, it.segments);
  const u64 sectors = split_point(*bio, it.limits);
  bio_put(bio);
  return sectors;
}

// R15: the longest that max_sectors and the chunk allow; cut back to where a physical block ends,
// else to whole logical blocks.
u64 naive_max_sectors(const Case& it) {
  const u64 physical = it.limits.physical_block_bytes / kSectorBytes;
  const u64 logical = it.limits.logical_block_bytes / kSectorBytes;
  u64 most = 0;
  while (most < it.limits.max_sectors) {
    const u64 next = it.sector + most;
    if (most > 0 && it.limits.chunk_sectors > 0 && next % it.limits.chunk_sectors == 0) break;
    ++most;
  }
  for (u64 n = most; n > 0; --n) {
    if ((it.sector + n) % physical == 0) return n;
  }
  while (most % logical != 0) --most;
  return most;
}

// R16: byte after byte, as a controller would fetch them.
u64 naive_bytes(const Case& it, u64 max_bytes) {
  u64 bytes = 0;
  u64 segments = 0;
  u64 in_segment = 0;
  u64 previous = 0;
  for (const iovec& segment : it.segments) {
    const u64 address = reinterpret_cast<u64>(segment.iov_base);
    for (u64 i = 0; i < segment.iov_len; ++i) {
      if (bytes == max_bytes) return bytes;
      const bool starts = i == 0 || in_segment == it.limits.max_segment_bytes;
      if (starts) {
        const u64 mask = it.limits.virt_boundary_mask;
        if (segments > 0 && ((previous & mask) != 0 || ((address + i) & mask) != 0)) return bytes;
        if (segments == it.limits.max_segments) return bytes;
        ++segments;
        in_segment = 0;
      }
      ++in_segment;
      ++bytes;
      previous = address + i + 1;
    }
  }
  return bytes;
}

u64 naive_split(const Case& it) {
  if (it.op == BioOp::WriteZeroes) {
    const u64 most = it.limits.max_write_zeroes_sectors;
    return most == 0 || it.sectors <= most ? 0 : most;
  }
  if (it.op == BioOp::Discard) {
    const u64 granule = std::max<u64>(it.limits.discard_granularity_bytes / kSectorBytes, 1);
    u64 most = 0;
    while (most + granule <= it.limits.max_discard_sectors) most += granule;
    if (most == 0 || it.sectors <= most) return 0;
    const u64 offset = it.limits.discard_alignment_bytes / kSectorBytes % granule;
    for (u64 n = most; n > 0; --n) {
      if ((it.sector + n) % granule == offset) return n;
    }
    return most;
  }
  const u64 total = it.sectors * kSectorBytes;
  const u64 bytes = naive_bytes(it, naive_max_sectors(it) * kSectorBytes);
  if (bytes == total) return 0;
  const u64 block = it.limits.logical_block_bytes;
  u64 front = 0;
  while (front + block <= bytes) front += block;
  if (front == 0) front = block;
  return front < total ? front / kSectorBytes : 0;
}

class Cases {
 public:
  explicit Cases(u64 seed) : chooser_(seed) {}

  Case next() {
    Case it;
    QueueLimits& limits = it.limits;
    limits.logical_block_bytes = kSectorBytes << pick(4);
    limits.physical_block_bytes = limits.logical_block_bytes << pick(4);
    const u32 block = limits.logical_block_bytes / kSectorBytes;
    limits.max_sectors = pick(3) == 0 ? 1 + pick(64) : block * (1 + pick(16));
    if (pick(2) == 0) limits.chunk_sectors = pick(3) == 0 ? 1 + pick(64) : block * (1 + pick(16));
    limits.max_segments = 1 + pick(6);
    limits.max_segment_bytes = pick(2) == 0 ? 65536 : 512 * (1 + pick(16));
    if (pick(2) == 0) limits.virt_boundary_mask = (512ULL << pick(4)) - 1;
    limits.discard_granularity_bytes = kSectorBytes * pick(20);
    limits.discard_alignment_bytes = kSectorBytes * pick(30);
    limits.max_discard_sectors = 1 + pick(60);
    limits.max_write_zeroes_sectors = 1 + pick(60);

    constexpr std::array kOps{BioOp::Write, BioOp::Read, BioOp::Write, BioOp::Discard,
                              BioOp::WriteZeroes};
    it.op = kOps[pick(kOps.size())];
    it.sectors = pick(4) == 0 ? 1 : 1 + pick(100);
    it.sector = start(limits);
    if (it.op == BioOp::Read || it.op == BioOp::Write) add_segments(it);
    return it;
  }

 private:
  u32 pick(u64 n) { return chooser_.pick(ChoiceKind::Generate, 0, static_cast<u32>(n)); }

  // Sector 0, around a chunk's boundary, above 2^32.
  u64 start(const QueueLimits& limits) {
    const u64 base = pick(3) == 0 ? kAbove32Bits : 0;
    switch (pick(3)) {
      case 0:
        return base;
      case 1:
        return base + pick(200);
      default: {
        const u64 chunk = std::max(limits.chunk_sectors, 1U);
        const u64 boundary = (base / chunk + 1 + pick(3)) * chunk;
        return boundary - 1 + pick(3);
      }
    }
  }

  void add_segments(Case& it) {
    u64 left = it.sectors * kSectorBytes;
    u64 address = 4096ULL * (1 + pick(100));
    while (left > 0) {
      u64 bytes = pick(2) == 0 ? 512ULL * (1 + pick(20)) : 4096;
      if (pick(8) == 0) bytes = 4ULL * (1 + pick(600));
      bytes = std::min(bytes, left);
      it.segments.push_back(at(address, bytes));
      left -= bytes;
      address = pick(3) == 0 ? address + bytes : 512ULL * (8 + pick(2000));
    }
  }

  Chooser chooser_;
};

SCENARIO(Split, IsWhatTheModelSays) {
  static u64 seed = 0;
  Cases cases(++seed);
  for (int i = 0; i < 60; ++i) {
    const Case it = cases.next();
    const u64 sectors = split_of(it);
    check(sectors < it.sectors, "a part as large as the bio (L1): " + it.text());
    check_equal(sectors, naive_split(it), it.text());
  }
}

// Whatever the limits: the parts tile the bio, and each is within the limits that leave room for
// a block.
SCENARIO(Split, PartsTileTheBio) {
  static u64 seed = 1000;
  Cases cases(++seed);
  for (int i = 0; i < 20; ++i) {
    const Case it = cases.next();
    Bio* bio = bio_alloc(nullptr, it.op, 0, it.sector, it.sectors, it.segments);
    u64 at_sector = it.sector;
    for (u64 left = it.sectors; left > 0;) {
      const u64 part = split_point(*bio, it.limits);
      check(part < left, "L1: " + it.text());
      if (part == 0) {
        check_equal(bio_end_sector(*bio), it.sector + it.sectors, "the last part: " + it.text());
        break;
      }
      Bio* front = bio_split(*bio, part);
      check_equal(front->iter.sector, at_sector, it.text());
      const u64 block = it.limits.logical_block_bytes / kSectorBytes;
      if (it.op == BioOp::Read || it.op == BioOp::Write) {
        check(part <= it.limits.max_sectors || part == block, "max_sectors: " + it.text());
        const u64 chunk = it.limits.chunk_sectors;
        check(chunk == 0 || part == block || at_sector / chunk == (at_sector + part - 1) / chunk,
              "chunk: " + it.text());
      }
      at_sector += part;
      left -= part;
      bio_put(front);
    }
    bio_put(bio);
  }
}

Case data(u64 sector, u64 sectors, const QueueLimits& limits) {
  Case it;
  it.limits = limits;
  it.sector = sector;
  it.sectors = sectors;
  it.segments = {at(1 << 20, sectors * kSectorBytes)};
  return it;
}

SCENARIO(Split, OfDataAtTheEdges) {
  QueueLimits limits;
  limits.max_sectors = 16;
  limits.max_segment_bytes = 1 << 20;
  check_equal(split_of(data(0, 1, limits)), 0U, "one sector");
  check_equal(split_of(data(0, 16, limits)), 0U, "just max_sectors");
  check_equal(split_of(data(0, 17, limits)), 16U, "one more");
  limits.chunk_sectors = 10;  // no power of two
  check_equal(split_of(data(9, 1, limits)), 0U, "the last of a chunk");
  check_equal(split_of(data(9, 2, limits)), 1U, "across a chunk's end");
  check_equal(split_of(data(10, 10, limits)), 0U, "a whole chunk");
  check_equal(split_of(data(10, 11, limits)), 10U, "a whole chunk and one");
  check_equal(split_of(data((1ULL << 32) - 3, 10, limits)), 7U, "across 2^32");
  limits.chunk_sectors = 0;
  limits.physical_block_bytes = 4096;
  check_equal(split_of(data(3, 30, limits)), 13U, "ends where a physical block does");
  limits.max_sectors = 4;
  check_equal(split_of(data(0, 30, limits)), 4U, "less than a physical block");
}

SCENARIO(Split, OfSegments) {
  QueueLimits limits;
  limits.max_segments = 2;
  Case it = data(0, 24, limits);
  it.segments = {at(4096, 4096), at(16384, 4096), at(65536, 4096)};
  check_equal(split_of(it), 16U, "two segments");
  it.limits.max_segments = 3;
  check_equal(split_of(it), 0U, "three fit");
  it.limits.virt_boundary_mask = 4095;
  check_equal(split_of(it), 0U, "no gap");
  it.segments = {at(4096, 4096), at(16384 + 512, 4096), at(65536, 4096)};
  check_equal(split_of(it), 8U, "a gap before the second");
  it.segments = {at(4096, 12288)};
  it.limits.max_segment_bytes = 4096;
  it.limits.max_segments = 2;
  check_equal(split_of(it), 16U, "a long segment counts as three");
}

SCENARIO(Split, OfADiscard) {
  Case it;
  it.op = BioOp::Discard;
  it.limits.max_discard_sectors = 20;
  it.limits.discard_granularity_bytes = 8 * kSectorBytes;
  it.limits.discard_alignment_bytes = 3 * kSectorBytes;
  it.sector = 4;
  it.sectors = 16;
  check_equal(split_of(it), 0U, "two granules are the most, and fit");
  it.sectors = 17;
  check_equal(split_of(it), 15U, "the next starts at 19 = 3 + 2 * 8");
  it.sector = 3;
  check_equal(split_of(it), 16U, "from a granule's start");
  it.limits.discard_granularity_bytes = 64 * kSectorBytes;
  check_equal(split_of(it), 0U, "a granule larger than what one request takes");
}

SCENARIO(Split, OfWriteZeroes) {
  Case it;
  it.op = BioOp::WriteZeroes;
  it.limits.max_write_zeroes_sectors = 5;
  it.sector = 7;
  it.sectors = 5;
  check_equal(split_of(it), 0U, "fits");
  it.sectors = 6;
  check_equal(split_of(it), 5U, "one more");
}

}  // namespace
}  // namespace bioscope::blk

// SPDX-License-Identifier: Apache-2.0
// Where the reference cuts bios, against the specification's splitter that tries every length, over
// random limits and at the edges: sector 0, 2^32, one sector, a chunk boundary and one to each
// side, limits that conflict, granularities with an offset.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <ostream>
#include <vector>

#include "models/interposer/block/request_disk.h"
#include "models/interposer/block/split.h"
#include "models/interposer/block/submit.h"
#include "models/interposer/block/system.h"
#include "models/runtime/run.h"
#include "models/spec/first_piece.h"

namespace bioscope::blk {

// For the message of a property that failed.
static std::ostream& operator<<(std::ostream& out, const QueueLimits& limits) {
  return out << "logical " << limits.logical_block_bytes << " physical "
             << limits.physical_block_bytes << " max " << limits.max_sectors << " chunk "
             << limits.chunk_sectors << " segments " << limits.max_segments << " of "
             << limits.max_segment_bytes << " boundary " << limits.virt_boundary_mask << " discard "
             << limits.max_discard_sectors << " by " << limits.discard_granularity_bytes << " from "
             << limits.discard_alignment_bytes << " zeroes " << limits.max_write_zeroes_sectors;
}
static std::ostream& operator<<(std::ostream& out, BioOp op) {
  return out << static_cast<int>(op);
}

}  // namespace bioscope::blk

namespace bioscope {
namespace {

using blk::BioOp;

u32 bytes_of(u32 sectors) {
  return sectors * kSectorBytes;
}

rc::Gen<blk::QueueLimits> limits() {
  return rc::gen::exec([] {
    blk::QueueLimits limits;
    limits.logical_block_bytes = bytes_of(*rc::gen::element(1U, 2U, 8U));
    limits.physical_block_bytes =
        std::max(limits.logical_block_bytes, bytes_of(*rc::gen::element(1U, 8U, 16U)));
    limits.max_sectors = *rc::gen::inRange(1U, 70U);
    limits.chunk_sectors = *rc::gen::element(0U, 8U, 24U, 7U, 64U);
    limits.max_segments = *rc::gen::inRange(1U, 6U);
    limits.max_segment_bytes = *rc::gen::element(4096U, 8192U, 65536U);
    limits.virt_boundary_mask = *rc::gen::element<u64>(0U, 0xfffU, 0x3ffU);
    limits.discard_granularity_bytes = bytes_of(*rc::gen::element(0U, 1U, 8U, 12U));
    limits.discard_alignment_bytes = bytes_of(*rc::gen::inRange(0U, 20U));
    limits.max_discard_sectors = *rc::gen::inRange(1U, 70U);
    limits.max_write_zeroes_sectors = *rc::gen::inRange(1U, 70U);
    return limits;
  });
}

spec::PieceLimits in_terms_of_the_rules(const blk::QueueLimits& limits) {
  return {.logical_block_bytes = limits.logical_block_bytes,
          .physical_block_bytes = limits.physical_block_bytes,
          .max_sectors = limits.max_sectors,
          .chunk_sectors = limits.chunk_sectors,
          .max_segments = limits.max_segments,
          .max_segment_bytes = limits.max_segment_bytes,
          .virt_boundary_mask = limits.virt_boundary_mask,
          .discard_granularity_bytes = limits.discard_granularity_bytes,
          .discard_alignment_bytes = limits.discard_alignment_bytes,
          .max_discard_sectors = limits.max_discard_sectors,
          .max_write_zeroes_sectors = limits.max_write_zeroes_sectors};
}

spec::PieceOperation operation_of(BioOp op) {
  if (op == BioOp::Discard || op == BioOp::SecureErase) return spec::PieceOperation::Discard;
  return op == BioOp::WriteZeroes ? spec::PieceOperation::WriteZeroes : spec::PieceOperation::Data;
}

// Near what is likely to be got wrong.
rc::Gen<u64> first_sector() {
  return rc::gen::oneOf(rc::gen::inRange<u64>(0, 40),
                        rc::gen::map(rc::gen::inRange<u64>(0, 40),
                                     [](u64 near) { return (u64{1} << 32) - 20 + near; }),
                        rc::gen::map(rc::gen::inRange<u64>(0, 3),
                                     [](u64 near) { return u64{24} * 1000 - 1 + near; }));
}

// Memory that is only spoken of: lengths of whole sectors at addresses with and without gaps.
struct Layout {
  std::vector<iovec> segments;
  u64 sectors = 0;
};

std::ostream& operator<<(std::ostream& out, const Layout& layout) {
  for (const iovec& segment : layout.segments) {
    out << segment.iov_base << "+" << segment.iov_len << " ";
  }
  return out;
}

rc::Gen<Layout> layout() {
  return rc::gen::exec([] {
    Layout layout;
    const auto stretches = *rc::gen::inRange(1, 6);
    u64 address = 1ULL << 20;
    for (int i = 0; i < stretches; ++i) {
      const u64 length = u64{kSectorBytes} * *rc::gen::inRange<u64>(1, 40);
      address += *rc::gen::element<u64>(0, 512, 4096, 8192);
      layout.segments.push_back({reinterpret_cast<void*>(address), length});
      layout.sectors += length / kSectorBytes;
      address += length;
    }
    return layout;
  });
}

std::vector<spec::PieceSegment> in_terms_of_the_rules(const blk::Bio& bio) {
  std::vector<iovec> left;
  blk::bio_copy_segments(bio, left);
  std::vector<spec::PieceSegment> segments;
  for (const iovec& part : left) {
    segments.push_back({reinterpret_cast<u64>(part.iov_base), part.iov_len});
  }
  return segments;
}

// A bio in hand, given back at the end of the scope.
class OwnBio {
 public:
  OwnBio(BioOp op, u64 sector, u64 sectors, std::span<const iovec> segments)
      : bio_(blk::bio_alloc(nullptr, op, 0, sector, sectors, segments)) {}
  ~OwnBio() { blk::bio_put(bio_); }
  OwnBio(const OwnBio&) = delete;
  OwnBio& operator=(const OwnBio&) = delete;
  blk::Bio& operator*() const { return *bio_; }
  blk::Bio* operator->() const { return bio_; }

 private:
  blk::Bio* bio_;
};

// Cuts the bio until nothing is left, each piece as the rules say.
void cut_to_pieces(blk::Bio& bio, const blk::QueueLimits& limits) {
  while (bio.iter.size_bytes > 0) {
    const u64 left = blk::bio_sectors(bio);
    const u64 point = blk::split_point(bio, limits);
    RC_ASSERT(point < left);  // P11: the rest is not empty
    const u64 piece = point == 0 ? left : point;
    RC_ASSERT(piece == spec::first_piece(operation_of(bio.op), bio.iter.sector, left,
                                         in_terms_of_the_rules(limits),
                                         in_terms_of_the_rules(bio)));
    blk::bio_advance(bio, piece * kSectorBytes);
  }
}

RC_GTEST_PROP(Split, DataIsCutWhereR15AndR16Say, ()) {
  const auto memory = *layout();
  const auto given = *limits();
  const u64 block = given.logical_block_bytes / kSectorBytes;
  const u64 first = *first_sector();
  // Whoever submits keeps to logical blocks.
  const u64 sectors = memory.sectors - memory.sectors % block;
  RC_PRE(sectors > 0U);
  OwnBio bio(*rc::gen::element(BioOp::Read, BioOp::Write), first - first % block, sectors,
             memory.segments);
  cut_to_pieces(*bio, given);
}

RC_GTEST_PROP(Split, DiscardsAndWriteZeroesAreCutWhereR17AndR18Say, ()) {
  const auto given = *limits();
  const auto op = *rc::gen::element(BioOp::Discard, BioOp::SecureErase, BioOp::WriteZeroes);
  OwnBio bio(op, *first_sector(), *rc::gen::inRange<u64>(1, 300), {});
  cut_to_pieces(*bio, given);
}

// A disk that fails the requests it is told to, and knows what it was asked.
class FailingDisk final : public rt::Disk {
 public:
  FailingDisk(u64 size_sectors, std::vector<int> errors)
      : size_sectors_(size_sectors), errors_(std::move(errors)) {}

  u64 size_sectors() const override { return size_sectors_; }
  void submit(rt::DiskIo& io) override {
    const std::size_t number = pieces.size();
    const int error = number < errors_.size() ? errors_[number] : 0;
    pieces.push_back({io.first_sector, io.count_sectors, error});
    io.done(io, error);
  }

  struct Piece {
    u64 first = 0;
    u64 count = 0;
    int error = 0;
  };
  std::vector<Piece> pieces;

 private:
  u64 size_sectors_;
  std::vector<int> errors_;
};

struct Ended {
  u32 times = 0;
  int status = 0;
};

// R12, R19, P11 where it is done, not where it is computed: what reaches the disk tiles the bio,
// and the bio ends once, with an error if a piece had one.
RC_GTEST_PROP(Split, WhatReachesADiskTilesTheBioAndEndsItOnce, ()) {
  const auto given = *limits();
  const u64 first = *rc::gen::inRange<u64>(0, 64) * (given.logical_block_bytes / kSectorBytes);
  const u64 count = *rc::gen::inRange<u64>(1, 64) * (given.logical_block_bytes / kSectorBytes);
  const auto errors = *rc::gen::container<std::vector<int>>(
      rc::gen::weightedElement<int>({{6, 0}, {1, EIO}, {1, ENOSPC}}));
  std::vector<u8> memory(count * kSectorBytes);
  const iovec segment{memory.data(), memory.size()};
  Ended ended;
  FailingDisk below(1024, errors);
  const rt::Outcome outcome = rt::run({}, [&] {
    blk::System system;
    blk::RequestDisk sda(system, "sda", below, given, 1024);
    if (system.add_disk(sda.disk()) != 0) rt::fail("the disk was refused");
    blk::Bio* bio =
        blk::bio_alloc(&sda.disk().whole(), BioOp::Write, 0, first, count, std::span(&segment, 1));
    bio->context = &ended;
    bio->end_io = [](blk::Bio& it) {
      auto& seen = *static_cast<Ended*>(it.context);
      ++seen.times;
      seen.status = it.status;
      blk::bio_put(&it);
    };
    blk::submit_bio(*bio);
    system.remove_disk(sda.disk());
  });
  if (outcome.end != rt::End::Finished) RC_FAIL(rt::describe(outcome));
  RC_ASSERT(ended.times == 1U);
  u64 at = first;
  std::vector<int> seen;
  for (const FailingDisk::Piece& piece : below.pieces) {
    RC_ASSERT(piece.count > 0U);
    RC_ASSERT(piece.first == at);
    at += piece.count;
    if (piece.error != 0) seen.push_back(piece.error);
  }
  RC_ASSERT(at == first + count);
  if (seen.empty()) {
    RC_ASSERT(ended.status == 0);
  } else {
    RC_ASSERT(std::ranges::find(seen, ended.status) != seen.end());
  }
}

}  // namespace
}  // namespace bioscope

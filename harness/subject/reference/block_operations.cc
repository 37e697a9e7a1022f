// SPDX-License-Identifier: Apache-2.0
// Block I/O. The device is opened for each operation, so one that no operation is using can be
// removed; what block/fops.c and block/ioctl.c check before there is a bio is checked here.
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/subject/reference/perform.h"
#include "models/interposer/block/submit.h"
#include "models/runtime/completion.h"

namespace bioscope::reference {
namespace {

// Lives on the stack of who waits for the bio.
struct Waited {
  rt::Completion done{"bio"};
  int status = 0;
};

void wake(blk::Bio& bio) {
  auto& waited = *static_cast<Waited*>(bio.context);
  waited.status = bio.status;
  blk::bio_put(&bio);
  waited.done.complete();
}

struct Request {
  blk::BioOp op = blk::BioOp::Read;
  blk::OpFlags opf = 0;
  Range range;
  std::span<const iovec> segments;
};

int submit_and_wait(blk::BlockDevice& bdev, const Request& request, const Step& step,
                    const OnSubmitted& on_submitted) {
  Waited waited;
  blk::Bio* bio = blk::bio_alloc(&bdev, request.op, request.opf, request.range.first_sector,
                                 request.range.count_sectors, request.segments);
  bio->end_io = &wake;
  bio->context = &waited;
  bio->cause = step.id;
  blk::submit_bio(*bio);
  if (on_submitted) on_submitted();
  waited.done.wait();
  return waited.status;
}

blk::OpFlags flags_of(const Operation& operation) {
  constexpr std::array<std::pair<OperationFlag, blk::OpFlags>, 7> kFlags{{
      {OperationFlag::Fua, blk::kReqFua},
      {OperationFlag::Preflush, blk::kReqPreflush},
      {OperationFlag::Nowait, blk::kReqNowait},
      {OperationFlag::Rahead, blk::kReqRahead},
      {OperationFlag::Sync, blk::kReqSync},
      {OperationFlag::Meta, blk::kReqMeta},
      {OperationFlag::NoUnmap, blk::kReqNoUnmap},
  }};
  blk::OpFlags opf = 0;
  for (const auto& [flag, bit] : kFlags) {
    if (operation.flags.has(flag)) opf |= bit;
  }
  return opf;
}

bool aligned(const blk::BlockDevice& bdev, Range range) {
  const u64 block_sectors = bdev.queue().limits().logical_block_bytes / kSectorBytes;
  return range.first_sector % block_sectors == 0 && range.count_sectors % block_sectors == 0;
}

// blkdev_read_iter(), blkdev_write_iter(): cut short at the end.
Outcome read_or_write(Stage& stage, blk::BlockDevice& bdev, const Step& step,
                      const OnSubmitted& on_submitted) {
  const bool reads = step.operation.kind == OperationKind::Read;
  Range range = step.operation.range;
  if (!reads && bdev.read_only()) return failed(EPERM);
  if (range.count_sectors == 0) return {};
  const u64 size_sectors = bdev.nr_sectors();
  if (range.first_sector >= size_sectors) return failed(reads ? 0 : ENOSPC);
  range.count_sectors = std::min(range.count_sectors, size_sectors - range.first_sector);
  if (!aligned(bdev, range)) return failed(EINVAL);
  const Buffer buffer(stage.buffers, range.count_sectors * kSectorBytes);
  if (!reads) write_stamps(stage, step, buffer.bytes());
  const iovec segment{buffer.bytes().data(), buffer.bytes().size()};
  const blk::OpFlags opf = flags_of(step.operation) | (reads ? 0 : blk::kReqSync);
  const int error = submit_and_wait(
      bdev, {reads ? blk::BioOp::Read : blk::BioOp::Write, opf, range, std::span(&segment, 1)},
      step, on_submitted);
  if (error != 0) return failed(error);
  return Outcome{0, range.count_sectors, reads ? read_stamps(buffer.bytes()) : SectorRuns(), {}};
}

Outcome flush(blk::BlockDevice& bdev, const Step& step, const OnSubmitted& on_submitted) {
  const int error =
      submit_and_wait(bdev, {blk::BioOp::Write, blk::kReqPreflush, {}, {}}, step, on_submitted);
  return failed(error == EOPNOTSUPP ? 0 : error);  // blkdev_fsync()
}

// blk_ioctl_discard(), blk_ioctl_secure_erase(), blkdev_fallocate().
Outcome without_data(blk::BlockDevice& bdev, const Step& step, const OnSubmitted& on_submitted) {
  Range range = step.operation.range;
  const blk::RequestQueue& queue = bdev.queue();
  const u64 size_sectors = bdev.nr_sectors();
  blk::BioOp op = blk::BioOp::WriteZeroes;
  if (step.operation.kind == OperationKind::WriteZeroes) {
    if (range.first_sector >= size_sectors) return failed(EINVAL);
    range.count_sectors = std::min(range.count_sectors, size_sectors - range.first_sector);
    if (!aligned(bdev, range)) return failed(EINVAL);
    if (bdev.read_only()) return failed(EPERM);
    if (!queue.offers_write_zeroes()) return failed(EOPNOTSUPP);
  } else {
    const bool erases = step.operation.kind == OperationKind::SecureErase;
    op = erases ? blk::BioOp::SecureErase : blk::BioOp::Discard;
    if (!(erases ? queue.offers_secure_erase() : queue.offers_discard())) {
      return failed(EOPNOTSUPP);
    }
    if (range.first_sector > size_sectors ||
        range.count_sectors > size_sectors - range.first_sector) {
      return failed(EINVAL);
    }
    if (bdev.read_only()) return failed(EPERM);
    if (!aligned(bdev, range) || range.count_sectors == 0) return failed(EINVAL);
  }
  const int error =
      submit_and_wait(bdev, {op, flags_of(step.operation), range, {}}, step, on_submitted);
  if (error != 0) return failed(error);
  return Outcome{0, step.operation.range.count_sectors, {}, {}};
}

// "1,7,8": lengths in sectors. Nothing if it is no such list.
std::optional<std::vector<u64>> parse_segments(std::string_view text) {
  std::vector<u64> sectors;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    u64 value = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || stop != word.data() + word.size() || value == 0) return {};
    sectors.push_back(value);
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return sectors;
}

// Lays the segments out one behind the other. False: they are not as long as the bio.
bool lay_out(const std::vector<u64>& sectors, std::span<u8> bytes, std::vector<iovec>& segments) {
  std::size_t at = 0;
  for (const u64 count : sectors) {
    if (count > (bytes.size() - at) / kSectorBytes) return false;
    segments.push_back({bytes.data() + at, count * kSectorBytes});
    at += count * kSectorBytes;
  }
  if (sectors.empty() && !bytes.empty()) {
    segments.push_back({bytes.data(), bytes.size()});
    at = bytes.size();
  }
  return at == bytes.size();
}

std::optional<blk::BioOp> op_of(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, blk::BioOp>, 6> kOps{{
      {"read", blk::BioOp::Read},
      {"write", blk::BioOp::Write},
      {"flush", blk::BioOp::Flush},
      {"discard", blk::BioOp::Discard},
      {"secure-erase", blk::BioOp::SecureErase},
      {"write-zeroes", blk::BioOp::WriteZeroes},
  }};
  const auto* found = std::ranges::find(kOps, word, [](const auto& known) { return known.first; });
  if (found == kOps.end()) return std::nullopt;
  return found->second;
}

// The probe's: one bio as written, whatever comes of it.
Outcome bio_as_written(Stage& stage, blk::BlockDevice& bdev, const Step& step,
                       const OnSubmitted& on_submitted) {
  const auto op = op_of(step.operation.word);
  const auto sectors = parse_segments(step.operation.text);
  if (!op || !sectors) return failed(EINVAL);
  const Range range = step.operation.range;
  const bool moves_data = *op == blk::BioOp::Read || *op == blk::BioOp::Write;
  const Buffer buffer(stage.buffers, moves_data ? range.count_sectors * kSectorBytes : 0);
  std::vector<iovec> segments;
  if (!lay_out(*sectors, buffer.bytes(), segments)) return failed(EINVAL);
  if (*op == blk::BioOp::Write) write_stamps(stage, step, buffer.bytes());
  const int error =
      submit_and_wait(bdev, {*op, flags_of(step.operation), range, segments}, step, on_submitted);
  if (error != 0) return failed(error);
  return Outcome{0,
                 range.count_sectors,
                 *op == blk::BioOp::Read ? read_stamps(buffer.bytes()) : SectorRuns(),
                 {}};
}

}  // namespace

Outcome perform_block(Stage& stage, const Step& step, const OnSubmitted& on_submitted) {
  OpenDevice opened;
  if (const int error = stage.open(step.operation.device, nullptr, opened); error != 0) {
    return failed(error);
  }
  blk::BlockDevice& bdev = *opened.bdev;
  const auto outcome = [&] {
    switch (step.operation.kind) {
      case OperationKind::Read:
      case OperationKind::Write:
        return read_or_write(stage, bdev, step, on_submitted);
      case OperationKind::Flush:
        return flush(bdev, step, on_submitted);
      case OperationKind::Bio:
        return bio_as_written(stage, bdev, step, on_submitted);
      default:
        return without_data(bdev, step, on_submitted);
    }
  };
  Outcome result = outcome();
  Stage::close(opened);
  return result;
}

}  // namespace bioscope::reference

// SPDX-License-Identifier: Apache-2.0
// Reading back what targets have written for themselves: the log of log-writes, era's metadata. The
// device is read as it is, whoever has it open.
#include <algorithm>
#include <cerrno>

#include "harness/subject/reference/perform.h"
#include "models/interposer/block/submit.h"
#include "models/interposer/era_metadata/era_dump.h"
#include "models/trace/log_summary.h"

namespace bioscope::reference {
namespace {

class ReadOnlyStore final : public persistent_data::BlockStore {
 public:
  explicit ReadOnlyStore(blk::BlockDevice& bdev) : bdev_(bdev) {}

  int read(u64 block, std::span<u8> bytes) override {
    return blk::blkdev_read(bdev_, block * (bytes.size() / kSectorBytes), bytes);
  }
  int write(u64 /*block*/, std::span<const u8> /*bytes*/) override { return EROFS; }
  int flush() override { return 0; }
  u64 blocks() const override {
    return bdev_.nr_sectors() * kSectorBytes / persistent_data::kBlockBytes;
  }

 private:
  blk::BlockDevice& bdev_;
};

// By the agent's reader, which shares nothing with the target.
Outcome log_dump(Stage& stage, blk::BlockDevice& bdev) {
  constexpr u64 kChunkSectors = 64;
  LogSummary log(stage.trace.seed);
  const u64 size_sectors = bdev.nr_sectors();
  const Buffer buffer(stage.buffers, kChunkSectors * kSectorBytes);
  for (u64 sector = 0; sector < size_sectors && log.wants_more(); sector += kChunkSectors) {
    const u64 count = std::min(kChunkSectors, size_sectors - sector);
    const std::span<u8> chunk = buffer.bytes().first(count * kSectorBytes);
    if (const int error = blk::blkdev_read(bdev, sector, chunk); error != 0) return failed(error);
    for (u64 i = 0; i < count && log.wants_more(); ++i) {
      log.take(chunk.subspan(i * kSectorBytes, kSectorBytes));
    }
  }
  const auto text = log.text();
  return text ? said(*text) : Outcome{EINVAL, 0, {}, text.error().message};
}

// As the agent's: whatever era_dump cannot read is EIO.
Outcome era_dump(blk::BlockDevice& bdev) {
  ReadOnlyStore store(bdev);
  const auto dump = dm::read_era_dump(store);
  return dump ? said(dm::era_dump_text(*dump)) : failed(EIO);
}

}  // namespace

Outcome perform_dump(Stage& stage, const Operation& operation) {
  OpenDevice opened;
  if (const int error = stage.open(operation.device, nullptr, opened); error != 0) {
    return failed(error);
  }
  Outcome outcome = operation.kind == OperationKind::LogDump ? log_dump(stage, *opened.bdev)
                                                             : era_dump(*opened.bdev);
  Stage::close(opened);
  return outcome;
}

}  // namespace bioscope::reference

// SPDX-License-Identifier: Apache-2.0
// Reading back what targets have written for themselves: the log of log-writes, era's metadata. The
// device is read as it is, whoever has it open.
#include <cerrno>

#include "harness/subject/reference/perform.h"
#include "models/interposer/block/submit.h"
#include "models/interposer/era_metadata/era_dump.h"
#include "models/interposer/targets/log_format.h"

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

Outcome log_dump(blk::BlockDevice& bdev, u64 seed) {
  const auto read = [&bdev](u64 first_sector, std::span<u8> bytes) {
    return blk::blkdev_read(bdev, first_sector, bytes) == 0;
  };
  auto text = dm::log_dump_text(bdev.nr_sectors(), read, seed);
  if (!text) return Outcome{EINVAL, 0, {}, text.error().message};
  return said(std::move(*text));
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
  Outcome outcome = operation.kind == OperationKind::LogDump
                        ? log_dump(*opened.bdev, stage.trace.seed)
                        : era_dump(*opened.bdev);
  Stage::close(opened);
  return outcome;
}

}  // namespace bioscope::reference

// SPDX-License-Identifier: Apache-2.0
// A block store in memory for tests: remembers every write and flush, so that what a power cut
// would leave can be made afterwards, and fails when it is told to.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "models/base/chooser.h"
#include "models/interposer/persistent_data/block_store.h"

namespace bioscope::persistent_data {

class RecordingStore final : public BlockStore {
 public:
  using Image = std::vector<std::array<u8, kBlockBytes>>;
  enum class Operation : u8 { Read, Write, Flush };

  explicit RecordingStore(u64 blocks) : image_(blocks), durable_(blocks) {}
  explicit RecordingStore(Image image) : image_(image), durable_(std::move(image)) {}

  int read(u64 block, std::span<u8> bytes) override {
    if (const int error = fault(Operation::Read, block)) return error;
    std::ranges::copy(image_.at(block), bytes.begin());
    return 0;
  }

  // A write that is told to fail may have reached the medium all the same: see power_cut().
  int write(u64 block, std::span<const u8> bytes) override {
    std::array<u8, kBlockBytes> copy{};
    std::ranges::copy(bytes, copy.begin());
    cached_.emplace_back(block, copy);
    if (const int error = fault(Operation::Write, block)) return error;
    image_.at(block) = copy;
    ++writes_;
    return 0;
  }

  int flush() override {
    if (const int error = fault(Operation::Flush, 0)) return error;
    for (const auto& [block, bytes] : cached_) durable_.at(block) = image_.at(block);
    cached_.clear();
    ++flushes_;
    if (after_flush_) after_flush_();
    return 0;
  }

  u64 blocks() const override { return image_.size(); }

  // What is durable, and of each write since the last flush any of its sectors.
  Image power_cut(Chooser& chooser) const {
    Image left = durable_;
    for (const auto& [block, bytes] : cached_) {
      if (chooser.chance(ChoiceKind::Crash, 1, 50)) continue;
      const bool torn = chooser.chance(ChoiceKind::Crash, 2, 30);
      for (std::size_t at = 0; at < kBlockBytes; at += kSectorBytes) {
        if (torn && chooser.chance(ChoiceKind::Crash, 3, 50)) continue;
        std::copy_n(bytes.begin() + at, kSectorBytes, left.at(block).begin() + at);
      }
    }
    return left;
  }

  Image& image() { return image_; }
  const Image& durable() const { return durable_; }
  u64 writes() const { return writes_; }
  u64 flushes() const { return flushes_; }

  // Gives the error of an operation, 0 for none.
  void set_fault(std::function<int(Operation, u64 block)> fault) { fault_ = std::move(fault); }
  void set_after_flush(std::function<void()> hook) { after_flush_ = std::move(hook); }

 private:
  int fault(Operation operation, u64 block) { return fault_ ? fault_(operation, block) : 0; }

  Image image_;                                                      // what reads see
  Image durable_;                                                    // as of the last flush
  std::vector<std::pair<u64, std::array<u8, kBlockBytes>>> cached_;  // writes since then, in order
  u64 writes_ = 0;
  u64 flushes_ = 0;
  std::function<int(Operation, u64)> fault_;
  std::function<void()> after_flush_;
};

}  // namespace bioscope::persistent_data

// SPDX-License-Identifier: Apache-2.0
// What the metadata lies on, and the vocabulary of this folder: the format and the algorithms of
// drivers/md/persistent-data (Linux 6.1), byte for byte.
//
// Errors, in this whole folder: 0 or a positive errno. What gives a value is an OrErrno.
// Thread safety, in this whole folder: none. One caller at a time, as under dm-era's worker.
#pragma once

#include <expected>
#include <span>

#include "models/base/types.h"

namespace bioscope::persistent_data {

inline constexpr std::size_t kBlockBytes = 4096;  // DM_ERA_METADATA_BLOCK_SIZE

using Block = std::span<u8, kBlockBytes>;
using ConstBlock = std::span<const u8, kBlockBytes>;

template <typename T>
using OrErrno = std::expected<T, int>;

// Synchronous: a call may block its caller for as long as the device takes.
class BlockStore {
 public:
  virtual ~BlockStore() = default;

  // REQUIRES: block < blocks(), bytes.size() == kBlockBytes.
  [[nodiscard]] virtual int read(u64 block, std::span<u8> bytes) = 0;
  [[nodiscard]] virtual int write(u64 block, std::span<const u8> bytes) = 0;

  // Returns when every write that has returned is durable.
  [[nodiscard]] virtual int flush() = 0;

  virtual u64 blocks() const = 0;
};

}  // namespace bioscope::persistent_data

// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/exception_store.h"

#include <cctype>
#include <cerrno>

#include "models/interposer/targets/persistent_store.h"
#include "models/interposer/targets/transient_store.h"

namespace bioscope::dm {
namespace {

u32 logical_block_sectors(const DmDev& device) {
  return device.bdev->queue().limits().logical_block_bytes / kSectorBytes;
}

char upper(char letter) {
  return static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
}

}  // namespace

std::expected<MergeRun, int> ExceptionStore::prepare_merge() {
  return std::unexpected(EINVAL);
}

int ExceptionStore::commit_merge(u32) {
  return EINVAL;
}

std::string ExceptionStore::set_chunk_size(u32 chunk_sectors) {
  constexpr u32 kMostSectors = std::numeric_limits<i32>::max() / kSectorBytes;
  if (!std::has_single_bit(chunk_sectors)) return "Chunk size is not a power of 2";
  if (chunk_sectors % logical_block_sectors(*cow_) != 0 ||
      chunk_sectors % logical_block_sectors(*origin_) != 0) {
    return "Chunk size is not a multiple of device blocksize";
  }
  if (chunk_sectors > kMostSectors) return "Chunk size is too high";
  chunk_sectors_.store(chunk_sectors);
  return {};
}

std::expected<std::unique_ptr<ExceptionStore>, std::string> create_exception_store(
    DmDev& origin, DmDev& cow, const std::string& type, const std::string& chunk_size) {
  std::unique_ptr<ExceptionStore> store;
  const char kind = type.empty() ? '\0' : upper(type[0]);
  if (kind == 'P') {
    store = std::make_unique<PersistentStore>(origin, cow);
    if (type.size() > 1) {
      if (upper(type[1]) != 'O') {
        return std::unexpected("Unsupported persistent store option: " + type.substr(1));
      }
      store->overflow_supported = true;
    }
  } else if (kind == 'N') {
    store = std::make_unique<TransientStore>(origin, cow);
  } else {
    return std::unexpected("Exception store type is not P or N");
  }
  const auto sectors = parse_number(chunk_size);
  if (!sectors || *sectors > std::numeric_limits<u32>::max()) {
    return std::unexpected("Invalid chunk size");
  }
  if (*sectors == 0) return store;
  std::string refused = store->set_chunk_size(static_cast<u32>(*sectors));
  if (!refused.empty()) return std::unexpected(std::move(refused));
  return store;
}

}  // namespace bioscope::dm

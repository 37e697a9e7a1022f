// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/transient_store.h"

#include <cerrno>

#include "models/interposer/variants.h"

namespace bioscope::dm {

int TransientStore::read_metadata(const Add&, bool&) {
  return 0;
}

int TransientStore::prepare_exception(Exception& exception) {
  const u64 size_sectors = cow().nr_sectors();
  if (planted(Defect::FullStoreWraps) && size_sectors < next_free_sector_ + chunk_sectors()) {
    next_free_sector_ = 0;
  }
  if (size_sectors < next_free_sector_ + chunk_sectors()) return ENOSPC;
  exception.new_chunk = sector_to_chunk(next_free_sector_);
  next_free_sector_ += chunk_sectors();
  return 0;
}

void TransientStore::commit_exception(const Exception&, bool valid, Committed committed) {
  committed(valid);
}

StoreUsage TransientStore::usage() const {
  return {next_free_sector_, cow().nr_sectors(), 0};
}

}  // namespace bioscope::dm

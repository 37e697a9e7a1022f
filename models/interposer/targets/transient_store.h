// SPDX-License-Identifier: Apache-2.0
// The store of a snapshot that does not outlive its table: drivers/md/dm-snap-transient.c.
// Chunks ascend from 0 (R63); nothing but data is on the device.
#pragma once

#include "models/interposer/targets/exception_store.h"

namespace bioscope::dm {

class TransientStore final : public ExceptionStore {
 public:
  TransientStore(DmDev& origin, DmDev& cow) : ExceptionStore(origin, cow, 0) {}

  int read_metadata(const Add& add, bool& invalid) override;
  int prepare_exception(Exception& exception) override;
  void commit_exception(const Exception& exception, bool valid, Committed committed) override;
  StoreUsage usage() const override;
  std::string_view type_word() const override { return "N"; }

 private:
  u64 next_free_sector_ = 0;
};

}  // namespace bioscope::dm

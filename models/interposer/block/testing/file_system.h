// SPDX-License-Identifier: Apache-2.0
// A file system for tests: it counts, fails on request, and sees whether it is written while
// frozen.
#pragma once

#include "models/interposer/block/super_block.h"
#include "models/interposer/block/testing/scenario.h"

namespace bioscope::blk::testing {

class TestFileSystem final : public SuperBlock {
 public:
  // One write of a user.
  void write() {
    start_write();
    writers_.fetch_add(1);
    check(!is_frozen_.load(), "a write within a frozen file system (S1)");
    ++writes_;
    writers_.fetch_sub(1);
    end_write();
  }

  int sync_fs() override {
    ++syncs_;
    return sync_error;
  }
  int freeze_fs() override {
    check_equal(writers_.load(), 0, "writers inside freeze_fs");
    if (freeze_error != 0) return freeze_error;
    is_frozen_.store(true);
    return 0;
  }
  int unfreeze_fs() override {
    if (thaw_error != 0) return thaw_error;
    is_frozen_.store(false);
    return 0;
  }

  bool is_frozen() const { return is_frozen_.load(); }
  int syncs() const { return syncs_; }
  int writes() const { return writes_; }

  int sync_error = 0;
  int freeze_error = 0;
  int thaw_error = 0;

 private:
  rt::Atomic<int> writers_{0, "writers"};
  rt::Atomic<bool> is_frozen_{false, "is_frozen"};
  int syncs_ = 0;
  int writes_ = 0;
};

}  // namespace bioscope::blk::testing

// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/freeze.h"

#include <cerrno>

#include "models/interposer/block/testing/file_system.h"
#include "models/interposer/block/testing/scenario.h"
#include "models/interposer/block/testing/stack.h"

namespace bioscope::blk {
namespace {

using testing::check;
using testing::check_equal;
using testing::OneDisk;
using testing::TestFileSystem;

SCENARIO(Freeze, CountsAndThawsWithTheLast) {
  OneDisk one;
  TestFileSystem ext4;
  check_equal(set_super_block(one.bdev(), ext4), 0, "mount");
  check_equal(thaw_bdev(one.bdev()), EINVAL, "thaw at 0 (R21)");
  check_equal(freeze_bdev(one.bdev()), 0, "freeze");
  check_equal(freeze_bdev(one.bdev().below()), 0, "a second time, by the bypass");
  check_equal(ext4.syncs(), 1, "syncs");
  check_equal(thaw_bdev(one.bdev()), 0, "the first thaw");
  check(ext4.is_frozen(), "still frozen");
  check_equal(thaw_bdev(one.bdev()), 0, "the second thaw");
  check(!ext4.is_frozen(), "thawed");
  check_equal(thaw_bdev(one.bdev()), EINVAL, "a thaw too many");
  ext4.write();
  clear_super_block(one.bdev());
  one.finish();
}

SCENARIO(Freeze, WithoutAFileSystemItOnlyCounts) {
  OneDisk one;
  TestFileSystem ext4;
  check_equal(freeze_bdev(one.bdev()), 0, "freeze (R23)");
  check_equal(set_super_block(one.bdev(), ext4), EBUSY, "mount while frozen (R22)");
  check_equal(thaw_bdev(one.bdev()), 0, "thaw");
  check_equal(set_super_block(one.bdev(), ext4), 0, "mount");
  clear_super_block(one.bdev());
  one.finish();
}

SCENARIO(Freeze, HoldsWritersBack) {
  OneDisk one;
  TestFileSystem ext4;
  check_equal(set_super_block(one.bdev(), ext4), 0, "mount");
  {
    rt::Thread writer("writer", [&] {
      for (int i = 0; i < 3; ++i) ext4.write();
    });
    for (int i = 0; i < 2; ++i) {
      check_equal(freeze_bdev(one.bdev()), 0, "freeze");
      const int writes = ext4.writes();
      rt::yield();
      check_equal(ext4.writes(), writes, "writes within a frozen file system");
      check_equal(thaw_bdev(one.bdev()), 0, "thaw");
    }
  }
  check_equal(ext4.writes(), 3, "writes");
  clear_super_block(one.bdev());
  one.finish();
}

SCENARIO(Freeze, FiFreezeAndFreezeBdevMeet) {
  OneDisk one;
  TestFileSystem ext4;
  check_equal(set_super_block(one.bdev(), ext4), 0, "mount");
  check_equal(ext4.thaw(), EINVAL, "FITHAW of one that is not frozen");
  check_equal(ext4.freeze(), 0, "FIFREEZE");
  check_equal(ext4.freeze(), EBUSY, "FIFREEZE again (R22)");
  check_equal(freeze_bdev(one.bdev()), EBUSY, "freeze_bdev of a frozen file system");
  check_equal(ext4.thaw(), 0, "FITHAW");
  check_equal(freeze_bdev(one.bdev()), 0, "freeze_bdev");
  check_equal(ext4.thaw(), 0, "FITHAW thaws whoever froze (R24)");
  ext4.write();
  check_equal(freeze_bdev(one.bdev()), 0, "freeze_bdev again");
  check(ext4.is_frozen(), "frozen though it counts two");
  check_equal(ext4.thaw(), 0, "FITHAW");
  check_equal(thaw_bdev(one.bdev()), 0, "thaw_bdev");
  check_equal(thaw_bdev(one.bdev()), 0, "thaw_bdev of what FITHAW has thawed");
  check_equal(thaw_bdev(one.bdev()), EINVAL, "the count is 0 (no stock bug G)");
  clear_super_block(one.bdev());
  check_equal(set_super_block(one.bdev(), ext4), 0, "another mount");
  clear_super_block(one.bdev());
  one.finish();
}

SCENARIO(Freeze, ErrorsUnwind) {
  OneDisk one;
  TestFileSystem ext4;
  check_equal(set_super_block(one.bdev(), ext4), 0, "mount");
  ext4.freeze_error = ENOSPC;
  check_equal(freeze_bdev(one.bdev()), ENOSPC, "freeze_fs fails");
  ext4.write();
  ext4.freeze_error = 0;
  ext4.sync_error = EIO;
  check_equal(freeze_bdev(one.bdev()), EIO, "sync_fs fails");
  ext4.write();
  check_equal(thaw_bdev(one.bdev()), EINVAL, "a freeze that failed does not count");
  ext4.sync_error = 0;
  check_equal(freeze_bdev(one.bdev()), 0, "freeze");
  ext4.thaw_error = EROFS;
  check_equal(thaw_bdev(one.bdev()), EROFS, "unfreeze_fs fails");
  check(ext4.is_frozen(), "still frozen");
  ext4.thaw_error = 0;
  check_equal(thaw_bdev(one.bdev()), 0, "it still counts");
  ext4.write();
  clear_super_block(one.bdev());
  one.finish();
}

// Two that freeze and thaw at once: the file system is frozen while either holds it.
SCENARIO(Freeze, TwoAtOnce) {
  OneDisk one;
  TestFileSystem ext4;
  check_equal(set_super_block(one.bdev(), ext4), 0, "mount");
  {
    std::vector<rt::Thread> tasks;
    tasks.reserve(2);
    for (int i = 0; i < 2; ++i) {
      tasks.emplace_back("freezer", [&] {
        check_equal(freeze_bdev(one.bdev()), 0, "freeze");
        check(ext4.is_frozen(), "frozen after freeze_bdev");
        rt::yield();
        check(ext4.is_frozen(), "frozen until thaw_bdev");
        check_equal(thaw_bdev(one.bdev()), 0, "thaw");
      });
    }
  }
  check(!ext4.is_frozen(), "thawed in the end");
  clear_super_block(one.bdev());
  one.finish();
}

}  // namespace
}  // namespace bioscope::blk

// SPDX-License-Identifier: Apache-2.0
// A small file system, so that mounts, files, freezing and checking mean something on the
// reference. It stands for ext4 and for xfs: one flat folder, O_DIRECT data, metadata written back.
//
// Invariants:
//   F1  Data is on the device when write() has returned. Names, sizes and places of files are only
//       in memory until sync_fs(), freeze_fs(), sync() or unmount() writes them.
//   F2  Metadata has two copies; the superblock, one sector, says which one holds. The other one is
//       written first, so what is on the device is always whole, as of the last time.
//   F3  The superblock says "clean" only while nothing can be missing from it: after mkfs, between
//       freeze_fs() and unfreeze_fs(), and after unmount(). check() demands that.
//   F4  A block that a removed file had is used again only when the removal is on the device and
//       nobody reads or writes that file any more.
//   F5  A thaw always succeeds, as ext4's does; where it could not take "clean" back, the first
//   change
//       afterwards does, or fails.
//   F6  Whoever changes the file system is between start_write() and end_write() (S1).
// Threads of one simulated run may share it; it is made and destroyed within the run.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/subject/reference/small_fs_format.h"
#include "models/interposer/block/block_device.h"
#include "models/interposer/block/super_block.h"
#include "models/interposer/block/system.h"
#include "models/runtime/mutex.h"
#include "models/trace/trace.h"

namespace bioscope::reference {

class SmallFs final : public blk::SuperBlock {
 public:
  // Which operation the bios belong to, and who hears that they have been submitted.
  struct Cause {
    u32 operation = 0;
    const std::function<void()>& on_submitted;
  };

  // mkfs and fsck; the device is open. 0 or an errno; check(): EUCLEAN with what is wrong.
  [[nodiscard]] static int make(blk::BlockDevice& bdev, std::string_view type);
  [[nodiscard]] static int check(blk::BlockDevice& bdev, std::string_view type, std::string& said);

  // mount(2). Claims the device. 0, or ENODEV: no such device; EBUSY: claimed or frozen; EINVAL:
  // not such a file system; EACCES: a read-only device; EIO. An empty type: any.
  [[nodiscard]] static int mount(blk::System& system, std::string_view device,
                                 std::string_view type, bool read_only,
                                 std::shared_ptr<SmallFs>& mounted);
  // EBUSY: files are in use, or it is frozen. Errors of the device are not told, as by umount(2).
  [[nodiscard]] int unmount();

  // ENOENT EROFS EINVAL ENOSPC EIO.
  [[nodiscard]] int write(std::string_view name, Range range, std::span<u8> bytes,
                          const Cause& cause);
  // `count_sectors`: how many there were.
  [[nodiscard]] int read(std::string_view name, Range range, std::span<u8> bytes,
                         const Cause& cause, u64& count_sectors);
  [[nodiscard]] int sync(std::string_view name);
  [[nodiscard]] int remove(std::string_view name);

  int sync_fs() override;
  int freeze_fs() override;
  int unfreeze_fs() override;

 private:
  struct File {
    std::string name;
    u64 size_sectors = 0;
    std::map<u64, u32> blocks;  // from the number within the file to that on the device
    u32 users = 0;
    rt::Mutex lock{"i_rwsem"};  // of who allocates blocks for it
  };
  using FilePtr = std::shared_ptr<File>;

  // Sectors of the device that lie one behind the other, with memory that does too.
  struct Transfer {
    u64 sector = 0;
    iovec memory{};
  };

  explicit SmallFs(bool read_only) : read_only_(read_only) {}

  // small_fs.cc
  int load(std::string_view type);
  int write_metadata();
  int write_super(bool clean);
  int begin_change();
  void release_blocks();
  // small_fs_files.cc
  FilePtr find(std::string_view name) const;
  FilePtr find_or_make(std::string_view name);
  u32 allocate();
  int transfer(std::vector<Transfer>& transfers, bool writes, const Cause& cause);

  blk::BlockDevice* bdev_ = nullptr;  // claimed from mount() to unmount()
  const bool read_only_;
  FsSuper super_;
  rt::Mutex metadata_lock_{"small_fs"};  // of what is written to the device
  std::vector<FilePtr> files_;
  std::vector<u8> used_;          // of each block: in use, or not yet to be used (F4)
  std::vector<FilePtr> removed_;  // whose blocks are not free yet
  u32 next_block_ = 0;
  u64 changes_ = 0;          // of the metadata in memory
  u64 written_changes_ = 0;  // of these, on the device
  u32 busy_ = 0;             // operations inside
  bool unmounting_ = false;  // or unmounted: nothing goes in any more
};

}  // namespace bioscope::reference

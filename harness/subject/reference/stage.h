// SPDX-License-Identifier: Apache-2.0
// What the operations of one trace work on: the simulated machine with its disks, device mapper and
// mounts, and what the trace keeps open.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/subject/reference/disks.h"
#include "harness/subject/reference/outcome.h"
#include "harness/subject/reference/pools.h"
#include "harness/subject/reference/recorder.h"
#include "harness/subject/reference/schedule.h"
#include "harness/subject/reference/script.h"
#include "harness/subject/reference/small_fs.h"
#include "models/interposer/block/system.h"
#include "models/interposer/block/watcher.h"
#include "models/interposer/dm/device_mapper.h"
#include "models/runtime/thread.h"

namespace bioscope::reference {

// An open block device. Closing may wait, so it is done by hand and not when a stopped run is
// unwound.
struct OpenDevice {
  blk::BlockDevice* bdev = nullptr;
  const void* holder = nullptr;  // who claims it exclusively, or null
};

// A descriptor that the trace keeps.
struct OpenFile {
  std::string device;  // as it was called when it was opened
  OpenDevice opened;
  std::unique_ptr<int> claim;  // whose address is the holder
};

struct Mount {
  std::string point;
  std::shared_ptr<SmallFs> file_system;
};

// A bare device that the trace has frozen: freeze_bdev holds no reference, so neither does this.
struct BareFreeze {
  blk::BlockDevice* bdev = nullptr;
  std::string device;
};

// The thread that performs an operation, for `signal`.
struct Running {
  OperationId operation = 0;
  rt::Thread* thread = nullptr;
};

// Made and destroyed within one run.
class Stage {
 public:
  Stage(const Trace& trace, History& history, blk::Watcher* watcher, Schedule& schedule,
        PagePool& pages, BufferPool& buffers);
  // Takes the disks away. REQUIRES: clean_up() has been called.
  void tear_down();

  // open(2) of a device's node: 0, or ENXIO EBUSY.
  [[nodiscard]] int open(std::string_view name, const void* holder, OpenDevice& opened);
  static void close(const OpenDevice& opened) { opened.bdev->close(opened.holder); }
  MadeDisk* find_disk(std::string_view name);
  // The last one on that point; null: there is none.
  std::shared_ptr<SmallFs> find_mount(std::string_view point);
  // The mount of "POINT/FILE" and the file's name in it.
  std::shared_ptr<SmallFs> find_file(std::string_view path, std::string_view& file);

  const Trace& trace;
  Schedule& schedule;
  BufferPool& buffers;
  Recorder recorder;
  blk::System system;
  std::vector<std::unique_ptr<MadeDisk>> disks;
  std::unique_ptr<dm::DeviceMapper> mapper;
  Script script;
  std::vector<OpenFile> open_files;
  std::vector<Mount> mounts;
  std::vector<BareFreeze> bare_freezes;
  std::vector<Running> running;
};

}  // namespace bioscope::reference

// SPDX-License-Identifier: Apache-2.0
// The machine with disks whose completions are choices: which request is held, which one fails,
// what a power cut leaves.
#pragma once

#include <string>

#include "models/interposer/targets/testing/snapshot_machine.h"
#include "models/runtime/clock.h"
#include "models/runtime/sim/scripted_disk.h"

namespace bioscope::dm::testing {

// Outlive the machine.
struct WorldDisks {
  WorldDisks(u64 origin_sectors, u64 cow_sectors)
      : origin_disk(description("d0", origin_sectors)), cow_disk(description("c0", cow_sectors)) {}

  static bioscope::Disk description(const std::string& name, u64 sectors) {
    bioscope::Disk disk;
    disk.name = name;
    disk.kind = DiskKind::Controlled;
    disk.size_sectors = sectors;
    disk.cache = CacheMode::Volatile;
    return disk;
  }

  rt::sim::ScriptedDisk origin_disk;
  rt::sim::ScriptedDisk cow_disk;
};

class World : public WorldDisks, public Machine {
 public:
  explicit World(u64 origin_sectors = kOriginSectors, u64 cow_sectors = kCowSectors)
      : WorldDisks(origin_sectors, cow_sectors), Machine(origin_disk, cow_disk) {}

  static DiskStep hold(DiskRequest request, Range range = {}) {
    DiskStep step;
    step.request = request;
    step.range = range;
    return step;
  }
  static DiskStep fail(DiskRequest request, int error, Range range = {}) {
    DiskStep step = hold(request, range);
    step.kind = DiskStepKind::Fail;
    step.error = error;
    return step;
  }
  // Until nothing can run: time passes only then.
  static void until_quiet() { rt::sleep_ms(1); }

  // Power goes: what was not durable is a choice. Then the machine starts again.
  void power_cut(Chooser& chooser) {
    origin_disk.power_cut(chooser);
    cow_disk.power_cut(chooser);
    finish();
    origin_disk.reopen();
    cow_disk.reopen();
    boot();
  }
};

}  // namespace bioscope::dm::testing

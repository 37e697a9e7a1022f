// SPDX-License-Identifier: Apache-2.0
// snapshot-origin DEVICE: a device as it is, whose writes wait until every snapshot of it has a
// copy of what they overwrite (R67). origin_map() and its neighbours.
//
// Invariants:
//   O1  split_boundary is the least chunk size of the origin's snapshots at the last resume, not
//       later (R74); a write that is passed on never crosses a multiple of it.
//   O2  A bio is passed on with at least one sector (P11).
#pragma once

#include "models/interposer/dm/target.h"

namespace bioscope::dm {

class SnapshotOrigin final : public Target {
 public:
  static Constructed construct(const TargetArguments& arguments);

  MapResult map(blk::Bio& clone) override;
  void resume() override;
  void postsuspend() override;
  std::string status(StatusType type) override;
  bool iterate_devices(const DeviceVisitor& visit) override;

 private:
  SnapshotOrigin(const TargetArguments& arguments, DmDev& device);

  DmDev& device_;
  u32 split_boundary_ = 0;  // written in resume(), before any bio
};

}  // namespace bioscope::dm

// SPDX-License-Identifier: Apache-2.0
// zero: reads give zeroes, writes are dropped (drivers/md/dm-zero.c, R46).
#include <cstring>

#include "models/interposer/targets/arguments.h"
#include "models/interposer/targets/types.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {
namespace {

void zero_fill(blk::Bio& clone) {
  if (!planted(Defect::ZeroLeavesLastSegment)) return blk::bio_zero_fill(clone);
  std::vector<iovec> segments;
  blk::bio_copy_segments(clone, segments);
  segments.pop_back();
  for (const iovec& segment : segments) std::memset(segment.iov_base, 0, segment.iov_len);
}

class ZeroTarget final : public Target {
 public:
  explicit ZeroTarget(const TargetArguments& arguments) : Target(arguments) {
    num_discard_bios = 1;
    nowait_supported = true;
  }

  MapResult map(blk::Bio& clone) override {
    switch (clone.op) {
      case blk::BioOp::Read:
        // Zeroes that nobody asked for yet would only fill the page cache.
        if ((clone.opf & blk::kReqRahead) != 0) return MapResult::Kill;
        zero_fill(clone);
        break;
      case blk::BioOp::Write:
        if (planted(Defect::ZeroRefusesWrites)) return MapResult::Kill;
        break;
      default:
        return MapResult::Kill;
    }
    blk::bio_endio(clone);
    return MapResult::Submitted;
  }

  std::string status(StatusType) override { return {}; }
};

Constructed construct_zero(const TargetArguments& arguments) {
  if (!arguments.words.empty()) return refuse("No arguments required");
  return std::make_unique<ZeroTarget>(arguments);
}

}  // namespace

const TargetType kZeroType{.name = "zero", .construct = construct_zero};

}  // namespace bioscope::dm

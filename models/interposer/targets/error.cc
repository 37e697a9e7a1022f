// SPDX-License-Identifier: Apache-2.0
// error: all I/O fails (io_err_map, drivers/md/dm-target.c, R46). A flush without data finds no
// device below and succeeds.
#include "models/interposer/targets/types.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {
namespace {

class ErrorTarget final : public Target {
 public:
  explicit ErrorTarget(const TargetArguments& arguments) : Target(arguments) {
    num_discard_bios = 1;  // EIO for a discard, rather than EOPNOTSUPP
  }

  MapResult map(blk::Bio& clone) override {
    if (planted(Defect::ErrorSucceeds)) {
      blk::bio_endio(clone);
      return MapResult::Submitted;
    }
    return MapResult::Kill;
  }

  std::string status(StatusType) override { return {}; }
};

// io_err_ctr(): takes any arguments, and ignores them.
Constructed construct_error(const TargetArguments& arguments) {
  return std::make_unique<ErrorTarget>(arguments);
}

}  // namespace

const TargetType kErrorType{.name = "error", .construct = construct_error};

}  // namespace bioscope::dm

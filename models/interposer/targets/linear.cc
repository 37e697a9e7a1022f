// SPDX-License-Identifier: Apache-2.0
// linear: one part of one device (drivers/md/dm-linear.c, R46).
#include <cerrno>
#include <string>

#include "models/interposer/dm/table.h"
#include "models/interposer/targets/types.h"

namespace bioscope::dm {
namespace {

class LinearTarget final : public Target {
 public:
  LinearTarget(const TargetArguments& arguments, DmDev& device, u64 start_sector)
      : Target(arguments), device_(device), start_sector_(start_sector) {
    num_flush_bios = 1;
    num_discard_bios = 1;
    num_secure_erase_bios = 1;
    num_write_zeroes_bios = 1;
    nowait_supported = true;
  }

  MapResult map(blk::Bio& clone) override {
    blk::bio_set_dev(clone, device_.bdev);
    clone.iter.sector = start_sector_ + offset_of(clone.iter.sector);
    return MapResult::Remapped;
  }

  std::string status(StatusType status_type) override {
    if (status_type == StatusType::Info) return {};
    return device_.path + " " + std::to_string(start_sector_);
  }

  bool iterate_devices(const DeviceVisitor& visit) override {
    return visit(device_, start_sector_, count_sectors);
  }

 private:
  DmDev& device_;
  const u64 start_sector_;
};

Constructed construct_linear(const TargetArguments& arguments) {
  const auto refuse = [](int error, const char* message) {
    return std::unexpected(ConstructError{error, message});
  };
  if (arguments.words.size() != 2) return refuse(EINVAL, "Invalid argument count");
  const std::optional<u64> start_sector = parse_number(arguments.words[1]);
  if (!start_sector) return refuse(EINVAL, "Invalid device sector");
  DmDev* device = nullptr;
  if (const int error = arguments.table.get_device(arguments.words[0], device); error != 0) {
    return refuse(error, "Device lookup failed");
  }
  return std::make_unique<LinearTarget>(arguments, *device, *start_sector);
}

}  // namespace

const TargetType kLinearType{.name = "linear", .construct = construct_linear};

}  // namespace bioscope::dm

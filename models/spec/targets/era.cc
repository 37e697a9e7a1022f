// SPDX-License-Identifier: Apache-2.0
// era and log-writes: a data device and one for what they note (R51, R52; era_ctr, log_writes_ctr).
#include "models/spec/targets/target.h"

namespace bioscope::spec {

Parsed parse_era(Target target, const TargetWords& arguments) {
  constexpr u64 kLeastBlockSectors = 8;
  if (arguments.size() != 3) return refuse(rule(52));
  const auto block = parse_number(arguments[2]);
  if (!block || *block == 0 || *block % kLeastBlockSectors != 0 || *block > 0xffffffffULL) {
    return refuse(rule(52));
  }
  if (target.length_sectors / *block >= 1ULL << 31) return refuse(rule(52));
  target.chunk_sectors = *block;
  target.devices.push_back({arguments[0], 0, 0});
  target.devices.push_back({arguments[1], 0, target.length_sectors});
  return {std::move(target)};
}

Parsed parse_log_writes(Target target, const TargetWords& arguments) {
  if (arguments.size() < 2) return refuse(rule(51));
  target.devices.push_back({arguments[0], 0, target.length_sectors});
  target.devices.push_back({arguments[1], 0, 0});
  return {std::move(target)};
}

}  // namespace bioscope::spec

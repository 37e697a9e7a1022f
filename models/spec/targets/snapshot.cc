// SPDX-License-Identifier: Apache-2.0
// snapshot-origin, snapshot and snapshot-merge (R60, R72; origin_ctr, snapshot_ctr,
// dm_exception_store_create).
#include "models/spec/targets/target.h"

#include <bit>
#include <limits>

namespace bioscope::spec {

Parsed parse_origin(Target target, const TargetWords& arguments) {
  if (arguments.size() != 1) return refuse(rule(29));
  target.devices.push_back({arguments[0], 0, target.length_sectors});
  return {std::move(target)};
}

Parsed parse_snapshot(Target target, const TargetWords& arguments) {
  if (arguments.size() < 4) return refuse(rule(29));
  if (arguments.size() > 4) {
    const auto count = parse_number(arguments[4]);
    if (!count || *count > 2 || arguments.size() - 5 < *count) return refuse(rule(29));
    bool zeroes = false;
    bool passdown = false;
    for (std::size_t i = 5; i < 5 + *count; ++i) {
      if (arguments[i] == "discard_zeroes_cow") {
        zeroes = true;
      } else if (arguments[i] == "discard_passdown_origin") {
        passdown = true;
      } else {
        return refuse(rule(29));
      }
    }
    if (passdown && !zeroes) return refuse(rule(29));
    target.discard_features = zeroes;
  }
  const char store = arguments[2][0];
  if (store == 'N' || store == 'n') {
    if (target.type == TargetType::SnapshotMerge) return refuse(rule(72));
  } else if (store == 'P' || store == 'p') {
    target.persistent = true;
    if (arguments[2].size() > 1) {
      if (arguments[2][1] != 'O' && arguments[2][1] != 'o') return refuse(rule(29));
      target.overflow = true;
    }
  } else {
    return refuse(rule(29));
  }
  const auto chunk = parse_number(arguments[3]);
  constexpr u64 kMostSectors = std::numeric_limits<int>::max() >> 9;
  if (!chunk || *chunk > kMostSectors) return refuse(rule(60));
  if (*chunk == 0 && !target.persistent) return refuse(rule(60));
  if (*chunk != 0 && !std::has_single_bit(*chunk)) return refuse(rule(60));
  target.chunk_sectors = *chunk;
  target.devices.push_back({arguments[0], 0, target.length_sectors});
  target.devices.push_back({arguments[1], 0, 0});
  return {std::move(target)};
}

}  // namespace bioscope::spec

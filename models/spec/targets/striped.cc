// SPDX-License-Identifier: Apache-2.0
// striped: chunk k lies on stripe k mod n (R47; stripe_map_sector, stripe_ctr).
#include "models/spec/targets/target.h"

namespace bioscope::spec {

Parsed parse_striped(Target target, const TargetWords& arguments) {
  if (arguments.size() < 2) return refuse(rule(47));
  const auto stripes = parse_number(arguments[0]);
  const auto chunk = parse_number(arguments[1]);
  if (!stripes || *stripes == 0 || !chunk || *chunk == 0) return refuse(rule(47));
  if (target.length_sectors % *stripes != 0) return refuse(rule(47));
  const u64 width = target.length_sectors / *stripes;
  if (width % *chunk != 0) return refuse(rule(47));
  if (arguments.size() - 2 != 2 * *stripes) return refuse(rule(47));
  target.chunk_sectors = *chunk;
  for (std::size_t i = 2; i < arguments.size(); i += 2) {
    const auto start = parse_number(arguments[i + 1]);
    if (!start) return refuse(rule(47));
    target.devices.push_back({arguments[i], *start, width});
  }
  return {std::move(target)};
}

StripePlace stripe_of(const Target& target, u64 offset_sectors) {
  const u64 chunk = offset_sectors / target.chunk_sectors;
  const u64 within = offset_sectors % target.chunk_sectors;
  StripePlace place;
  place.stripe = static_cast<std::size_t>(chunk % target.devices.size());
  place.sector = chunk / target.devices.size() * target.chunk_sectors + within +
                 target.devices[place.stripe].start_sector;
  place.run_sectors = target.chunk_sectors - within;
  return place;
}

}  // namespace bioscope::spec

// SPDX-License-Identifier: Apache-2.0
// delay: one set of device, start and milliseconds for reads, a second for writes, a third for
// flushes (R48; delay_ctr).
#include "models/spec/targets/target.h"

namespace bioscope::spec {

Parsed parse_delay(Target target, const TargetWords& arguments) {
  if (arguments.size() != 3 && arguments.size() != 6 && arguments.size() != 9) {
    return refuse(rule(48));
  }
  for (std::size_t i = 0; i < arguments.size(); i += 3) {
    const auto start = parse_number(arguments[i + 1]);
    const auto milliseconds = parse_number(arguments[i + 2]);
    if (!start || !milliseconds || *milliseconds > 0xffffffffULL) return refuse(rule(48));
    target.delays[i / 3] = arguments[i + 2];
    target.devices.push_back({arguments[i], *start, target.length_sectors});
  }
  return {std::move(target)};
}

}  // namespace bioscope::spec

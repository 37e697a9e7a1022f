// SPDX-License-Identifier: Apache-2.0
// linear, and what is as plain: zero and error (R46).
#include "models/spec/targets/target.h"

namespace bioscope::spec {

Parsed parse_linear(Target target, const TargetWords& arguments) {
  if (arguments.size() != 2) return refuse(rule(46));
  const auto start = parse_number(arguments[1]);
  if (!start) return refuse(rule(46));
  target.devices.push_back({arguments[0], *start, target.length_sectors});
  return {std::move(target)};
}

Parsed parse_plain(Target target, const TargetWords& arguments) {
  // error takes and ignores arguments (io_err_ctr); zero does not.
  if (target.type == TargetType::Zero && !arguments.empty()) return refuse(rule(46));
  return {std::move(target)};
}

}  // namespace bioscope::spec

// SPDX-License-Identifier: Apache-2.0
// RapidCheck draws a seed of its own for each run; here the same run is the same run. RC_PARAMS
// ("seed=7 max_success=10000") chooses another one.
#include <cstdlib>

namespace bioscope {
namespace {

// Before main, and so before RapidCheck reads it at the first property.
[[maybe_unused]] const int kFixed = ::setenv("RC_PARAMS", "seed=1 max_success=2000", /*overwrite=*/0);

}  // namespace
}  // namespace bioscope

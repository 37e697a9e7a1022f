// SPDX-License-Identifier: Apache-2.0
// What era_dump of thin-provisioning-tools prints, as the text of an era-dump's Return.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bioscope {

// "era=CURRENT 0-3:1 4:2": runs of blocks with the era in which they were last written; blocks of
// era 0 are left out. A write set that is not yet folded into the array counts for its blocks.
// Nothing if the text is no dump.
std::optional<std::string> era_summary(std::string_view xml);

}  // namespace bioscope

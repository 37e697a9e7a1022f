// SPDX-License-Identifier: Apache-2.0
// Counts every reference to every block of era metadata and compares with the space map. For tests:
// reads the raw bytes itself, so that a mistake in the library cannot hide itself.
#pragma once

#include <string>
#include <vector>

#include "models/interposer/persistent_data/recording_store.h"

namespace bioscope::dm {

struct MetadataAudit {
  std::vector<std::string> wrong;  // a block is used and counted too low, or a structure is broken
  std::vector<std::string> leaks;  // a block is counted higher than it is used
};

MetadataAudit audit_metadata(const persistent_data::RecordingStore::Image& image);

}  // namespace bioscope::dm

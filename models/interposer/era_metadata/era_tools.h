// SPDX-License-Identifier: Apache-2.0
// The tools that the users of era metadata have, for tests: thin-provisioning-tools.
#pragma once

#include <optional>
#include <string>

#include "models/interposer/era_metadata/era_dump.h"
#include "models/interposer/persistent_data/recording_store.h"

namespace bioscope::dm {

// Whether era_check finds nothing wrong; `said` is what it printed.
bool era_check_passes(const persistent_data::RecordingStore::Image& image, std::string& said);

// What era_dump prints of the image: superblock (the fields that it shows), write sets, array.
// Nothing if it fails or prints no dump.
std::optional<EraDump> run_era_dump(const persistent_data::RecordingStore::Image& image);

// What era_restore makes of an XML text on a device of `blocks` blocks.
std::optional<persistent_data::RecordingStore::Image> run_era_restore(const std::string& xml,
                                                                      u64 blocks);

}  // namespace bioscope::dm

// SPDX-License-Identifier: Apache-2.0
// The cache that outlives a run: ${XDG_CACHE_HOME:-~/.cache}/bioscope. Entries are folders or files
// that appear whole, by a rename, so two processes can fill the cache at once.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "models/base/result.h"

namespace bioscope {

// Could not judge: neither XDG_CACHE_HOME nor HOME is set.
Result<std::filesystem::path> cache_directory();

// Returns `entry` if it exists; otherwise lets `fill` write into a fresh folder beside it and
// renames that folder to `entry`. A failure leaves nothing behind. When another process was faster,
// its entry is taken.
Result<std::filesystem::path> cached_folder(
    const std::filesystem::path& entry,
    const std::function<Result<void>(const std::filesystem::path&)>& fill);

}  // namespace bioscope

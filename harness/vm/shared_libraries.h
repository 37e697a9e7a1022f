// SPDX-License-Identifier: Apache-2.0
// What ldd prints, found by reading the files: ldd executes what it is asked about.
#pragma once

#include <filesystem>
#include <vector>

#include "models/base/result.h"

namespace bioscope {

// The interpreter and every shared library that an ELF program needs, directly or through others,
// sorted; none for a static program. RUNPATH, RPATH and $ORIGIN are heeded, then the standard
// folders. Could not judge: the file is no ELF file, or a library is not there.
Result<std::vector<std::filesystem::path>> shared_libraries_of(
    const std::filesystem::path& program);

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// The rules of the house, checked: who may include whom, that every source is built and every
// test registered, and that every file names its licence.
//   S1  A file includes only headers of its own folder and of the libraries that its target links.
//   S2  Arrows between folders point one way (kArrows in structure.cc, from the architecture).
//   S3  Every .cc file is a source of some target; every *_test.cc is one of a test.
//   S4  Every source, script and build file has an SPDX line.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "models/base/result.h"

namespace bioscope {

// `structure` is the file that bioscope_write_structure() in cmake/Bioscope.cmake writes. Each
// problem is one sentence that names the file. An Error: the structure file cannot be read.
Result<std::vector<std::string>> find_structure_problems(const std::filesystem::path& root,
                                                         const std::filesystem::path& structure);

}  // namespace bioscope

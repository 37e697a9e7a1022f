// SPDX-License-Identifier: Apache-2.0
// Where the parts of bioscope lie: beside the program, and in the source tree around it.
#pragma once

#include <filesystem>
#include <string>

#include "models/base/result.h"

namespace bioscope {

struct House {
  std::filesystem::path program;    // this executable
  std::filesystem::path agent;      // beside it
  std::filesystem::path probe;      // ../modules/bioscope_probe.ko; need not exist
  std::filesystem::path witnesses;  // harness/mutants/witnesses beside suites
  std::filesystem::path suites;     // the nearest folder "suites" above the program
};

// Could not judge: there is no folder suites/ above the program.
Result<House> find_house();

std::string today_utc();  // YYYY-MM-DD
std::string now_utc();    // YYYY-MM-DDTHH:MM:SSZ
double steady_seconds();
std::string host_description();  // "2 cores, AMD EPYC": what stands beside a time

}  // namespace bioscope

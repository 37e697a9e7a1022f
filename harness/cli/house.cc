// SPDX-License-Identifier: Apache-2.0
#include "harness/cli/house.h"

#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <string_view>
#include <thread>

namespace bioscope {
namespace {

namespace fs = std::filesystem;

std::string utc(const char* form) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, form, &parts);
  return std::string(text, size);
}

}  // namespace

Result<House> find_house() {
  std::error_code error;
  House house;
  house.program = fs::read_symlink("/proc/self/exe", error);
  if (error) return could_not_judge("/proc is not mounted, so bioscope cannot find its parts");
  const fs::path folder = house.program.parent_path();
  house.agent = folder / "bioscope-agent";
  house.probe = folder.parent_path() / "modules" / "bioscope_probe.ko";
  for (fs::path above = folder; above != above.root_path(); above = above.parent_path()) {
    if (!fs::exists(above / "suites" / "smoke.suite", error)) continue;
    house.suites = above / "suites";
    house.witnesses = above / "harness" / "mutants" / "witnesses";
    return house;
  }
  return could_not_judge(
      fmt::format("there is no folder suites above {}; run bioscope from where it was built",
                  house.program.string()));
}

std::string today_utc() {
  return utc("%Y-%m-%d");
}
std::string now_utc() {
  return utc("%Y-%m-%dT%H:%M:%SZ");
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string host_description() {
  constexpr std::string_view kModel = "model name\t: ";
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  std::string model = "unknown processor";
  while (std::getline(file, line)) {
    if (!line.starts_with(kModel)) continue;
    model = line.substr(kModel.size());
    break;
  }
  return fmt::format("{} cores, {}", std::thread::hardware_concurrency(), model);
}

}  // namespace bioscope

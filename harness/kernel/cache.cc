// SPDX-License-Identifier: Apache-2.0
#include "harness/kernel/cache.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <vector>

namespace bioscope {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kFillPrefix = ".fill-";

// A process that was killed while it filled an entry could not clean up; its folder carries its
// pid.
void remove_abandoned(const fs::path& parent) {
  std::error_code ignored;
  std::vector<fs::path> abandoned;
  for (const fs::directory_entry& item : fs::directory_iterator(parent, ignored)) {
    const std::string name = item.path().filename().string();
    if (!name.starts_with(kFillPrefix)) continue;
    pid_t pid = 0;
    std::from_chars(name.data() + kFillPrefix.size(), name.data() + name.size(), pid);
    if (pid > 0 && kill(pid, 0) != 0 && errno == ESRCH) abandoned.push_back(item.path());
  }
  for (const fs::path& path : abandoned) fs::remove_all(path, ignored);
}

}  // namespace

Result<fs::path> cache_directory() {
  const char* cache_home = std::getenv("XDG_CACHE_HOME");
  if (cache_home != nullptr && *cache_home != '\0') return fs::path(cache_home) / "bioscope";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return fs::path(home) / ".cache" / "bioscope";
  return could_not_judge(
      "there is no place for the cache: neither XDG_CACHE_HOME nor HOME is set; set one of them");
}

Result<fs::path> cached_folder(const fs::path& entry,
                               const std::function<Result<void>(const fs::path&)>& fill) {
  std::error_code error;
  if (fs::is_directory(entry, error)) return entry;
  const fs::path parent = entry.parent_path();
  fs::create_directories(parent, error);
  if (error) {
    return could_not_judge(
        fmt::format("cannot make the cache folder {}: {}; set XDG_CACHE_HOME to "
                    "a folder that can be written",
                    parent.string(), error.message()));
  }
  remove_abandoned(parent);
  std::string folder = (parent / fmt::format("{}{}-XXXXXX", kFillPrefix, getpid())).string();
  if (mkdtemp(folder.data()) == nullptr) {
    return could_not_judge(
        fmt::format("cannot make a folder in {}: {}; set XDG_CACHE_HOME to a folder that can be "
                    "written",
                    parent.string(), std::strerror(errno)));
  }
  fs::permissions(folder,
                  fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                      fs::perms::others_read | fs::perms::others_exec,
                  error);
  const Result<void> filled = fill(folder);
  if (filled) {
    fs::rename(folder, entry, error);
    if (!error) return entry;
  }
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  if (!filled) return std::unexpected(filled.error());
  if (fs::is_directory(entry, ignored)) return entry;
  return could_not_judge(
      fmt::format("cannot put {} into the cache: {}", entry.string(), error.message()));
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// bioscope kernel: Debian's stock kernel, and which kernels the cache holds.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/cli/command_line.h"
#include "harness/cli/commands.h"
#include "harness/kernel/cache.h"
#include "harness/kernel/fetch.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;

int fetch() {
  const auto kernel =
      fetch_debian_kernel([](std::string_view line) { fmt::print(stderr, "{}\n", line); });
  if (!kernel) return fail_with(kernel.error());
  fmt::print("{} ({})\n{}\n", kernel->release, kernel->version, kernel->bzimage.string());
  return 0;
}

int list() {
  const auto cache = cache_directory();
  if (!cache) return fail_with(cache.error());
  std::vector<std::string> images;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(*cache, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().starts_with("vmlinuz-")) {
      images.push_back(entry->path().string());
    }
  }
  std::ranges::sort(images);
  for (const std::string& image : images) fmt::print("{}\n", image);
  if (images.empty())
    fmt::print(stderr, "no kernel is in the cache; bioscope kernel fetch gets one\n");
  return 0;
}

}  // namespace

void add_kernel_command(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("kernel", "Kernels to be judged");
  command->require_subcommand(1);
  command->add_subcommand("fetch", "Gets Debian's cloud kernel of the day; installs nothing")
      ->callback([&status] { status = fetch(); });
  command->add_subcommand("list", "The kernels in the cache")->callback([&status] {
    status = list();
  });
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "harness/cli/traces.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "models/trace/text.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> contents_of(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return std::nullopt;
  return std::move(text).str();
}

// Sorted, so that a plan never depends on the order of a directory.
std::vector<std::string> traces_below(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".trace") {
      found.push_back(entry->path().lexically_relative(folder).generic_string());
    }
  }
  std::ranges::sort(found);
  return found;
}

std::string suites_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".suite") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

Result<Trace> read_trace(const fs::path& path) {
  const auto text = contents_of(path);
  if (!text) return bad_input(fmt::format("the trace {} cannot be read", path.string()));
  return parse_trace(*text, path.string());
}

Result<std::vector<Job>> read_traces_below(const fs::path& folder) {
  std::vector<Job> jobs;
  for (const std::string& name : traces_below(folder)) {
    auto trace = read_trace(folder / name);
    if (!trace) return std::unexpected(trace.error());
    jobs.push_back({name, std::move(*trace)});
  }
  if (jobs.empty()) return bad_input(fmt::format("there is no trace below {}", folder.string()));
  return jobs;
}

Result<LoadedSuite> load_suite(const std::string& name, const fs::path& suites) {
  const bool is_path = name.contains('/') || name.ends_with(".suite");
  const fs::path path = is_path ? fs::path(name) : suites / (name + ".suite");
  const auto text = contents_of(path);
  if (!text) {
    return bad_input(
        fmt::format("there is no suite {}; there are {}, or name a file", name, suites_in(suites)));
  }
  auto suite = parse_suite(*text, path.filename().string());
  if (!suite) return std::unexpected(suite.error());
  const fs::path folder = is_path ? fs::absolute(path).parent_path() : suites;
  auto planned = plan_traces(*suite, traces_below(folder));
  if (!planned) return std::unexpected(planned.error());
  LoadedSuite loaded{path.stem().string(), std::move(*suite), {}};
  for (PlannedTrace& one : *planned) {
    auto trace = read_trace(folder / one.path);
    if (!trace) return std::unexpected(trace.error());
    loaded.entries.push_back({std::move(one), std::move(*trace)});
  }
  return loaded;
}

}  // namespace bioscope

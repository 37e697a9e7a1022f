// SPDX-License-Identifier: Apache-2.0
#include "ci/structure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string_view>

namespace bioscope {
namespace {

namespace fs = std::filesystem;

// The first folder may include the second, and itself. What is not here is a wrong arrow.
constexpr auto kArrows = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"models/trace", "models/base"},
    {"models/channel", "models/base"},
    {"models/channel", "models/trace"},
    {"models/spec", "models/base"},
    {"models/spec", "models/trace"},
    {"models/disk", "models/base"},
    {"models/disk", "models/trace"},
    {"models/runtime", "models/base"},
    {"models/runtime", "models/trace"},
    {"models/runtime", "models/disk"},
    {"models/interposer", "models/base"},
    {"models/interposer", "models/runtime"},
    {"models/interposer/dm", "models/interposer/block"},
    {"models/interposer/stress", "models/interposer/block"},
    {"models/interposer/stress", "models/interposer/dm"},
    {"models/interposer/targets", "models/interposer/block"},
    {"models/interposer/targets", "models/interposer/dm"},
    {"models/interposer/targets", "models/interposer/persistent_data"},
    {"models/interposer/targets", "models/interposer/era_metadata"},
    {"models/interposer/era_metadata", "models/interposer/persistent_data"},
    {"models/interposer/stress", "models/interposer/block"},
    {"models/interposer/stress", "models/interposer/dm"},
    {"vm-images/probe", "models/base"},
    {"vm-images/agent", "models/base"},
    {"vm-images/agent", "models/trace"},
    {"vm-images/agent", "models/channel"},
    {"vm-images/agent", "models/disk"},
    {"vm-images/agent", "vm-images/probe"},
    {"harness/generate", "models"},
    {"harness/finding", "models"},
    {"harness/check", "models"},
    {"harness/check", "harness/finding"},
    {"harness/kernel", "models"},
    {"harness/vm", "models"},
    {"harness/vm", "harness/kernel"},
    {"harness/subject", "models"},
    {"harness/subject", "harness/kernel"},
    {"harness/subject", "harness/vm"},
    {"harness/subject/reference", "harness/check"},
    {"harness/subject/reference", "harness/finding"},
    {"harness/report", "models"},
    {"harness/report", "harness/finding"},
    {"harness/gate", "models"},
    {"harness/gate", "harness/check"},
    {"harness/gate", "harness/finding"},
    {"harness/gate", "harness/generate"},
    {"harness/gate", "harness/kernel"},
    {"harness/gate", "harness/report"},
    {"harness/gate", "harness/subject"},
    {"harness/gate", "harness/vm"},
    {"harness/repro", "models"},
    {"harness/repro", "harness/check"},
    {"harness/repro", "harness/finding"},
    {"harness/repro", "harness/generate"},
    {"harness/mutants", "models"},
    {"harness/mutants", "harness/check"},
    {"harness/mutants", "harness/finding"},
    {"harness/mutants", "harness/generate"},
    {"harness/mutants", "harness/repro"},
    {"harness/mutants", "harness/subject"},
    {"harness/cli", "models"},
    {"harness/cli", "harness"},
    {"property-tests", "models"},
    {"property-tests", "harness"},
    {"fuzz", "models"},
    {"bench", "models"},
    {"bench", "harness"},
    {"ci", "models/base"},
});

constexpr std::array<std::string_view, 8> kTopFolders{
    "models", "harness", "vm-images", "property-tests", "fuzz", "bench", "ci", "cmake"};

bool is_within(std::string_view folder, std::string_view parent) {
  return folder == parent || (folder.starts_with(parent) && folder.size() > parent.size() &&
                              folder[parent.size()] == '/');
}

bool arrow_allowed(std::string_view from, std::string_view to) {
  if (is_within(to, from) || is_within(from, to)) return true;
  return std::ranges::any_of(kArrows, [&](const auto& arrow) {
    return is_within(from, arrow.first) && is_within(to, arrow.second);
  });
}

std::string folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> includes_of(const std::string& text) {
  constexpr std::string_view kInclude = "#include \"";
  std::vector<std::string> includes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(kInclude)) continue;
    const std::size_t end = line.find('"', kInclude.size());
    includes.push_back(line.substr(kInclude.size(), end - kInclude.size()));
  }
  return includes;
}

class House {
 public:
  explicit House(fs::path root) : root_(std::move(root)) {}

  bool read_structure(const fs::path& path) {
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      std::string kind;
      std::string name;
      std::string value;
      words >> kind >> name >> value;
      if (kind == "link") {
        links_[name].insert(value);
      } else if (kind == "source") {
        targets_of_[value].push_back(name);
      } else if (!kind.empty()) {
        folder_of_target_[name] = value;
        if (kind == "test") tests_.insert(name);
      }
    }
    return !folder_of_target_.empty();
  }

  std::vector<std::string> problems() {
    for (std::string_view top : kTopFolders) {
      if (!fs::is_directory(root_ / top)) continue;
      for (const auto& entry : fs::recursive_directory_iterator(root_ / top)) {
        if (entry.is_regular_file()) file(fs::relative(entry.path(), root_).generic_string());
      }
    }
    std::ranges::sort(problems_);
    return std::move(problems_);
  }

 private:
  void file(const std::string& path) {
    const bool source = path.ends_with(".cc");
    const bool header = path.ends_with(".h");
    const bool build = path.ends_with("CMakeLists.txt") || path.ends_with(".cmake");
    const std::string text = read_file(root_ / path);
    if ((source || header || build || text.starts_with("#!")) &&
        text.substr(0, 200).find("SPDX-License-Identifier: ") == std::string::npos) {
      problems_.push_back(fmt::format("{}: has no SPDX line at its head", path));
    }
    if (source) registered(path);
    if (source || header) {
      for (const std::string& include : includes_of(text)) arrow(path, include);
    }
  }

  void registered(const std::string& path) {
    const auto targets = targets_of_.find(path);
    if (targets == targets_of_.end()) {
      problems_.push_back(fmt::format("{}: is built by no target", path));
      return;
    }
    if (!path.ends_with("_test.cc")) return;
    if (std::ranges::none_of(targets->second,
                             [&](const std::string& name) { return tests_.contains(name); })) {
      problems_.push_back(fmt::format("{}: is a test that ctest does not run", path));
    }
  }

  // The targets that compile a file; for a header, the libraries and tests of its folder.
  std::vector<std::string> targets_with(const std::string& path) const {
    if (const auto found = targets_of_.find(path); found != targets_of_.end()) {
      return found->second;
    }
    std::vector<std::string> targets;
    for (const auto& [name, folder] : folder_of_target_) {
      if (is_within(path, folder)) targets.push_back(name);
    }
    return targets;
  }

  bool links(const std::string& target, const std::string& folder) const {
    const auto found = links_.find(target);
    if (found == links_.end()) return false;
    return std::ranges::any_of(found->second, [&](const std::string& link) {
      const auto owner = folder_of_target_.find(link);
      if (owner == folder_of_target_.end()) return false;
      // A test also speaks the language of what the library under test is made of.
      return is_within(folder, owner->second) || (tests_.contains(target) && links(link, folder));
    });
  }

  bool any_links(const std::vector<std::string>& targets, const std::string& folder) const {
    return std::ranges::any_of(targets,
                               [&](const std::string& target) { return links(target, folder); });
  }

  void arrow(const std::string& path, const std::string& include) {
    const std::string from = folder_of(path);
    const std::string to = folder_of(include);
    if (!fs::exists(root_ / include)) {
      problems_.push_back(fmt::format("{}: includes \"{}\", which is not there", path, include));
      return;
    }
    if (from == to) return;
    if (!arrow_allowed(from, to)) {
      problems_.push_back(fmt::format(
          "{}: includes \"{}\", an arrow that the architecture does not have", path, include));
      return;
    }
    const std::vector<std::string> targets = targets_with(path);
    const bool same_target_folder = std::ranges::any_of(targets, [&](const std::string& target) {
      return is_within(to, folder_of_target_.at(target));
    });
    if (!same_target_folder && !any_links(targets, to)) {
      problems_.push_back(fmt::format("{}: includes \"{}\", whose library its target does not link",
                                      path, include));
    }
  }

  fs::path root_;
  std::map<std::string, std::set<std::string>> links_;
  std::map<std::string, std::vector<std::string>> targets_of_;
  std::map<std::string, std::string> folder_of_target_;
  std::set<std::string> tests_;
  std::vector<std::string> problems_;
};

}  // namespace

Result<std::vector<std::string>> find_structure_problems(const fs::path& root,
                                                         const fs::path& structure) {
  House house(root);
  if (!house.read_structure(structure)) {
    return could_not_judge(
        fmt::format("{} holds no structure: configure with CMake first", structure.string()));
  }
  return house.problems();
}

}  // namespace bioscope

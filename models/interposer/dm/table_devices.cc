// SPDX-License-Identifier: Apache-2.0
// dm_get_device(), and which device of a table is reached below its interposer.
#include <cerrno>

#include "models/interposer/block/system.h"
#include "models/interposer/dm/device_mapper.h"
#include "models/interposer/dm/table.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {
namespace {

// A path as a table has it: "d0" or "[interpose]d0".
struct DevicePath {
  bool prefixed = false;
  std::string name;
  int error = 0;
};

DevicePath parse_path(const std::string& path) {
  if (!path.starts_with('[')) return {.prefixed = false, .name = path, .error = 0};
  const std::string_view prefix = planted(Defect::BracketPrefixLoose)
                                      ? kInterposePrefix.substr(0, kInterposePrefix.size() - 1)
                                      : kInterposePrefix;
  if (!path.starts_with(prefix)) return {.prefixed = true, .name = {}, .error = EINVAL};
  if (path.size() <= kInterposePrefix.size()) {
    return {.prefixed = true, .name = {}, .error = ENODEV};
  }
  return {.prefixed = true, .name = path.substr(kInterposePrefix.size()), .error = 0};
}

}  // namespace

// A constructor may name the plain device before the prefixed one, and opens it then: so the lines
// are looked through first. What is wrong with a path is said when it is opened.
int Table::find_prefixed(const std::vector<TargetLine>& lines) {
  if (!interposes_) return 0;
  for (const TargetLine& line : lines) {
    for (const std::string& word : line.words) {
      const DevicePath path = parse_path(word);
      if (!path.prefixed || path.error != 0) continue;
      if (!prefixed_.empty() && prefixed_ != path.name) return EINVAL;
      prefixed_ = path.name;
    }
  }
  return 0;
}

// Is it the one that the table interposes? Without a prefix it is the only one (B3).
bool Table::is_interposed(const std::string& name) const {
  if (!interposes_) return false;
  return prefixed_.empty() || prefixed_ == name;
}

int Table::get_device(const std::string& path, DmDev*& device) {
  const DevicePath parsed = parse_path(path);
  if (parsed.error != 0) return parsed.error;
  if (const auto found = devices_.find(path); found != devices_.end()) {
    device = found->second.get();
    return 0;
  }
  const bool interposed = is_interposed(parsed.name);
  const bool below = interposed || parsed.prefixed;
  blk::BlockDevice* bdev = nullptr;
  const void* holder = below ? nullptr : &device_mapper();
  const int error = device_mapper().system().open(parsed.name, holder, bdev);
  if (error != 0) return error;
  const bool another = interposed && interposed_ != nullptr && interposed_ != bdev;
  // A device below itself would send every bio round for ever.
  if (another || (interposed && &bdev->disk() == &owner_.disk())) {
    bdev->close(holder);
    return EINVAL;
  }
  if (interposed) interposed_ = bdev;
  auto opened = std::make_unique<DmDev>();
  opened->bdev = below ? &bdev->below() : bdev;
  opened->name = parsed.name;
  opened->path = path;
  opened->claimed = !below;
  device = opened.get();
  devices_.emplace(path, std::move(opened));
  return 0;
}

}  // namespace bioscope::dm

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
      if (!word.starts_with('[')) continue;
      const DevicePath path = parse_path(word);
      blk::BlockDevice* bdev = path.error == 0 ? device_mapper().system().find(path.name) : nullptr;
      if (bdev == nullptr) continue;
      if (prefixed_ != nullptr && prefixed_ != bdev) return EINVAL;
      prefixed_ = bdev;
    }
  }
  return 0;
}

// B3: which one is it, and does this path mean it?
int Table::choose_interposed(blk::BlockDevice& bdev, bool prefixed, bool& below) {
  below = prefixed;
  if (!interposes_) return 0;
  if (prefixed_ != nullptr) {
    below = &bdev == prefixed_;
    if (below) interposed_ = &bdev;
  } else {
    // Without a prefix it is the only one.
    if (interposed_ != nullptr && interposed_ != &bdev) return EINVAL;
    interposed_ = &bdev;
    below = true;
  }
  // A device below itself would send every bio round for ever.
  return below && &bdev.disk() == &owner_.disk() ? EINVAL : 0;
}

int Table::get_device(const std::string& path, DmDev*& device) {
  const DevicePath parsed = parse_path(path);
  if (parsed.error != 0) return parsed.error;
  if (const auto found = devices_.find(path); found != devices_.end()) {
    device = found->second.get();
    return 0;
  }
  blk::BlockDevice* bdev = device_mapper().system().find(parsed.name);
  if (bdev == nullptr) return ENODEV;
  bool below = false;
  if (const int error = choose_interposed(*bdev, parsed.prefixed, below); error != 0) return error;
  const bool claim = !below;
  if (const int error = bdev->open(claim ? &device_mapper() : nullptr); error != 0) return error;
  auto opened = std::make_unique<DmDev>();
  opened->bdev = below ? &bdev->below() : bdev;
  opened->name = parsed.name;
  opened->path = path;
  opened->claimed = claim;
  device = opened.get();
  devices_.emplace(path, std::move(opened));
  return 0;
}

}  // namespace bioscope::dm

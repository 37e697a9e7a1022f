// SPDX-License-Identifier: Apache-2.0
// Which block device a name of the trace stands for now, and the words of tables in both
// directions: the kernel knows "253:0", the trace knows "org".
#pragma once

#include <sys/types.h>

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/base/types.h"

namespace bioscope {

struct BlockDevice {
  std::string name;  // in the trace
  std::string node;  // /dev/..
  u32 major = 0;
  u32 minor = 0;
  bool is_disk = false;  // else a mapped device or a partition
  dev_t number() const;
};

// Thread-safe.
class DeviceTable {
 public:
  // Takes the place of a device of the same name or number.
  void add(BlockDevice device);
  void remove(const std::string& name);
  void rename(const std::string& from, const std::string& to);

  std::optional<BlockDevice> find(std::string_view name) const;
  // In the order in which they were added.
  std::vector<BlockDevice> all() const;

  // "linear d0 0" -> "linear 252:0 0": a word that is a device's name becomes its number.
  std::string to_kernel(std::string_view words) const;
  // The other way: a word "MAJOR:MINOR" of a known device becomes its name.
  std::string from_kernel(std::string_view words) const;
  std::string name_of(u32 major, u32 minor) const;

 private:
  mutable std::mutex mutex_;
  std::vector<BlockDevice> devices_;
};

// One line of a table: "START LENGTH TYPE PARAMETERS".
struct TargetLine {
  u64 start_sector = 0;
  u64 length_sectors = 0;
  std::string type;
  std::string parameters;
  bool operator==(const TargetLine&) const = default;
};

// Splits a table at ';' and its lines into words; nothing if a line does not begin with two numbers
// and a type.
std::optional<std::vector<TargetLine>> parse_table(std::string_view table);

// Words separated by single blanks, without blanks at the ends.
std::string tidy_words(std::string_view text);
std::vector<std::string> words_of(std::string_view text);

}  // namespace bioscope

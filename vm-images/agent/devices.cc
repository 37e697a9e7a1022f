// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/devices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace bioscope {
namespace {

std::optional<u64> number_of(const std::string& word) {
  u64 value = 0;
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value);
  if (error != std::errc{} || stop != end || word.empty()) return std::nullopt;
  return value;
}

}  // namespace

dev_t BlockDevice::number() const {
  return makedev(major, minor);
}

void DeviceTable::add(BlockDevice device) {
  const std::lock_guard lock(mutex_);
  std::erase_if(devices_, [&device](const BlockDevice& known) {
    return known.name == device.name || known.number() == device.number();
  });
  devices_.push_back(std::move(device));
}

void DeviceTable::remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::erase_if(devices_, [&name](const BlockDevice& known) { return known.name == name; });
}

void DeviceTable::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(devices_, from, &BlockDevice::name);
  if (found != devices_.end()) found->name = to;
}

std::optional<BlockDevice> DeviceTable::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(devices_, name, &BlockDevice::name);
  if (found == devices_.end()) return std::nullopt;
  return *found;
}

std::vector<BlockDevice> DeviceTable::all() const {
  const std::lock_guard lock(mutex_);
  return devices_;
}

std::string DeviceTable::to_kernel(std::string_view words) const {
  std::vector<std::string> list = words_of(words);
  for (std::string& word : list) {
    if (const auto device = find(word)) word = fmt::format("{}:{}", device->major, device->minor);
  }
  return fmt::format("{}", fmt::join(list, " "));
}

std::string DeviceTable::from_kernel(std::string_view words) const {
  std::vector<std::string> list = words_of(words);
  for (std::string& word : list) {
    const std::size_t colon = word.find(':');
    if (colon == std::string::npos) continue;
    const auto major = number_of(word.substr(0, colon));
    const auto minor = number_of(word.substr(colon + 1));
    if (!major || !minor) continue;
    const std::string name = name_of(static_cast<u32>(*major), static_cast<u32>(*minor));
    if (!name.empty()) word = name;
  }
  return fmt::format("{}", fmt::join(list, " "));
}

std::string DeviceTable::name_of(u32 major, u32 minor) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(devices_, [&](const BlockDevice& device) {
    return device.major == major && device.minor == minor;
  });
  return found == devices_.end() ? std::string() : found->name;
}

std::optional<std::vector<TargetLine>> parse_table(std::string_view table) {
  std::vector<TargetLine> lines;
  for (;;) {
    const std::size_t end = table.find(';');
    const std::vector<std::string> words = words_of(table.substr(0, end));
    if (!words.empty()) {
      if (words.size() < 3) return std::nullopt;
      const auto start = number_of(words[0]);
      const auto length = number_of(words[1]);
      if (!start || !length) return std::nullopt;
      lines.push_back({*start, *length, words[2],
                       fmt::format("{}", fmt::join(words.begin() + 3, words.end(), " "))});
    }
    if (end == std::string_view::npos) return lines;
    table.remove_prefix(end + 1);
  }
}

std::string tidy_words(std::string_view text) {
  return fmt::format("{}", fmt::join(words_of(text), " "));
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  constexpr std::string_view kBlanks = " \t\n";
  std::size_t start = text.find_first_not_of(kBlanks);
  while (start != std::string_view::npos) {
    const std::size_t end = text.find_first_of(kBlanks, start);
    words.emplace_back(text.substr(start, end - start));
    start = text.find_first_not_of(kBlanks, end == std::string_view::npos ? text.size() : end);
  }
  return words;
}

}  // namespace bioscope

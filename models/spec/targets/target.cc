// SPDX-License-Identifier: Apache-2.0
#include "models/spec/targets/target.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

namespace bioscope::spec {
namespace {

using Parse = Parsed (*)(Target, const TargetWords&);
struct Type {
  TargetType type;
  std::string_view name;
  Parse parse;
};
constexpr std::array<Type, 11> kTypes{{
    {TargetType::Linear, "linear", parse_linear},
    {TargetType::Striped, "striped", parse_striped},
    {TargetType::Zero, "zero", parse_plain},
    {TargetType::Error, "error", parse_plain},
    {TargetType::Delay, "delay", parse_delay},
    {TargetType::Flakey, "flakey", parse_flakey},
    {TargetType::LogWrites, "log-writes", parse_log_writes},
    {TargetType::SnapshotOrigin, "snapshot-origin", parse_origin},
    {TargetType::Snapshot, "snapshot", parse_snapshot},
    {TargetType::SnapshotMerge, "snapshot-merge", parse_snapshot},
    {TargetType::Era, "era", parse_era},
}};

// Types of a stock kernel that this specification does not describe.
constexpr std::array<std::string_view, 14> kForeign{
    "cache", "clone", "crypt",  "dust",   "ebs", "integrity",  "mirror",
    "raid",  "thin",  "switch", "verity", "vdo", "writecache", "thin-pool"};

}  // namespace

std::string_view name_of(TargetType type) {
  return kTypes[static_cast<std::size_t>(type)].name;
}

Parsed refuse(RuleId rule) {
  Parsed parsed;
  parsed.refused_by = rule;
  return parsed;
}

std::optional<u64> parse_number(std::string_view word) {
  u64 number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (word.empty() || error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return number;
}

Parsed parse_target(const TargetWords& words) {
  const auto begin = parse_number(words[0]);
  const auto length = parse_number(words[1]);
  if (!begin || !length || *length == 0) return refuse(rule(29));
  for (const Type& type : kTypes) {
    if (type.name != words[2]) continue;
    Target target;
    target.type = type.type;
    target.begin_sector = *begin;
    target.length_sectors = *length;
    Parsed parsed = type.parse(std::move(target), TargetWords(words.begin() + 3, words.end()));
    if (parsed.refused_by == RuleId::None) parse_prefixes(parsed);
    return parsed;
  }
  for (const std::string_view foreign : kForeign) {
    if (foreign == words[2]) {
      Parsed parsed;
      parsed.unsupported = fmt::format("the specification does not know the target {}", words[2]);
      return parsed;
    }
  }
  return refuse(rule(29));
}

void parse_prefixes(Parsed& parsed) {
  for (TargetDevice& device : parsed.target.devices) {
    if (!device.name.starts_with('[')) continue;
    const bool right = device.name.starts_with(kInterposePrefix);
    if (!right || device.name.size() == kInterposePrefix.size()) {
      parsed.refused_by = rule(29);
      parsed.error = right ? ENODEV : EINVAL;
      return;
    }
    device.name.erase(0, kInterposePrefix.size());
    device.prefixed = true;
  }
}

std::string table_line(const Target& target) {
  std::string line =
      fmt::format("{} {} {}", target.begin_sector, target.length_sectors, name_of(target.type));
  std::vector<TargetDevice> devices = target.devices;
  for (TargetDevice& device : devices) {
    if (device.prefixed) device.name.insert(0, kInterposePrefix);
  }
  switch (target.type) {
    case TargetType::Zero:
    case TargetType::Error:
      break;
    case TargetType::Linear:
      line += fmt::format(" {} {}", devices[0].name, devices[0].start_sector);
      break;
    case TargetType::Striped:
      line += fmt::format(" {} {}", devices.size(), target.chunk_sectors);
      for (const TargetDevice& device : devices) {
        line += fmt::format(" {} {}", device.name, device.start_sector);
      }
      break;
    case TargetType::Delay:
      for (std::size_t i = 0; i < devices.size(); ++i) {
        line +=
            fmt::format(" {} {} {}", devices[i].name, devices[i].start_sector, target.delays[i]);
      }
      break;
    case TargetType::Flakey:
      line += fmt::format(" {} {} {} {} {}", devices[0].name, devices[0].start_sector,
                          target.up_seconds, target.down_seconds, target.features);
      break;
    case TargetType::LogWrites:
      line += fmt::format(" {} {}", devices[0].name, devices[1].name);
      break;
    case TargetType::SnapshotOrigin:
      line += " " + devices[0].name;
      break;
    case TargetType::Snapshot:
    case TargetType::SnapshotMerge:
      line += fmt::format(" {} {} {} {}", devices[0].name, devices[1].name,
                          !target.persistent ? "N"
                          : target.overflow  ? "PO"
                                             : "P",
                          target.chunk_sectors);
      break;
    case TargetType::Era:
      line += fmt::format(" {} {} {}", devices[0].name, devices[1].name, target.chunk_sectors);
      break;
  }
  return line;
}

}  // namespace bioscope::spec

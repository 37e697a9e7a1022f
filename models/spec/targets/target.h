// SPDX-License-Identifier: Apache-2.0
// One line of a table as its constructor understands it, and where each target sends a sector.
// Pure functions: devices stay names until the table is loaded.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/spec/rule.h"
#include "models/trace/table.h"

namespace bioscope::spec {

enum class TargetType : u8 {
  Linear,
  Striped,
  Zero,
  Error,
  Delay,
  Flakey,
  LogWrites,
  SnapshotOrigin,
  Snapshot,
  SnapshotMerge,
  Era,
};

struct TargetDevice {
  std::string name;
  u64 start_sector = 0;
  u64 span_sectors = 0;   // how much of the device the target reaches, from start_sector
  u32 device = 0;         // set by the load
  bool prefixed = false;  // the table says [interpose]
  bool below = false;     // opened below its interposer; set by the load
};

inline constexpr std::string_view kInterposePrefix = "[interpose]";

enum class DownMode : u8 { Error, DropWrites, ErrorWrites, Corrupt };

struct Target {
  TargetType type = TargetType::Linear;
  u64 begin_sector = 0;
  u64 length_sectors = 0;
  std::vector<TargetDevice> devices;  // in the order of the arguments

  u64 chunk_sectors = 0;    // striped, snapshot (0: the default), era's block
  bool persistent = false;  // snapshot: P or PO
  bool overflow = false;    // snapshot: PO
  bool discard_features = false;
  u64 up_seconds = 0;  // flakey
  u64 down_seconds = 0;
  DownMode down = DownMode::Error;
  std::string features;   // flakey: as the table prints them
  std::string delays[3];  // delay: as the table prints them
  u64 made_least_ms = 0;  // flakey: when its constructor ran, set by the load
  u64 made_most_ms = 0;
  u32 store = 0;     // snapshot, era: set by the load
  u32 instance = 0;  // snapshot: set by the load

  u64 end_sector() const { return begin_sector + length_sectors; }
};

// What a constructor says. `rule` is the one that refuses; `unsupported` says what this
// specification does not know about a table that the kernel may well take.
struct Parsed {
  Target target;
  RuleId refused_by = RuleId::None;
  int error = 0;  // what it says for certain, if only one errno is possible
  std::string unsupported;
};

std::string_view name_of(TargetType type);

// REQUIRES: words.size() >= 3: begin, length, type and the arguments.
Parsed parse_target(const TargetWords& words);

// The arguments of each type, words after the third.
Parsed parse_linear(Target target, const TargetWords& arguments);
Parsed parse_striped(Target target, const TargetWords& arguments);
Parsed parse_plain(Target target, const TargetWords& arguments);
Parsed parse_delay(Target target, const TargetWords& arguments);
Parsed parse_flakey(Target target, const TargetWords& arguments);
Parsed parse_log_writes(Target target, const TargetWords& arguments);
Parsed parse_origin(Target target, const TargetWords& arguments);
Parsed parse_snapshot(Target target, const TargetWords& arguments);
Parsed parse_era(Target target, const TargetWords& arguments);

Parsed refuse(RuleId rule);

// Takes the [interpose] prefixes off the devices' names: EINVAL for other text in brackets,
// ENODEV where no name follows.
void parse_prefixes(Parsed& parsed);
std::optional<u64> parse_number(std::string_view word);

// The line that `dmsetup table` prints.
std::string table_line(const Target& target);

// Striped (R47): the stripe and the sector on it.
struct StripePlace {
  std::size_t stripe = 0;
  u64 sector = 0;
  u64 run_sectors = 0;  // as far as the chunk goes
};
StripePlace stripe_of(const Target& target, u64 offset_sectors);

}  // namespace bioscope::spec

// SPDX-License-Identifier: Apache-2.0
// flakey: as linear, but in turn up and down by the clock; down, it fails, drops or corrupts
// (drivers/md/dm-flakey.c, R46, R49, R50).
//
// Invariants:
//   F1  Whether it is down is decided once for each bio, when it is mapped.
//   F2  The clock starts with the constructor: a table that is loaded late is late in its cycle.
//   F3  drop_writes, error_writes and the corruption of writes exclude each other.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "models/interposer/dm/table.h"
#include "models/interposer/targets/arguments.h"
#include "models/interposer/targets/types.h"
#include "models/interposer/variants.h"
#include "models/runtime/clock.h"

namespace bioscope::dm {
namespace {

constexpr u32 kMostU32 = std::numeric_limits<u32>::max();

// corrupt_bio_byte.
struct Corruption {
  u32 nth_byte = 0;  // from 1
  bool of_writes = false;
  u8 value = 0;
  u32 flags = 0;  // bits of 6.1's bi_opf that a bio must all have
};

struct Features {
  bool drop_writes = false;
  bool error_writes = false;
  std::optional<Corruption> corrupt;
};

// bi_opf as the numbers of include/linux/blk_types.h 6.1 say it: what a table's mask is made for.
u32 kernel_opf(const blk::Bio& bio) {
  constexpr u32 kOperations[] = {0, 1, 2, 3, 5, 9};  // by BioOp
  constexpr struct {
    blk::OpFlags flag;
    u32 bit;
  } kFlags[] = {
      {blk::kReqSync, 11},   {blk::kReqMeta, 12},     {blk::kReqNoMerge, 14},
      {blk::kReqFua, 17},    {blk::kReqPreflush, 18}, {blk::kReqRahead, 19},
      {blk::kReqNowait, 21}, {blk::kReqNoUnmap, 27},
  };
  u32 opf = kOperations[static_cast<std::size_t>(bio.op)];
  for (const auto& [flag, bit] : kFlags) {
    if ((bio.opf & flag) != 0) opf |= 1U << bit;
  }
  return opf;
}

// struct per_bio_data.
struct Submitted {
  bool while_down = false;
  blk::BvecIter iter;  // what was asked for: below, the clone's own iterator may be used up
};

class Flakey final : public Target {
 public:
  explicit Flakey(const TargetArguments& arguments)
      : Target(arguments), started_ms_(rt::now_ms()) {  // F2
    num_flush_bios = 1;
    num_discard_bios = 1;
  }

  MapResult map(blk::Bio& clone) override {
    auto& submitted = make_per_bio_data<Submitted>(clone);
    submitted = {down_now(), clone.iter};  // F1
    if (submitted.while_down) {
      if (!blk::bio_is_write(clone)) {
        // With a feature, end_io() decides what a read gives.
        const bool drops = features_.drop_writes && !planted(Defect::FlakeyDropsReads);
        if (!drops && !features_.error_writes && !features_.corrupt) return MapResult::Kill;
      } else if (features_.drop_writes) {
        if (planted(Defect::FlakeyKillsFlush) && blk::bio_is_empty_flush(clone)) {
          return MapResult::Kill;
        }
        blk::bio_endio(clone);
        return MapResult::Submitted;
      } else if (features_.error_writes && !planted(Defect::FlakeyWritesPass)) {
        blk::bio_end_with(clone, EIO);
        return MapResult::Submitted;
      } else if (features_.corrupt) {
        if (features_.corrupt->of_writes) corrupt(clone);
      } else if (!features_.error_writes) {
        return MapResult::Kill;
      }
    }
    blk::bio_set_dev(clone, device->bdev);
    clone.iter.sector = start_sector + offset_of(clone.iter.sector);
    return MapResult::Remapped;
  }

  EndResult end_io(blk::Bio& clone, int& error) override {
    const Submitted& submitted = per_bio_data<Submitted>(clone);
    if (error != 0 || !submitted.while_down || blk::bio_is_write(clone)) return EndResult::Done;
    if (features_.corrupt && !features_.corrupt->of_writes) {
      clone.iter = submitted.iter;
      corrupt(clone);
    }
    return EndResult::Done;
  }

  std::string status(StatusType status_type) override {
    if (status_type == StatusType::Info) return {};
    std::string text =
        fmt::format("{} {} {} {}", device->path, start_sector, up_seconds, down_seconds);
    const u32 words =
        u32{features_.drop_writes} + u32{features_.error_writes} + (features_.corrupt ? 5 : 0);
    text += fmt::format(" {}", words);
    if (features_.drop_writes) text += " drop_writes";
    if (features_.error_writes) text += " error_writes";
    if (const auto& corrupt = features_.corrupt) {
      text += fmt::format(" corrupt_bio_byte {} {} {} {}", corrupt->nth_byte,
                          corrupt->of_writes ? 'w' : 'r', corrupt->value, corrupt->flags);
    }
    return text;
  }

  bool iterate_devices(const DeviceVisitor& visit) override {
    return visit(*device, start_sector, count_sectors);
  }

  // Set by the constructor.
  DmDev* device = nullptr;
  u64 start_sector = 0;
  u32 up_seconds = 0;
  u32 down_seconds = 0;
  Features features_;

 private:
  // R49.
  bool down_now() const {
    const u64 elapsed_seconds = (rt::now_ms() - started_ms_) / 1000;
    const u64 within = elapsed_seconds % (u64{up_seconds} + down_seconds);
    return planted(Defect::FlakeyDownLate) ? within > up_seconds : within >= up_seconds;
  }

  // corrupt_bio_data(): the nth byte of the bio's memory, which for a write is the caller's own
  // (R50).
  void corrupt(blk::Bio& clone) {
    const Corruption& what = *features_.corrupt;
    if ((kernel_opf(clone) & what.flags) != what.flags) return;
    u64 skip_bytes = what.nth_byte - (planted(Defect::FlakeyNextByte) ? 0U : 1U);
    blk::bio_for_each_segment(clone, [&](u8* memory, u64 bytes) {
      if (skip_bytes < bytes) memory[skip_bytes] = what.value;
      const bool further = skip_bytes >= bytes;
      skip_bytes -= std::min(skip_bytes, bytes);
      return further;
    });
  }

  u64 started_ms_;
};

// One feature with its parameters. A message where it is refused.
std::optional<std::string> parse_feature(std::string_view name, Arguments& arguments,
                                         u32& words_left, Features& out) {
  if (same_word(name, "drop_writes")) {
    if (out.drop_writes) return "Feature drop_writes duplicated";
    out.drop_writes = true;
    if (out.error_writes) return "Feature drop_writes conflicts with feature error_writes";
    return std::nullopt;
  }
  if (same_word(name, "error_writes")) {
    if (out.error_writes) return "Feature error_writes duplicated";
    out.error_writes = true;
    if (out.drop_writes && !planted(Defect::FlakeyConflictAccepted)) {
      return "Feature error_writes conflicts with feature drop_writes";
    }
    return std::nullopt;
  }
  if (!same_word(name, "corrupt_bio_byte")) return "Unrecognised flakey feature requested";
  constexpr u32 kParameters = 4;
  if (words_left == 0) return "Feature corrupt_bio_byte requires parameters";
  const auto nth_byte = arguments.read(1, kMostU32);
  if (!nth_byte) return "Invalid corrupt bio byte";
  const std::string_view direction = arguments.shift();
  const bool of_writes = same_word(direction, "w");
  if (!of_writes && !same_word(direction, "r")) {
    return "Invalid corrupt bio direction (r or w)";
  }
  const auto value = arguments.read(0, 255);
  if (!value) return "Invalid corrupt value to write into bio byte (0-255)";
  const auto flags = arguments.read(0, kMostU32);
  if (!flags) return "Invalid corrupt bio flags mask";
  // A group that says it has fewer words than it needs: 6.1 counts below zero here and then runs
  // out of words.
  if (words_left < kParameters) return "Insufficient feature arguments";
  words_left -= kParameters;
  out.corrupt = Corruption{*nth_byte, of_writes, static_cast<u8>(*value), *flags};
  return std::nullopt;
}

// parse_features(), F3.
std::optional<std::string> parse_features(Arguments& arguments, Features& out) {
  constexpr u32 kMostWords = 6;
  if (arguments.left() == 0) return std::nullopt;
  auto words_left = arguments.read(0, kMostWords);
  if (!words_left || *words_left > arguments.left()) return "Invalid number of feature args";
  while (*words_left > 0) {
    const std::string_view name = arguments.shift();
    --*words_left;
    if (auto refused = parse_feature(name, arguments, *words_left, out)) return refused;
  }
  if (!out.corrupt || !out.corrupt->of_writes) return std::nullopt;
  if (out.drop_writes) {
    return "drop_writes is incompatible with corrupt_bio_byte with the WRITE flag set";
  }
  if (out.error_writes) {
    return "error_writes is incompatible with corrupt_bio_byte with the WRITE flag set";
  }
  return std::nullopt;
}

// flakey_ctr(): <device> <start> <up seconds> <down seconds> [<#feature words> [<feature>]*]
Constructed construct_flakey(const TargetArguments& arguments) {
  if (arguments.words.size() < 4) return refuse("Invalid argument count");
  auto flakey = std::make_unique<Flakey>(arguments);
  Arguments words(arguments.words);
  const std::string path(words.shift());
  const auto start = parse_number(words.shift());
  if (!start) return refuse("Invalid device sector");
  const auto up = words.read(0, kMostU32);
  if (!up) return refuse("Invalid up interval");
  const auto down = words.read(0, kMostU32);
  if (!down) return refuse("Invalid down interval");
  if (*up == 0 && *down == 0) return refuse("Total (up + down) interval is zero");
  if (u64{*up} + *down > kMostU32) {
    // 6.1 adds in 32 bits, so the sum 2^32 is zero to it.
    return refuse(u64{*up} + *down == u64{kMostU32} + 1 ? "Total (up + down) interval is zero"
                                                        : "Interval overflow");
  }
  if (auto refused = parse_features(words, flakey->features_)) return refuse(*std::move(refused));
  flakey->start_sector = *start;
  flakey->up_seconds = *up;
  flakey->down_seconds = *down;
  if (const int error = arguments.table.get_device(path, flakey->device)) {
    return refuse("Device lookup failed", error);
  }
  return flakey;
}

}  // namespace

const TargetType kFlakeyType{.name = "flakey", .construct = construct_flakey};

}  // namespace bioscope::dm

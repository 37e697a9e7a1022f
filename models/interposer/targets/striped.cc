// SPDX-License-Identifier: Apache-2.0
// striped: chunk k of the target lies on stripe k mod n (drivers/md/dm-stripe.c, R47).
//
// Invariants:
//   S1  A read or write never crosses a chunk: max_io_len is the chunk.
//   S2  A discard or write zeroes may cover many chunks (R43). It is sent once to each stripe, cut
//       to the sectors of that stripe that the range covers; these lie side by side.
//   S3  A flush goes to every stripe.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "models/interposer/dm/mapped_device.h"
#include "models/interposer/dm/table.h"
#include "models/interposer/targets/arguments.h"
#include "models/interposer/targets/types.h"
#include "models/interposer/variants.h"
#include "models/runtime/atomic.h"

namespace bioscope::dm {
namespace {

// DM_IO_ERROR_THRESHOLD: as many errors of one stripe no longer raise an event.
constexpr u32 kErrorsThatTell = 15;

struct Stripe {
  DmDev* device = nullptr;
  u64 physical_start_sector = 0;
  rt::Atomic<u32> error_count{0, "stripe_errors"};
};

struct StripeSector {
  u32 stripe = 0;
  u64 sector = 0;  // from the stripe's start
};

class Striped final : public Target {
 public:
  Striped(const TargetArguments& arguments, u32 stripes, u32 chunk_sectors)
      : Target(arguments),
        chunk_sectors_(chunk_sectors),
        width_sectors_(count_sectors / stripes),
        stripes_(stripes) {
    max_io_len_sectors = chunk_sectors;  // S1
    num_flush_bios = stripes;            // S3
    num_discard_bios = stripes;
    num_secure_erase_bios = stripes;
    num_write_zeroes_bios = stripes;
    nowait_supported = true;
  }

  std::vector<Stripe>& stripes() { return stripes_; }

  MapResult map(blk::Bio& clone) override {
    if ((clone.opf & blk::kReqPreflush) != 0) {
      const u32 number = planted(Defect::StripeFlushFirstOnly) ? 0 : target_bio_number(clone);
      blk::bio_set_dev(clone, stripes_[number].device->bdev);
      return MapResult::Remapped;
    }
    if (clone.op == blk::BioOp::Discard || clone.op == blk::BioOp::SecureErase ||
        clone.op == blk::BioOp::WriteZeroes) {
      return map_range(clone, target_bio_number(clone));
    }
    const StripeSector place = map_sector(clone.iter.sector);
    clone.iter.sector = place.sector + stripes_[place.stripe].physical_start_sector;
    blk::bio_set_dev(clone, stripes_[place.stripe].device->bdev);
    return MapResult::Remapped;
  }

  // Counts errors by device; readahead and operations that are not offered are no errors of it.
  EndResult end_io(blk::Bio& clone, int& error) override {
    if (error == 0 || error == EOPNOTSUPP || (clone.opf & blk::kReqRahead) != 0) {
      return EndResult::Done;
    }
    for (Stripe& stripe : stripes_) {
      if (&stripe.device->bdev->original() != &clone.bdev->original()) continue;
      if (stripe.error_count.fetch_add(1) + 1 < kErrorsThatTell) table.owner().event();
    }
    return EndResult::Done;
  }

  std::string status(StatusType status_type) override {
    std::string text;
    if (status_type == StatusType::Info) {
      text = fmt::format("{}", stripes_.size());
      for (const Stripe& stripe : stripes_) text += " " + stripe.device->name;
      text += " 1 ";
      for (const Stripe& stripe : stripes_) text += stripe.error_count.load() == 0 ? 'A' : 'D';
      return text;
    }
    text = fmt::format("{} {}", stripes_.size(), chunk_sectors_);
    for (const Stripe& stripe : stripes_) {
      text += fmt::format(" {} {}", stripe.device->path, stripe.physical_start_sector);
    }
    return text;
  }

  bool iterate_devices(const DeviceVisitor& visit) override {
    return std::ranges::all_of(stripes_, [&](const Stripe& stripe) {
      return visit(*stripe.device, stripe.physical_start_sector, width_sectors_);
    });
  }

  void io_hints(blk::QueueLimits& limits) override {
    limits.io_min_bytes = std::max(
        {chunk_sectors_ * kSectorBytes, limits.logical_block_bytes, limits.physical_block_bytes});
  }

 private:
  // stripe_map_sector().
  StripeSector map_sector(u64 sector) const {
    const u64 offset = offset_of(sector);
    const u64 within = offset % chunk_sectors_;
    const u64 chunk = offset / chunk_sectors_;
    u32 stripe = static_cast<u32>(chunk % stripes_.size());
    if (planted(Defect::StripeNext)) stripe = (stripe + 1) % static_cast<u32>(stripes_.size());
    return {stripe, chunk / stripes_.size() * chunk_sectors_ + within};
  }

  // stripe_map_range_sector(): the first sector of stripe `wanted` that lies at or behind `sector`
  // of the target.
  u64 range_sector(u64 sector, u32 wanted) const {
    const StripeSector place = map_sector(sector);
    if (place.stripe == wanted) return place.sector;
    u64 rounded = place.sector;
    if (!planted(Defect::StripePartialChunk)) rounded -= place.sector % chunk_sectors_;
    return wanted < place.stripe ? rounded + chunk_sectors_ : rounded;
  }

  // stripe_map_range(), S2.
  MapResult map_range(blk::Bio& clone, u32 wanted) {
    const u64 begin = range_sector(clone.iter.sector, wanted);
    const u64 end = range_sector(blk::bio_end_sector(clone), wanted);
    if (begin >= end) {  // nothing of the range lies there
      blk::bio_endio(clone);
      return MapResult::Submitted;
    }
    blk::bio_set_dev(clone, stripes_[wanted].device->bdev);
    clone.iter.sector = begin + stripes_[wanted].physical_start_sector;
    clone.iter.size_bytes = (end - begin) * kSectorBytes;
    return MapResult::Remapped;
  }

  u32 chunk_sectors_;
  u64 width_sectors_;
  std::vector<Stripe> stripes_;
};

// stripe_ctr(): <stripes> <chunk sectors> [<device> <start sector>]+
Constructed construct_striped(const TargetArguments& arguments) {
  const auto& words = arguments.words;
  if (words.size() < 2) return refuse("Not enough arguments");
  const auto stripes = parse_u32(words[0], 1);
  if (!stripes) return refuse("Invalid stripe count");
  const auto chunk = parse_u32(words[1], 1);
  if (!chunk) return refuse("Invalid chunk_size");
  if (arguments.count_sectors % *stripes != 0) {
    return refuse("Target length not divisible by number of stripes");
  }
  if (arguments.count_sectors / *stripes % *chunk != 0) {
    return refuse("Target length not divisible by chunk size");
  }
  if (words.size() != 2 + 2 * u64{*stripes}) return refuse("Not enough destinations specified");

  auto striped = std::make_unique<Striped>(arguments, *stripes, *chunk);
  for (u32 i = 0; i < *stripes; ++i) {
    Stripe& stripe = striped->stripes()[i];
    const auto start = parse_number(words[3 + 2 * i]);
    if (!start) return refuse("Couldn't parse stripe destination");
    stripe.physical_start_sector = *start;
    if (const int error = arguments.table.get_device(words[2 + 2 * i], stripe.device)) {
      return refuse("Couldn't parse stripe destination", error);
    }
  }
  return striped;
}

}  // namespace

const TargetType kStripedType{.name = "striped", .construct = construct_striped};

}  // namespace bioscope::dm

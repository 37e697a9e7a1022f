// SPDX-License-Identifier: Apache-2.0
#include "models/disk/disk_contents.h"

#include <algorithm>
#include <cassert>

namespace bioscope {
namespace {

SectorBytes sector_of(std::span<const u8> bytes, u64 index) {
  SectorBytes sector;
  std::ranges::copy(bytes.subspan(index * kSectorBytes, kSectorBytes), sector.begin());
  return sector;
}

}  // namespace

std::vector<u8> DiskContents::read(Range range) const {
  std::vector<u8> bytes(range.count_sectors * kSectorBytes, 0);
  const auto end = sectors_.lower_bound(range.end_sector());
  for (auto it = sectors_.lower_bound(range.first_sector); it != end; ++it) {
    const SectorState& state = it->second;
    const SectorBytes& seen = state.cached.empty() ? state.durable : state.cached.back();
    const u64 offset_bytes = (it->first - range.first_sector) * kSectorBytes;
    std::ranges::copy(seen, bytes.begin() + static_cast<std::ptrdiff_t>(offset_bytes));
  }
  return bytes;
}

void DiskContents::write(Range range, std::span<const u8> bytes, bool fua) {
  assert(bytes.size() == range.count_sectors * kSectorBytes);
  for (u64 i = 0; i < range.count_sectors; ++i) {
    SectorState& state = sectors_[range.first_sector + i];
    if (cache_ == CacheMode::None || fua) {
      state.durable = sector_of(bytes, i);
      state.cached.clear();
      state.in_flight.clear();
    } else {
      state.cached.push_back(sector_of(bytes, i));
    }
  }
}

void DiskContents::discard(Range range) {
  const auto end = sectors_.lower_bound(range.end_sector());
  for (auto it = sectors_.lower_bound(range.first_sector); it != end; ++it) {
    SectorState& state = it->second;
    if (cache_ == CacheMode::None) {
      state = SectorState{};
    } else {
      state.cached.push_back(SectorBytes{});
    }
  }
}

void DiskContents::flush() {
  for (auto& [sector, state] : sectors_) {
    if (state.cached.empty()) continue;
    state.durable = state.cached.back();
    state.cached.clear();
  }
}

void DiskContents::may_reach_medium(Range range, std::span<const u8> bytes) {
  assert(bytes.size() == range.count_sectors * kSectorBytes);
  for (u64 i = 0; i < range.count_sectors; ++i) {
    sectors_[range.first_sector + i].in_flight.push_back(sector_of(bytes, i));
  }
}

std::vector<SectorBytes> DiskContents::after_power_cut(u64 sector) const {
  const auto found = sectors_.find(sector);
  if (found == sectors_.end()) return {SectorBytes{}};
  const SectorState& state = found->second;
  std::vector<SectorBytes> possible{state.durable};
  const auto add = [&possible](const SectorBytes& bytes) {
    if (std::ranges::find(possible, bytes) == possible.end()) possible.push_back(bytes);
  };
  std::ranges::for_each(state.cached, add);
  std::ranges::for_each(state.in_flight, add);
  return possible;
}

std::vector<u64> DiskContents::undecided_sectors() const {
  std::vector<u64> sectors;
  for (const auto& [sector, state] : sectors_) {
    if (state.cached.empty() && state.in_flight.empty()) continue;
    if (after_power_cut(sector).size() > 1) sectors.push_back(sector);
  }
  return sectors;
}

void DiskContents::power_cut(Chooser& chooser) {
  for (auto& [sector, state] : sectors_) {
    const std::vector<SectorBytes> possible = after_power_cut(sector);
    const u32 count = static_cast<u32>(possible.size());
    const u32 picked = count == 1 ? 0 : chooser.pick(ChoiceKind::Crash, sector, count);
    state = SectorState{possible[picked], {}, {}};
  }
}

}  // namespace bioscope

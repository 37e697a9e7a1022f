// SPDX-License-Identifier: Apache-2.0
// The ABI between the module and the agent: sizes, offsets and numbers that must never move under
// the same BIOSCOPE_PROBE_ABI. Fields have the same place for 32 and 64 bits: no padding.
#include <gtest/gtest.h>

#include <cstddef>

#include "vm-images/probe/bioscope_probe.h"

namespace bioscope {
namespace {

static_assert(BIOSCOPE_PROBE_ABI == 1);

static_assert(sizeof(bioscope_probe_version) == 8);
static_assert(sizeof(bioscope_probe_segment) == 8);

static_assert(sizeof(bioscope_probe_bio) == 56);
static_assert(offsetof(bioscope_probe_bio, sector) == 16);
static_assert(offsetof(bioscope_probe_bio, id) == 48);

static_assert(sizeof(bioscope_probe_wait) == 40);
static_assert(offsetof(bioscope_probe_wait, status) == 20);
static_assert(offsetof(bioscope_probe_wait, sector) == 32);

static_assert(sizeof(bioscope_probe_freeze) == 8);

static_assert(sizeof(bioscope_probe_counters) == 152);
static_assert(offsetof(bioscope_probe_counters, capacity_sectors) == 16);
static_assert(offsetof(bioscope_probe_counters, logical_block_bytes) == 60);
static_assert(offsetof(bioscope_probe_counters, reserved) == 148);

TEST(ProbeAbi, CommandsAreDistinctAndCarryTheirSize) {
  EXPECT_EQ(BIOSCOPE_PROBE_VERSION, 0x8008b500U);
  EXPECT_EQ(BIOSCOPE_PROBE_SUBMIT, 0xc038b501U);
  EXPECT_EQ(BIOSCOPE_PROBE_WAIT, 0xc028b502U);
  EXPECT_EQ(BIOSCOPE_PROBE_FREEZE, 0xc008b503U);
  EXPECT_EQ(BIOSCOPE_PROBE_THAW, 0xc008b504U);
  EXPECT_EQ(BIOSCOPE_PROBE_COUNTERS, 0xc098b505U);
}

TEST(ProbeAbi, FlagsFillTheirMask) {
  EXPECT_EQ(BIOSCOPE_PROBE_ALL_FLAGS, (BIOSCOPE_PROBE_NOUNMAP << 1) - 1);
}

}  // namespace
}  // namespace bioscope

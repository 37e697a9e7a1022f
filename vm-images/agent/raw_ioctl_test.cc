// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/raw_ioctl.h"

#include <gtest/gtest.h>
#include <linux/dm-ioctl.h>

#include <cstring>

namespace bioscope {
namespace {

dm_ioctl header_of(const RawIoctl& built) {
  dm_ioctl header{};
  std::memcpy(&header, built.bytes.data(), sizeof(header));
  return header;
}

TEST(RawIoctl, FieldsAreTakenAsGiven) {
  const DeviceTable devices;
  const auto built = build_raw_ioctl(
      "command=remove name=a/b uuid=u version=9.1.2 flags=deferred,noflush uid=1000 data-size=7",
      devices);
  ASSERT_TRUE(built.has_value());
  const dm_ioctl header = header_of(*built);
  EXPECT_EQ(built->command, static_cast<u32>(DM_DEV_REMOVE_CMD));
  EXPECT_EQ(built->uid, 1000U);
  EXPECT_STREQ(header.name, "a/b");
  EXPECT_STREQ(header.uuid, "u");
  EXPECT_EQ(header.version[0], 9U);
  EXPECT_EQ(header.version[2], 2U);
  EXPECT_EQ(header.flags, static_cast<u32>(DM_DEFERRED_REMOVE | DM_NOFLUSH_FLAG));
  EXPECT_EQ(header.data_size, 7U);
}

TEST(RawIoctl, ATableIsTheRestOfTheText) {
  DeviceTable devices;
  devices.add({"d0", "/dev/d0", 252, 3, true});
  const auto built =
      build_raw_ioctl("command=load name=org table=0 8 linear d0 0; 8 8 error", devices);
  ASSERT_TRUE(built.has_value());
  const dm_ioctl header = header_of(*built);
  EXPECT_EQ(header.target_count, 2U);
  dm_target_spec spec{};
  std::memcpy(&spec, built->bytes.data() + header.data_start, sizeof(spec));
  EXPECT_STREQ(spec.target_type, "linear");
  EXPECT_EQ(spec.length, 8U);
  const auto* parameters =
      reinterpret_cast<const char*>(built->bytes.data() + header.data_start + sizeof(spec));
  EXPECT_STREQ(parameters, "252:3 0");
  std::memcpy(&spec, built->bytes.data() + header.data_start + spec.next, sizeof(spec));
  EXPECT_STREQ(spec.target_type, "error");
}

TEST(RawIoctl, WhatIsNoCommandOrFlagIsRefused) {
  const DeviceTable devices;
  EXPECT_TRUE(build_raw_ioctl("command=253", devices).has_value());
  EXPECT_FALSE(build_raw_ioctl("command=nonsense", devices).has_value());
  EXPECT_FALSE(build_raw_ioctl("name=x", devices).has_value());
  EXPECT_FALSE(build_raw_ioctl("command=remove flags=nonsense", devices).has_value());
  EXPECT_FALSE(build_raw_ioctl("command=remove device=nobody", devices).has_value());
}

}  // namespace
}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bioscope {
namespace {

using ::testing::ElementsAre;

void fill(DeviceTable& devices) {
  devices.add({"d0", "/dev/d0", 252, 0, true});
  devices.add({"org", "/dev/dm-0", 253, 0, false});
}

TEST(DeviceTable, NamesBecomeNumbersAndBack) {
  DeviceTable devices;
  fill(devices);
  EXPECT_EQ(devices.to_kernel("d0  0 org N 8"), "252:0 0 253:0 N 8");
  EXPECT_EQ(devices.from_kernel("252:0 0 253:0 N 8 "), "d0 0 org N 8");
}

TEST(DeviceTable, OtherWordsGoThroughUnchanged) {
  DeviceTable devices;
  fill(devices);
  EXPECT_EQ(devices.to_kernel("/dev/d0 d00 8:1"), "/dev/d0 d00 8:1");
  EXPECT_EQ(devices.from_kernel("8/16384 16 9:9 a:b 252:0x"), "8/16384 16 9:9 a:b 252:0x");
}

TEST(DeviceTable, ANewDeviceTakesTheNumberOfOneThatIsGone) {
  DeviceTable devices;
  fill(devices);
  devices.add({"snap", "/dev/dm-0", 253, 0, false});
  EXPECT_FALSE(devices.find("org").has_value());
  EXPECT_EQ(devices.from_kernel("253:0"), "snap");
}

TEST(DeviceTable, ARenamedDeviceKeepsItsNumber) {
  DeviceTable devices;
  fill(devices);
  devices.rename("org", "new");
  EXPECT_EQ(devices.to_kernel("org new"), "org 253:0");
}

TEST(ParseTable, SplitsLinesAndWords) {
  const auto lines = parse_table(" 0 8 linear d0 0;8 16  error ");
  ASSERT_TRUE(lines.has_value());
  EXPECT_THAT(*lines,
              ElementsAre(TargetLine{0, 8, "linear", "d0 0"}, TargetLine{8, 16, "error", ""}));
}

TEST(ParseTable, AnEmptyTableHasNoLine) {
  const auto lines = parse_table("");
  ASSERT_TRUE(lines.has_value());
  EXPECT_TRUE(lines->empty());
}

TEST(ParseTable, RefusesLinesThatAreNone) {
  EXPECT_FALSE(parse_table("0 8").has_value());
  EXPECT_FALSE(parse_table("0 eight linear").has_value());
  EXPECT_FALSE(parse_table("0 8 error; x").has_value());
}

}  // namespace
}  // namespace bioscope

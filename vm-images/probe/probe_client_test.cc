// SPDX-License-Identifier: Apache-2.0
// What can be known without the module: that its absence and a wrong device are told apart.
#include "vm-images/probe/probe_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bioscope {
namespace {

using testing::HasSubstr;

TEST(ProbeClient, AMissingModuleSaysWhatToLoad) {
  const auto probe = Probe::open("/nonexistent/bioscope_probe");
  ASSERT_FALSE(probe);
  EXPECT_EQ(probe.error().kind, ErrorKind::CouldNotJudge);
  EXPECT_THAT(probe.error().message, HasSubstr("load bioscope_probe.ko"));
}

TEST(ProbeClient, AnotherDeviceIsNotTheProbe) {
  const auto probe = Probe::open("/dev/null");
  ASSERT_FALSE(probe);
  EXPECT_EQ(probe.error().kind, ErrorKind::CouldNotJudge);
  EXPECT_THAT(probe.error().message, HasSubstr("/dev/null is not the probe"));
}

}  // namespace
}  // namespace bioscope

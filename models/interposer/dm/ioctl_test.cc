// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "models/interposer/dm/dm_test_machine.h"

namespace bioscope::dm {
namespace {

using Bytes = std::vector<u8>;

TEST(Ioctl, MapsAndRemoves) {
  on_machine([](TestMachine& m) {
    TestDisk& d0 = m.add_disk("d0");
    ASSERT_EQ(m.make("org", "0 16 linear d0 8"), 0);
    EXPECT_EQ(m.write("org", 0, 4, 7), 0);
    EXPECT_EQ(d0.byte(8), 7);
    EXPECT_EQ(d0.byte(11), 7);
    EXPECT_EQ(d0.byte(12), 0);
    Bytes bytes;
    EXPECT_EQ(m.read("org", 3, 2, bytes), 0);
    EXPECT_EQ(bytes, (Bytes{7, 0}));
    EXPECT_EQ(m.text("org", StatusType::Table), "0 16 linear d0 8");
    EXPECT_EQ(m.text("org", StatusType::Info), "0 16 linear");
    EXPECT_EQ(d0.whole().openers(), 1U);
    EXPECT_EQ(m.remove("org"), 0);
    EXPECT_EQ(d0.whole().openers(), 0U);
    EXPECT_EQ(m.system.find("org"), nullptr);
  });
}

}  // namespace
}  // namespace bioscope::dm

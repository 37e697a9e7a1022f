// SPDX-License-Identifier: Apache-2.0
#include "harness/finding/place.h"

#include <gtest/gtest.h>

namespace bioscope {
namespace {

TEST(Place, PassesOverWaitingAndSystemCallEntry) {
  EXPECT_EQ(telling_place("[   12.1] Call Trace:\n"
                          "[   12.1]  <TASK>\n"
                          "[   12.1]  __schedule+0x2d0/0x910\n"
                          "[   12.1]  schedule+0x5a/0xd0\n"
                          "[   12.1]  ? srcu_gp_start+0x10/0x20\n"
                          "[   12.1]  __synchronize_srcu.part.0+0x7e/0xb0\n"
                          "[   12.1]  dm_swap_table+0x1f/0x3f0 [dm_mod]\n"
                          "[   12.1]  dev_suspend+0x10/0x20 [dm_mod]\n"),
            "dm_swap_table");
}

TEST(Place, ReadsProcStackFormat) {
  EXPECT_EQ(telling_place("[<0>] wait_for_completion+0x8a/0x140\n"
                          "[<0>] perform_rpc.isra.0+0x99/0xf0 [dm_era]\n"),
            "perform_rpc");
}

TEST(Place, RipOfTheKernelComesFirst) {
  EXPECT_EQ(telling_place(" frame_before+0x1/0x2\n"
                          "RIP: 0010:origin_map+0x83/0x120 [dm_snapshot]\n"
                          "RIP: 0033:0x7f001\n"),
            "origin_map");
}

TEST(Place, NothingTellingIsEmpty) {
  EXPECT_EQ(telling_place(""), "");
  EXPECT_EQ(telling_place("no stack here\n? maybe+0x1/0x2\n schedule+0x5a/0xd0\n"), "");
}

}  // namespace
}  // namespace bioscope

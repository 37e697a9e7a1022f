// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/era_metadata/era_dump.h"

#include <gtest/gtest.h>

#include "models/interposer/era_metadata/test_era.h"
#include "models/interposer/persistent_data/little_endian.h"

namespace bioscope::dm {
namespace {

using persistent_data::load_le;

TEST(EraDump, WhatEraRestoreWritesIsReadAndContinued) {
  std::string xml = R"(<superblock uuid="" block_size="64" nr_blocks="5000" current_era="9">)";
  for (const u32 era : {7, 8}) {
    xml += "<writeset era=\"" + std::to_string(era) + "\" nr_bits=\"5000\">";
    for (u32 block = era; block < 5000; block += 100 * era) {
      xml += "<bit block=\"" + std::to_string(block) + "\" value=\"true\"/>";
    }
    xml += "</writeset>";
  }
  xml += "<era_array>";
  for (u32 block = 0; block < 5000; ++block) {
    xml += "<era block=\"" + std::to_string(block) + "\" era=\"" + std::to_string(block / 900) +
           "\"/>";
  }
  xml += "</era_array></superblock>";
  const auto image = run_era_restore(xml, 100);
  ASSERT_TRUE(image.has_value());

  RecordingStore store(*image);
  expect_tools_agree(store);
  const auto dump = read_era_dump(store);
  ASSERT_TRUE(dump.has_value());
  ASSERT_EQ(dump->writesets.size(), 2U);
  EXPECT_EQ(dump->writesets[1].marked.front(), (EraRun{8, 9, 8}));
  EXPECT_EQ(dump->era_array.size(), 6U);

  const auto metadata = open_metadata(store, 5000);
  EXPECT_EQ(metadata->current_era(), 10U);
  write_blocks(*metadata, {1, 4999});
  digest_all(*metadata);
  EXPECT_EQ(metadata->archive(), 0);
  EXPECT_EQ(metadata->commit(), 0);
  expect_tools_agree(store);
  EXPECT_EQ(audit_metadata(store.image()).wrong, std::vector<std::string>());
  const std::vector<EraRun> eras = last_eras(*read_era_dump(store));
  EXPECT_EQ(eras.front(), (EraRun{1, 2, 10}));
  EXPECT_EQ(eras[1], (EraRun{7, 8, 7}));
  EXPECT_EQ(eras.back(), (EraRun{4999, 5000, 10}));
}

TEST(EraDump, AnAuditNoticesAWrongCount) {
  RecordingStore store(32);
  {
    const auto metadata = open_metadata(store, 10);
  }
  expect_sound(store.image());
  const u64 index = load_le<u64>(store.image()[0].data() + 60);
  const u64 bitmap = load_le<u64>(store.image()[index].data() + 16);
  store.image()[bitmap][16] ^= 1;
  EXPECT_FALSE(audit_metadata(store.image()).wrong.empty());
}

TEST(EraDump, TheLastEraOfABlockIsTheHighestThatIsToldOfIt) {
  EraDump dump;
  dump.superblock.current_era = 9;
  dump.era_array = {{0, 4, 1}, {4, 10, 0}};
  dump.writesets = {{.era = 7, .nr_bits = 10, .marked = {{2, 6, 7}}},
                    {.era = 8, .nr_bits = 10, .marked = {{0, 1, 8}, {3, 4, 8}, {9, 10, 8}}}};
  EXPECT_EQ(era_dump_text(dump), "era=9 0:8 1:1 2:7 3:8 4-5:7 9:8");
}

}  // namespace
}  // namespace bioscope::dm

// SPDX-License-Identifier: Apache-2.0
// The same bytes as the kernel: a script was played on Linux 6.1.192 (Debian's cloud kernel in
// QEMU, era on a metadata disk of 64 blocks of zeroes, each operation after the worker had come to
// rest). What status said, and the hash of the metadata disk after the removal, are recorded here.
#include <gtest/gtest.h>

#include <vector>

#include "models/base/hash.h"
#include "models/interposer/era_metadata/metadata_audit.h"
#include "models/interposer/era_metadata/scripted_target.h"
#include "models/interposer/persistent_data/recording_store.h"

namespace bioscope::dm {
namespace {

using persistent_data::RecordingStore;

constexpr u64 kMetadataBlocks = 64;

// Marks in both array blocks, checkpoints, a snapshot that lives through a digest and one that
// lives through a resume, a suspend, and sizes that end an array block exactly or just behind it.
constexpr std::string_view kScript = R"(create 192000 64
write 0
write 64
write 191936
message checkpoint
write 6400
write 64
status
message take_metadata_snap
write 128
write 65088
message checkpoint
write 0
status
suspend
resume
write 128
write 192
message drop_metadata_snap
write 12800
status
message checkpoint
write 0
remove
create 65152 64
write 65088
write 0
message checkpoint
write 64
remove
create 130304 64
write 130240
message checkpoint
message take_metadata_snap
write 65152
write 0
write 640
message checkpoint
write 1280
write 1344
remove
create 200000 64
write 199936
write 0
message drop_metadata_snap
status
message checkpoint
write 3200
write 3264
suspend
resume
write 6400
status
remove
)";

constexpr std::string_view kKernelStatus = R"(8 11/64 2 -
8 23/64 4 51
8 11/64 5 -
8 12/64 13 -
8 12/64 15 -
)";

constexpr std::string_view kKernelImage = "8a96dbda58fc84a1";

Hash hash_of(const RecordingStore::Image& image) {
  std::vector<u8> bytes;
  for (const auto& block : image) bytes.insert(bytes.end(), block.begin(), block.end());
  return Hash::of(bytes);
}

TEST(EraKernel, TheSameScriptLeavesTheSameBytes) {
  RecordingStore store(kMetadataBlocks);
  EXPECT_EQ(ScriptedTarget(store).play(kScript), kKernelStatus);
  EXPECT_EQ(audit_metadata(store.durable()).wrong, std::vector<std::string>());
  EXPECT_EQ(hash_of(store.durable()).hex(), kKernelImage);
}

TEST(EraKernel, AnotherScriptLeavesOtherBytes) {
  RecordingStore store(kMetadataBlocks);
  std::string script(kScript);
  const std::size_t at = script.find("write 6400");
  ASSERT_NE(at, std::string::npos);
  script.replace(at, 10, "write 6464");
  EXPECT_EQ(ScriptedTarget(store).play(script), kKernelStatus);
  EXPECT_NE(hash_of(store.durable()).hex(), kKernelImage);
}

}  // namespace
}  // namespace bioscope::dm

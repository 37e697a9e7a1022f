// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/era_metadata/era_exercise.h"

#include <array>

#include "models/interposer/era_metadata/era_dump.h"
#include "models/interposer/era_metadata/era_metadata.h"
#include "models/interposer/persistent_data/little_endian.h"
#include "models/interposer/persistent_data/validator.h"

namespace bioscope::dm {
namespace {

constexpr std::array<persistent_data::BlockValidator, kBlockTypes> kSeals{{
    {.name = "superblock", .seal = {.checksum_xor = 146538381}},
    {.name = "node", .seal = {.checksum_xor = 121107}},
    {.name = "array", .seal = {.location_offset_bytes = 16, .checksum_xor = 595846735}},
    {.name = "index", .seal = {.checksum_xor = 160478}},
    {.name = "bitmap", .seal = {.checksum_xor = 240779}},
}};

class Exercise {
 public:
  Exercise(EraMetadata& metadata, Chooser& chooser) : metadata_(metadata), chooser_(chooser) {}

  void run() {
    digest();  // with the sizes that the superblock names
    static_cast<void>(metadata_.resize(100 + pick(3000)));
    static_cast<void>(metadata_.rollover());
    for (u32 round = 0; round < 4; ++round) {
      mark_some();
      digest();
      static_cast<void>(pick(2) == 0 ? metadata_.take_snap() : metadata_.drop_snap());
      static_cast<void>(metadata_.commit());
      static_cast<void>(metadata_.rollover());
    }
    static_cast<void>(metadata_.drop_snap());
    static_cast<void>(metadata_.archive());
    static_cast<void>(metadata_.resize(1 + pick(200)));
    digest();
    static_cast<void>(metadata_.commit());
  }

 private:
  u32 pick(u32 n) { return chooser_.pick(ChoiceKind::Generate, 0, n); }

  void mark_some() {
    for (u32 i = pick(8); i > 0; --i) {
      const u32 block = pick(3000);
      bool fresh = false;
      if (metadata_.mark_on_disk(block, fresh) == 0) metadata_.mark_in_core(block);
    }
  }

  void digest() {
    metadata_.begin_digest();
    for (u32 steps = 0; metadata_.digesting() && steps < 60; ++steps) {
      static_cast<void>(metadata_.digest_step());
    }
  }

  EraMetadata& metadata_;
  Chooser& chooser_;
};

}  // namespace

bool exercise_metadata(persistent_data::RecordingStore& store, Chooser& chooser) {
  u32 block_size_sectors = 64;
  const auto dump = read_era_dump(store);
  if (dump) {
    block_size_sectors = dump->superblock.data_block_size_sectors;
    const auto snapshot = read_era_dump(store, dump->superblock.metadata_snap);
    for (const auto* each : {&dump, &snapshot}) {
      if (*each) static_cast<void>(era_dump_text(**each));
    }
  }
  if (const auto metadata = EraMetadata::open(store, block_size_sectors, true)) {
    Exercise(**metadata, chooser).run();
  }
  return read_era_dump(store).has_value();
}

void seal_as(BlockType type, u64 location, persistent_data::Block bytes) {
  persistent_data::seal_block(kSeals[static_cast<std::size_t>(type)], location, bytes);
}

bool sealed_as(BlockType type, u64 location, persistent_data::ConstBlock bytes) {
  return persistent_data::check_block(kSeals[static_cast<std::size_t>(type)], location, bytes) == 0;
}

}  // namespace bioscope::dm

// SPDX-License-Identifier: Apache-2.0
// Era metadata under random operations: what it tells, its counts, power cuts at every flush, full
// devices and devices that fail.
#include <gtest/gtest.h>

#include <cerrno>

#include "models/interposer/era_metadata/era_machine.h"
#include "models/interposer/era_metadata/era_tools.h"
#include "models/interposer/era_metadata/metadata_audit.h"

namespace bioscope::dm {
namespace {

using persistent_data::RecordingStore;

void expect_state(const RecordingStore::Image& image, const EraMachine::State& expected,
                  const std::string& where) {
  const auto state = read_state(image);
  ASSERT_TRUE(state.has_value()) << where << ": errno " << state.error();
  ASSERT_EQ(state->era, expected.era) << where;
  ASSERT_EQ(state->nr_blocks, expected.nr_blocks) << where;
  ASSERT_EQ(state->held, expected.held) << where;
  ASSERT_EQ(state->era_of, expected.era_of) << where;
  ASSERT_EQ(state->snapshot, expected.snapshot) << where;
}

TEST(EraMachine, TellsOfEachBlockItsLastEra) {
  for (u64 seed = 0; seed < 30; ++seed) {
    Chooser chooser(seed);
    RecordingStore store(100);
    EraMachine machine(store, chooser, 1 + chooser.pick(ChoiceKind::Generate, 1, 3000));
    ASSERT_NE(machine.metadata(), nullptr);
    for (int step = 0; step < 80; ++step) {
      const std::string where = "seed " + std::to_string(seed) + " step " + std::to_string(step);
      ASSERT_EQ(machine.step(), 0) << where;
      expect_state(store.durable(), machine.committed(), where);
      if (HasFatalFailure()) return;
      const MetadataAudit audit = audit_metadata(store.durable());
      ASSERT_EQ(audit.wrong, std::vector<std::string>()) << where;
      ASSERT_EQ(audit.leaks, std::vector<std::string>()) << where;
    }
    std::string said;
    ASSERT_TRUE(era_check_passes(store.durable(), said)) << "seed " << seed << ": " << said;
  }
}

// E1. After each flush the power goes: what is left is the metadata of the last commit or of the
// one under way, whichever sectors of the writes since the flush before reached the medium.
TEST(EraMachine, APowerCutLeavesACommit) {
  int cuts_to_old = 0;
  int cuts_to_new = 0;
  for (u64 seed = 0; seed < 25; ++seed) {
    Chooser chooser(seed);
    RecordingStore store(80);
    EraMachine machine(store, chooser, 500);
    ASSERT_NE(machine.metadata(), nullptr);
    std::string where;
    const auto cut = [&] {
      if (testing::Test::HasFatalFailure()) return;
      const RecordingStore::Image left = store.power_cut(chooser);
      const auto state = read_state(left);
      ASSERT_TRUE(state.has_value()) << where << ": errno " << state.error();
      const bool new_state = *state == machine.pending() || *state == machine.between();
      ASSERT_TRUE(new_state || *state == machine.committed()) << where;
      ++(new_state ? cuts_to_new : cuts_to_old);
      const MetadataAudit audit = audit_metadata(left);
      ASSERT_EQ(audit.wrong, std::vector<std::string>()) << where;
      ASSERT_EQ(audit.leaks, std::vector<std::string>()) << where;
    };
    // Every write is a moment for a cut: what came before it may be on the medium.
    store.set_fault([&](RecordingStore::Operation operation, u64) {
      if (operation != RecordingStore::Operation::Read) cut();
      return 0;
    });
    for (int step = 0; step < 25; ++step) {
      where = "seed " + std::to_string(seed) + " step " + std::to_string(step);
      ASSERT_EQ(machine.step(), 0) << where;
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(cuts_to_old, 500);
  EXPECT_GT(cuts_to_new, 50);
}

// The same for the format: zeroes, or metadata without an era.
TEST(EraMachine, APowerCutInTheFormatLeavesAllOrNothing) {
  for (u64 seed = 0; seed < 50; ++seed) {
    Chooser chooser(seed);
    RecordingStore store(20);
    int cuts = 0;
    store.set_fault([&](RecordingStore::Operation operation, u64) {
      if (operation == RecordingStore::Operation::Read) return 0;
      ++cuts;
      RecordingStore left(store.power_cut(chooser));
      EXPECT_TRUE(EraMetadata::open(left, EraMachine::kBlockSizeSectors, true).has_value());
      return 0;
    });
    ASSERT_TRUE(EraMetadata::open(store, EraMachine::kBlockSizeSectors, true).has_value());
    EXPECT_GT(cuts, 4);
  }
}

// E4 on a device that is too small: errors, and on the disk what is counted is what is used.
TEST(EraMachine, AFullDeviceStaysSound) {
  int full = 0;
  for (u64 seed = 0; seed < 30; ++seed) {
    Chooser chooser(seed);
    RecordingStore store(12 + seed % 12);
    EraMachine machine(store, chooser, 300);
    for (int step = 0; machine.metadata() != nullptr && step < 100; ++step) {
      const int error = machine.step();
      if (error == 0) continue;
      // EINVAL: the device was too full for a new era, so nothing can be marked.
      ASSERT_TRUE(error == ENOSPC || error == EINVAL) << "seed " << seed << " errno " << error;
      ++full;
      if (machine.metadata() == nullptr) break;
      static_cast<void>(machine.metadata()->commit());
      const MetadataAudit audit = audit_metadata(store.durable());
      ASSERT_EQ(audit.wrong, std::vector<std::string>()) << "seed " << seed << " step " << step;
      ASSERT_TRUE(read_state(store.durable()).has_value());
    }
  }
  EXPECT_GT(full, 50);
}

// E4 on a device that fails now and then: each failure is told, and after each, failed superblocks
// included, a power cut leaves something sound.
TEST(EraMachine, AFailingDeviceStaysSound) {
  int failures = 0;
  for (u64 seed = 0; seed < 30; ++seed) {
    Chooser chooser(seed);
    RecordingStore store(80);
    EraMachine machine(store, chooser, 300);
    ASSERT_NE(machine.metadata(), nullptr);
    store.set_fault([&](RecordingStore::Operation operation, u64) {
      if (operation == RecordingStore::Operation::Read) return 0;
      return chooser.chance(ChoiceKind::Fault, 0, 3) ? EIO : 0;
    });
    for (int step = 0; step < 60; ++step) {
      const std::string where = "seed " + std::to_string(seed) + " step " + std::to_string(step);
      const int error = machine.step();
      failures += error != 0 ? 1 : 0;
      ASSERT_TRUE(error == 0 || error == EIO || error == EINVAL) << where << " errno " << error;
      if (machine.metadata() == nullptr) break;
      const RecordingStore::Image left = store.power_cut(chooser);
      ASSERT_EQ(audit_metadata(left).wrong, std::vector<std::string>()) << where;
      ASSERT_TRUE(read_state(left).has_value()) << where;
    }
  }
  EXPECT_GT(failures, 30);
}

}  // namespace
}  // namespace bioscope::dm

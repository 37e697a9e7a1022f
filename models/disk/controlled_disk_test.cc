// SPDX-License-Identifier: Apache-2.0
#include "models/disk/controlled_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace bioscope {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Disk small_disk() {
  Disk disk;
  disk.name = "d0";
  disk.kind = DiskKind::Controlled;
  disk.size_sectors = 64;
  disk.cache = CacheMode::Volatile;
  return disk;
}

DiskStep step(DiskStepKind kind, DiskRequest request, Range range, u32 occurrence = 1,
              int error = 0) {
  DiskStep made;
  made.kind = kind;
  made.disk = "d0";
  made.request = request;
  made.range = range;
  made.occurrence = occurrence;
  made.error = error;
  return made;
}

DiskCall read_call(u64 handle, Range range) {
  return {handle, DiskRequest::Read, range, false, {}};
}

DiskCall write_call(u64 handle, Range range, u8 value) {
  return {handle, DiskRequest::Write, range, false,
          std::vector<u8>(range.count_sectors * kSectorBytes, value)};
}

TEST(ControlledDisk, AnswersAtOnceWithoutAScript) {
  ControlledDisk disk(small_disk());
  EXPECT_EQ(disk.submit(write_call(1, {0, 1}, 5)).answers.size(), 1U);
  const DiskReaction reaction = disk.submit(read_call(2, {0, 1}));
  ASSERT_EQ(reaction.answers.size(), 1U);
  EXPECT_EQ(reaction.answers[0].handle, 2U);
  EXPECT_EQ(reaction.answers[0].data, std::vector<u8>(kSectorBytes, 5));
}

TEST(ControlledDisk, AHeldReadSeesWhatWasWrittenWhileItWasHeld) {
  ControlledDisk disk(small_disk());
  disk.arm(3, step(DiskStepKind::Hold, DiskRequest::Read, {0, 8}));
  const DiskReaction held = disk.submit(read_call(1, {0, 1}));
  EXPECT_THAT(held.answers, IsEmpty());
  EXPECT_THAT(held.notices, ElementsAre(DiskNotice{EventKind::Held, 3}));
  disk.submit(write_call(2, {0, 1}, 9));
  const DiskReaction released = disk.release(3);
  EXPECT_THAT(released.notices, ElementsAre(DiskNotice{EventKind::Done, 3}));
  ASSERT_EQ(released.answers.size(), 1U);
  EXPECT_EQ(released.answers[0].data, std::vector<u8>(kSectorBytes, 9));
  EXPECT_EQ(disk.held_requests(), 0U);
}

TEST(ControlledDisk, AHeldWriteChangesNothingUntilItIsReleased) {
  ControlledDisk disk(small_disk());
  disk.arm(0, step(DiskStepKind::Hold, DiskRequest::Write, {}));
  disk.submit(write_call(1, {0, 1}, 9));
  EXPECT_EQ(disk.contents().read({0, 1}), std::vector<u8>(kSectorBytes, 0));
  disk.release(0);
  EXPECT_EQ(disk.contents().read({0, 1}), std::vector<u8>(kSectorBytes, 9));
}

TEST(ControlledDisk, MatchesOperationOverlapAndOccurrence) {
  ControlledDisk disk(small_disk());
  disk.arm(0, step(DiskStepKind::Fail, DiskRequest::Write, {8, 8}, 2, ENOSPC));
  EXPECT_EQ(disk.submit(write_call(1, {0, 8}, 1)).answers[0].error, 0);   // touches, no overlap
  EXPECT_EQ(disk.submit(read_call(2, {8, 8})).answers[0].error, 0);       // another operation
  EXPECT_EQ(disk.submit(write_call(3, {15, 2}, 1)).answers[0].error, 0);  // the first match
  EXPECT_EQ(disk.submit(write_call(4, {7, 2}, 2)).answers[0].error, ENOSPC);
  EXPECT_EQ(disk.submit(write_call(5, {8, 1}, 3)).answers[0].error, 0);  // acts once
  EXPECT_EQ(disk.contents().read({7, 1}), std::vector<u8>(kSectorBytes, 1));
}

TEST(ControlledDisk, EveryHoldOnARequestMustBeReleased) {
  ControlledDisk disk(small_disk());
  disk.arm(0, step(DiskStepKind::Hold, DiskRequest::Read, {}));
  disk.arm(1, step(DiskStepKind::Hold, DiskRequest::Read, {0, 4}));
  disk.submit(read_call(7, {0, 1}));
  EXPECT_THAT(disk.release(0).answers, IsEmpty());
  const DiskReaction released = disk.release(1);
  EXPECT_EQ(released.answers.size(), 1U);
  EXPECT_THAT(released.notices,
              ElementsAre(DiskNotice{EventKind::Done, 0}, DiskNotice{EventKind::Done, 1}));
}

TEST(ControlledDisk, AHoldReleasedBeforeItMatchedIsVoid) {
  ControlledDisk disk(small_disk());
  disk.arm(0, step(DiskStepKind::Hold, DiskRequest::Read, {}));
  EXPECT_THAT(disk.release(0).answers, IsEmpty());
  EXPECT_EQ(disk.submit(read_call(1, {0, 1})).answers.size(), 1U);
}

TEST(ControlledDisk, APowerCutFailsWhatIsHeldAndEverythingUntilReopened) {
  ControlledDisk disk(small_disk());
  disk.arm(0, step(DiskStepKind::Hold, DiskRequest::Write, {}));
  disk.submit(write_call(1, {0, 1}, 9));
  Chooser chooser(1);
  chooser.prescribe(ChoiceKind::Crash, std::vector<u32>{1});
  const DiskReaction cut = disk.power_cut(chooser);
  ASSERT_EQ(cut.answers.size(), 1U);
  EXPECT_EQ(cut.answers[0].error, EIO);
  EXPECT_EQ(disk.submit(read_call(2, {0, 1})).answers[0].error, EIO);
  disk.reopen();
  EXPECT_EQ(disk.submit(read_call(3, {0, 1})).answers[0].data, std::vector<u8>(kSectorBytes, 9));
}

TEST(ControlledDisk, RefusesWhatLiesBeyondItsEndAndWritesWhenReadOnly) {
  Disk read_only = small_disk();
  read_only.read_only = true;
  ControlledDisk disk(read_only);
  EXPECT_EQ(disk.submit(read_call(1, {63, 2})).answers[0].error, EIO);
  EXPECT_EQ(disk.submit(write_call(2, {0, 1}, 1)).answers[0].error, EPERM);
}

TEST(ControlledDisk, ResetForgetsContentsAndScript) {
  ControlledDisk disk(small_disk());
  disk.submit(write_call(1, {0, 1}, 9));
  disk.arm(0, step(DiskStepKind::Hold, DiskRequest::Read, {}));
  disk.reset();
  const DiskReaction reaction = disk.submit(read_call(2, {0, 1}));
  ASSERT_EQ(reaction.answers.size(), 1U);
  EXPECT_EQ(reaction.answers[0].data, std::vector<u8>(kSectorBytes, 0));
}

}  // namespace
}  // namespace bioscope

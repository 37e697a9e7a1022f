// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "models/interposer/dm/dm_test_machine.h"
#include "models/runtime/sim/chooser_scheduler.h"
#include "models/runtime/sim/simulation.h"

namespace bioscope::dm {
namespace {

using Log = std::vector<std::string>;
using Indices = std::vector<std::size_t>;

blk::QueueLimits with_nowait() {
  blk::QueueLimits limits;
  limits.nowait = true;
  limits.write_cache = true;
  return limits;
}

ON_MACHINE(Suspend, HoldsBack) {  // R38
  TestDisk& d0 = m.add_disk("d0", with_nowait());
  ASSERT_EQ(m.make("a", "0 16 probe d0 0"), 0);
  blk::BlockDevice& a = *m.system.find("a");
  ASSERT_EQ(m.suspend("a"), 0);
  EXPECT_EQ(m.write("a", 0, 1, 1, blk::kReqNowait), EAGAIN);
  EXPECT_EQ(m.write("a", 0, 1, 1, blk::kReqRahead), EIO);
  AsyncBios bios;
  for (u8 i = 0; i < 4; ++i) bios.submit(a, blk::BioOp::Write, 3 - i, 1, i + 10);
  EXPECT_EQ(bios.ended(), 0U);
  EXPECT_TRUE(m.probes().maps.empty());
  ASSERT_EQ(m.resume("a"), 0);
  bios.wait();
  // FIFO.
  EXPECT_EQ(m.probes().maps, (std::vector<std::pair<u64, u64>>{{3, 1}, {2, 1}, {1, 1}, {0, 1}}));
  for (u8 i = 0; i < 4; ++i) EXPECT_EQ(d0.byte(3 - i), i + 10);
}

ON_MACHINE(Suspend, WaitsForThoseInside) {  // R35, P3
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 16 probe d0 0"), 0);
  m.probes().hold = true;
  AsyncBios bios;
  bios.submit(*m.system.find("a"), blk::BioOp::Write, 0, 1, 1);
  bool suspended = false;
  rt::Thread suspender("suspender", [&] {
    EXPECT_EQ(m.suspend("a"), 0);
    suspended = true;
    EXPECT_EQ(bios.ended(), 1U);
  });
  rt::sleep_ms(1);
  EXPECT_FALSE(suspended);
  m.probes().release();
  suspender.join();
  EXPECT_EQ(m.info("a").suspended, true);
}

ON_MACHINE(Suspend, NobodyIsInsideAfterwards) {  // M2
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 8 probe d0 0; 8 8 probe d0 16"), 0);
  blk::BlockDevice& a = *m.system.find("a");
  rt::Thread writer("writer", [&] {
    AsyncBios bios;
    for (u8 i = 0; i < 4; ++i) bios.submit(a, blk::BioOp::Write, 6, 4, i);
    bios.wait();
  });
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(m.suspend("a"), 0);
    const std::size_t maps = m.probes().maps.size();
    EXPECT_EQ(m.probes().ended, maps);
    rt::yield();
    EXPECT_EQ(m.probes().maps.size(), maps);
    ASSERT_EQ(m.resume("a"), 0);
  }
  writer.join();
  EXPECT_EQ(m.probes().maps.size(), 8U);
}

ON_MACHINE(Suspend, CallsTargetsInOrder) {  // R35, R40
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 8 probe d0 0; 8 8 probe d0 8"), 0);
  EXPECT_EQ(m.probes().take_log(), (Log{"preresume 0", "preresume 8", "resume 0", "resume 8"}));
  m.probes().hold = true;
  AsyncBios bios;
  bios.submit(*m.system.find("a"), blk::BioOp::Write, 0, 1, 1);
  rt::Thread releaser("releaser", [&] { m.probes().release(); });
  ASSERT_EQ(m.suspend("a"), 0);
  EXPECT_EQ(m.probes().take_log(),
            (Log{"presuspend 0", "presuspend 8", "postsuspend 0", "postsuspend 8"}));
  releaser.join();
  ASSERT_EQ(m.load("a", "0 4 probe d0 0"), 0);
  ASSERT_EQ(m.resume("a"), 0);
  EXPECT_EQ(m.probes().take_log(), (Log{"preresume 0", "resume 0"}));
  EXPECT_EQ(m.system.find("a")->nr_sectors(), 4U);
  ASSERT_EQ(m.load("a", "0 6 probe d0 0"), 0);
  ASSERT_EQ(m.resume("a"), 0);
  EXPECT_EQ(m.probes().take_log(),
            (Log{"presuspend 0", "postsuspend 0", "preresume 0", "resume 0"}));
  ASSERT_EQ(m.remove("a"), 0);
  EXPECT_EQ(m.probes().take_log(), (Log{"presuspend 0", "postsuspend 0"}));
}

ON_MACHINE(Suspend, FailedPreresumeStaysSuspended) {  // R40
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 8 linear d0 0"), 0);
  AsyncBios bios;
  ASSERT_EQ(m.suspend("a"), 0);
  bios.submit(*m.system.find("a"), blk::BioOp::Write, 0, 1, 7);
  ASSERT_EQ(m.load("a", "0 8 probe d0 8"), 0);
  m.probes().preresume_error = ENOSPC;
  EXPECT_EQ(m.resume("a"), ENOSPC);
  EXPECT_TRUE(m.info("a").suspended);
  EXPECT_EQ(m.text("a", StatusType::Table), "0 8 probe d0 8");
  EXPECT_EQ(bios.ended(), 0U);
  m.probes().preresume_error = 0;
  EXPECT_EQ(m.resume("a"), 0);
  bios.wait();
  EXPECT_EQ(d0.byte(8), 7);
}

ON_MACHINE(Suspend, TableIsSwappedUnderIo) {  // R33, P4
  TestDisk& d0 = m.add_disk("d0");
  TestDisk& d1 = m.add_disk("d1");
  ASSERT_EQ(m.make("a", "0 8 linear d0 0"), 0);
  bool swapped = false;
  rt::Thread writer("writer", [&] {
    for (u8 i = 0; i < 5; ++i) {
      const bool after = swapped;
      EXPECT_EQ(m.write("a", i, 1, 9), 0);
      if (after) EXPECT_EQ(d0.byte(i), 0);
      EXPECT_EQ(d0.byte(i) + d1.byte(i), 9) << "in one place or the other";
    }
  });
  ASSERT_EQ(m.load("a", "0 8 linear d1 0"), 0);
  ASSERT_EQ(m.resume("a"), 0);
  swapped = true;
  writer.join();
  EXPECT_EQ(d0.whole().openers(), 0U);
}

ON_MACHINE(Suspend, IsUndoneWhenInterrupted) {  // R37
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 8 probe d0 0"), 0);
  ASSERT_EQ(m.load("a", "0 6 probe d0 0"), 0);
  (void)m.probes().take_log();
  m.probes().hold = true;
  AsyncBios bios;
  bios.submit(*m.system.find("a"), blk::BioOp::Write, 0, 1, 1);
  int error = -1;
  rt::Thread resumer("resumer", [&] { error = m.resume("a"); });
  resumer.signal();
  resumer.join();
  EXPECT_EQ(error, EINTR);
  const DeviceInfo info = m.info("a");
  EXPECT_FALSE(info.suspended);
  EXPECT_TRUE(info.inactive_table);
  EXPECT_EQ(m.probes().take_log(), (Log{"presuspend 0", "undo 0"}));
  EXPECT_EQ(m.system.find("a")->freeze_count, 0);
  // Bios still get in.
  bios.submit(*m.system.find("a"), blk::BioOp::Write, 1, 1, 1);
  m.probes().release();
  bios.wait();
  EXPECT_EQ(m.resume("a"), 0);
  EXPECT_EQ(m.system.find("a")->nr_sectors(), 6U);
}

// A signal at any moment: the suspend either happened or it did not.
TEST(Suspend, InterruptedAnytime) {  // R37, M3
  rt::sim::Options options;
  options.signal_percent = 40;
  rt::sim::Simulation simulation(options);
  u32 interrupted = 0;
  for (u64 seed = 1; seed <= 300; ++seed) {
    Chooser chooser(seed);
    rt::sim::ChooserScheduler scheduler(chooser);
    const rt::Outcome outcome = simulation.run(scheduler, [&] {
      TestMachine m;
      m.add_disk("d0");
      ASSERT_EQ(m.make("a", "0 8 probe d0 0; 8 8 probe d0 8"), 0);
      blk::BlockDevice& a = *m.system.find("a");
      rt::Thread writer("writer", [&] {
        AsyncBios bios;
        for (u8 i = 0; i < 3; ++i) {
          m.probes().hold = true;
          bios.submit(a, blk::BioOp::Write, 6, 4, i);
          for (int steps = 0; steps < 20; ++steps) rt::yield();
          m.probes().release();
        }
        bios.wait();
      });
      for (int round = 0; round < 4; ++round) {
        const int error = m.suspend("a");
        EXPECT_TRUE(error == 0 || error == EINTR);
        interrupted += error == EINTR ? 1 : 0;
        EXPECT_EQ(m.info("a").suspended, error == 0);
        EXPECT_EQ(a.freeze_count, error == 0 ? 1 : 0);
        if (error == 0) EXPECT_EQ(m.resume("a"), 0);
      }
      writer.join();
      m.shut_down();
    });
    ASSERT_EQ(outcome.end, rt::End::Finished) << "seed " << seed << ": " << rt::describe(outcome);
  }
  EXPECT_GT(interrupted, 20U);
}

ON_MACHINE(Suspend, PushesBackUnderNoflush) {  // R39
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 16 probe d0 0"), 0);
  blk::BlockDevice& a = *m.system.find("a");
  m.probes().hold = true;
  AsyncBios bios;
  for (u8 i = 0; i < 3; ++i) bios.submit(a, blk::BioOp::Write, i, 1, i + 1);
  m.probes().requeue_end = true;
  rt::Thread suspender("suspender", [&] { EXPECT_EQ(m.suspend("a", {.no_flush = true}), 0); });
  rt::sleep_ms(1);
  bios.submit(a, blk::BioOp::Write, 3, 1, 4);
  m.probes().release();
  suspender.join();
  EXPECT_EQ(bios.ended(), 0U);
  m.probes().requeue_end = false;
  m.probes().maps.clear();
  ASSERT_EQ(m.resume("a"), 0);
  bios.wait();
  // To the head, so they come back in the reverse of the order in which they ended.
  EXPECT_EQ(m.probes().maps.size(), 4U);
  EXPECT_EQ(m.probes().maps.back(), (std::pair<u64, u64>{3, 1}));
  for (u8 i = 0; i < 4; ++i) EXPECT_EQ(d0.byte(i), i + 1);
}

ON_MACHINE(Suspend, PushedBackPiecesComeAgain) {  // R39
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 16 probe d0 0 max=4"), 0);
  m.probes().hold = true;
  AsyncBios bios;
  bios.submit(*m.system.find("a"), blk::BioOp::Write, 2, 10, 5);
  m.probes().requeue_end = true;
  rt::Thread suspender("suspender", [&] { EXPECT_EQ(m.suspend("a", {.no_flush = true}), 0); });
  rt::sleep_ms(1);
  m.probes().release();
  suspender.join();
  EXPECT_EQ(bios.ended(), 0U);
  m.probes().requeue_end = false;
  ASSERT_EQ(m.load("a", "0 16 linear d0 16"), 0);
  ASSERT_EQ(m.resume("a"), 0);
  bios.wait();
  EXPECT_EQ(bios.error(0), 0);
  for (u64 i = 2; i < 12; ++i) EXPECT_EQ(d0.byte(16 + i), 5) << i;
  EXPECT_EQ(d0.byte(28), 0);
}

ON_MACHINE(Suspend, PushBackWithoutSuspendIsAnError) {  // R39
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 16 probe d0 0 max=4"), 0);
  m.probes().requeue = true;
  EXPECT_EQ(m.write("a", 0, 2, 1), EIO);
  EXPECT_EQ(m.write("a", 0, 12, 1), EIO);
  // A push-back of one of several counts, whatever the others say.
  m.probes().requeue = false;
  ASSERT_EQ(m.make("b", "0 8 probe d0 0 flush=2"), 0);
}

ON_MACHINE(Suspend, PushBackOutdoesErrors) {  // R39
  m.add_disk("d0", with_nowait());
  ASSERT_EQ(m.make("a", "0 8 probe d0 0 flush=2"), 0);
  m.probes().hold = true;
  AsyncBios bios;
  bios.submit(*m.system.find("a"), blk::BioOp::Write, 0, 0, 0, blk::kReqPreflush);
  ASSERT_EQ(m.probes().held.size(), 2U);
  rt::Thread suspender("suspender", [&] { EXPECT_EQ(m.suspend("a", {.no_flush = true}), 0); });
  rt::sleep_ms(1);
  auto held = std::exchange(m.probes().held, {});
  m.probes().requeue_end = true;
  bio_endio(*held[0]);
  m.probes().requeue_end = false;
  bio_end_with(*held[1], ENOSPC);
  suspender.join();
  EXPECT_EQ(bios.ended(), 0U);
  m.probes().hold = false;
  ASSERT_EQ(m.resume("a"), 0);
  bios.wait();
  EXPECT_EQ(bios.error(0), 0);
}

ON_MACHINE(Suspend, InternallyWithoutTellingTargets) {  // R74
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 8 probe d0 0"), 0);
  (void)m.probes().take_log();
  blk::BlockDevice& bdev = *m.system.find("a");
  auto& a = dynamic_cast<MappedDevice&>(bdev.disk().driver());
  AsyncBios bios;
  a.internal_suspend();
  bios.submit(bdev, blk::BioOp::Write, 0, 1, 3);
  EXPECT_EQ(a.bios_inside(), 0U);
  EXPECT_EQ(bios.ended(), 0U);
  rt::Thread suspender("suspender", [&] { EXPECT_EQ(m.suspend("a"), 0); });
  EXPECT_FALSE(a.suspended());
  a.internal_resume();
  suspender.join();
  EXPECT_EQ(m.probes().take_log(), (Log{"presuspend 0", "postsuspend 0"}));
  a.internal_suspend();
  a.internal_resume();
  EXPECT_TRUE(a.suspended());
  EXPECT_EQ(m.resume("a"), 0);
  bios.wait();
  EXPECT_EQ(d0.byte(0), 3);
}

ON_MACHINE(Suspend, RemovalWaitsForHolders) {
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 8 linear d0 0"), 0);
  auto& a = dynamic_cast<MappedDevice&>(m.system.find("a")->disk().driver());
  ASSERT_TRUE(a.hold());
  bool gone = false;
  rt::Thread remover("remover", [&] {
    EXPECT_EQ(m.remove("a"), 0);
    gone = true;
  });
  rt::sleep_ms(1);
  EXPECT_FALSE(gone);
  EXPECT_FALSE(a.hold());
  EXPECT_EQ(m.remove("a"), ENXIO);
  EXPECT_EQ(m.suspend("a"), 0);  // it is, for good
  EXPECT_EQ(m.resume("a"), EINVAL);
  a.put();
  remover.join();
  EXPECT_EQ(m.suspend("a"), ENXIO);
}

ON_MACHINE(Suspend, LockfsFreezes) {  // R36
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 8 linear d0 0"), 0);
  const blk::BlockDevice& a = *m.system.find("a");
  for (const IoctlFlags flags :
       {IoctlFlags{}, IoctlFlags{.no_flush = true}, IoctlFlags{.skip_lockfs = true}}) {
    ASSERT_EQ(m.suspend("a", flags), 0);
    EXPECT_EQ(a.freeze_count, flags.no_flush || flags.skip_lockfs ? 0 : 1);
    ASSERT_EQ(m.resume("a"), 0);
    EXPECT_EQ(a.freeze_count, 0);
  }
}

}  // namespace
}  // namespace bioscope::dm

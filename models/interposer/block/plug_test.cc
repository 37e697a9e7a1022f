// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/plug.h"

#include "models/interposer/block/testing/scenario.h"
#include "models/interposer/block/testing/stack.h"

namespace bioscope::blk {
namespace {

using testing::check;
using testing::check_equal;
using testing::OneDisk;
using testing::TestBio;
using Lines = std::vector<std::string>;

SCENARIO(Plug, KeepsBackUntilTheEndOfTheOutermost) {
  OneDisk one;
  TestBio a(one.bdev(), BioOp::Write, 0, 1);
  TestBio b(one.bdev(), BioOp::Write, 1, 1);
  {
    const Plug outer;
    {
      const Plug inner;
      a.submit();
    }
    b.submit();
    check_equal(one.memory.take_log(), Lines{}, "the disk got");
    check_equal(one.sda.in_flight(), 2U, "requests");
  }
  check_equal(one.memory.take_log(), (Lines{"write 0+1", "write 1+1"}), "the disk got, in order");
  check(a.ended() && b.ended(), "ended");
  one.finish();
}

SCENARIO(Plug, FlushesGoPast) {
  QueueLimits limits;
  limits.write_cache = true;
  OneDisk one(limits);
  TestBio write(one.bdev(), BioOp::Write, 0, 1);
  TestBio flush(one.bdev(), BioOp::Write, 0, 0, kReqPreflush);
  {
    const Plug plug;
    write.submit();
    flush.submit();
    check_equal(one.memory.take_log(), Lines{"flush"}, "the disk got");
  }
  check_equal(one.memory.take_log(), Lines{"write 0+1"}, "the disk got");
  one.finish();
}

SCENARIO(Plug, IsLetGoBeforeTheTaskWaits) {
  OneDisk one;
  TestBio write(one.bdev(), BioOp::Write, 0, 1);
  {
    const Plug plug;
    write.submit();
    Bio* read = bio_alloc(&one.bdev(), BioOp::Discard, 0, 0, 0, {});
    read->op = BioOp::Write;
    check_equal(submit_bio_wait(*read), 0, "submit_bio_wait");
    bio_put(read);
    check(write.ended(), "what was plugged went first");
  }
  one.finish();
}

// Whoever freezes waits for the plugged request, whose task waits for the freeze.
SCENARIO(Plug, IsLetGoBeforeTheTaskWaitsForAFreeze) {
  OneDisk one;
  TestBio a(one.bdev(), BioOp::Write, 0, 1);
  TestBio b(one.bdev(), BioOp::Write, 1, 1);
  rt::Thread freezer("freezer", [&] {
    one.sda.disk().queue().freeze();
    one.sda.disk().queue().unfreeze();
  });
  {
    const Plug plug;
    a.submit();
    rt::yield();
    b.submit();
  }
  check_equal(a.wait(), 0, "a");
  check_equal(b.wait(), 0, "b");
  freezer.join();
  one.finish();
}

SCENARIO(Plug, ATaskMayFreezeWhatItHasPlugged) {
  OneDisk one;
  TestBio a(one.bdev(), BioOp::Write, 0, 1);
  const Plug plug;
  a.submit();
  one.sda.disk().queue().freeze();
  check(a.ended(), "ended");
  one.sda.disk().queue().unfreeze();
  one.finish();
}

SCENARIO(Plug, KeepsABoundedNumber) {
  OneDisk one;
  std::vector<std::unique_ptr<TestBio>> bios;
  {
    const Plug plug;
    for (u64 i = 0; i < kMaxPlugged + 1; ++i) {
      bios.push_back(std::make_unique<TestBio>(one.bdev(), BioOp::Read, i, 1));
      bios.back()->submit();
    }
    check_equal(one.memory.take_log().size(), std::size_t{kMaxPlugged}, "let go");
  }
  check_equal(one.memory.take_log(), Lines{"read 32+1"}, "the last");
  one.finish();
}

}  // namespace
}  // namespace bioscope::blk

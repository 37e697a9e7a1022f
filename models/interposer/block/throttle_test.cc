// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/throttle.h"

#include <vector>

#include "models/interposer/block/testing/scenario.h"
#include "models/interposer/block/testing/stack.h"
#include "models/runtime/clock.h"

namespace bioscope::blk {
namespace {

using testing::check;
using testing::check_equal;
using testing::OneDisk;
using testing::TestBio;
using testing::TestInterposer;
using Lines = std::vector<std::string>;

SCENARIO(Throttle, BiosPassAtTheRateInOrder) {
  OneDisk one;
  one.sda.disk().throttle.set_sectors_per_second(100);
  TestBio a(one.bdev(), BioOp::Write, 0, 10);
  TestBio b(one.bdev(), BioOp::Write, 10, 20);
  TestBio c(one.bdev(), BioOp::Write, 30, 1);
  const u64 start = rt::now_ms();
  for (TestBio* bio : {&a, &b, &c}) bio->submit();
  check_equal(a.wait(), 0, "a");
  check_equal(rt::now_ms() - start, 0U, "the first passes at once");
  check_equal(b.wait(), 0, "b");
  check_equal(rt::now_ms() - start, 100U, "the second after the first's ten sectors");
  check_equal(c.wait(), 0, "c");
  check_equal(rt::now_ms() - start, 300U, "the third after the second's twenty");
  check_equal(one.memory.take_log(), (Lines{"write 0+10", "write 10+20", "write 30+1"}), "order");
  one.finish();
}

SCENARIO(Throttle, WithoutALimitAllIsLetGoInOrder) {
  OneDisk one;
  one.sda.disk().throttle.set_sectors_per_second(1);
  std::vector<std::unique_ptr<TestBio>> bios;
  for (u64 i = 0; i < 4; ++i) {
    bios.push_back(std::make_unique<TestBio>(one.bdev(), BioOp::Write, i, 1));
    bios.back()->submit();
  }
  one.sda.disk().throttle.set_sectors_per_second(0);
  TestBio later(one.bdev(), BioOp::Write, 9, 1);
  later.submit();
  for (auto& bio : bios) check_equal(bio->wait(), 0, "write");
  check_equal(later.wait(), 0, "write");
  check(rt::now_ms() < 1000, "nobody waits for the former rate");
  Lines log = one.memory.take_log();
  std::erase(log, "write 9+1");  // of this task, while another lets the older ones go
  check_equal(log, (Lines{"write 0+1", "write 1+1", "write 2+1", "write 3+1"}), "order");
  one.finish();
}

SCENARIO(Throttle, ABypassIsNotThrottledAgain) {
  OneDisk one;
  one.sda.disk().throttle.set_sectors_per_second(1);
  TestBio first(one.bdev(), BioOp::Write, 0, 100);
  check_equal(first.run(), 0, "first");
  check_equal(TestBio(one.bdev().below(), BioOp::Write, 1, 1).run(), 0, "by the bypass");
  check_equal(rt::now_ms(), 0U, "at once");
  one.finish();
}

// P2: what waits is counted by nobody.
SCENARIO(Throttle, WhatWaitsHasTheHopOfALaterAttach) {
  OneDisk one;
  one.sda.disk().throttle.set_sectors_per_second(1000);
  TestBio first(one.bdev(), BioOp::Write, 0, 100);
  TestBio waits(one.bdev(), BioOp::Write, 100, 1);
  first.submit();
  waits.submit();
  check(!waits.ended(), "the second waits");
  TestInterposer flakey("flakey", one.bdev());
  check_equal(interposer_attach(one.bdev(), flakey), 0, "attach");
  check_equal(waits.wait(), 0, "the second");
  check_equal(flakey.take_log(), std::vector<u64>{100}, "the interposer got");
  interposer_detach(one.bdev(), flakey);
  check_equal(first.wait(), 0, "the first");
  one.finish();
}

}  // namespace
}  // namespace bioscope::blk

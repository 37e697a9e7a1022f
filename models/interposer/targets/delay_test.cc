// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "models/interposer/targets/testing/target_machine.h"
#include "models/runtime/clock.h"

namespace bioscope::dm {
namespace {

using testing::check;
using testing::check_equal;
using testing::Lines;

TARGET_SCENARIO(Delay, EachClassHasItsTimeAndItsDevice) {
  auto& reads = m.add_disk("d0");
  auto& writes = m.add_disk("d1");
  auto& flushes = m.add_disk("d2");
  m.make("dl", "0 16 delay d0 0 100 d1 8 300 d2 0 500");
  const auto takes_at_least = [&](u64 ms, const char* what, auto&& operation) {
    const u64 before = rt::now_ms();
    check_equal(operation(), 0, what);
    check(rt::now_ms() >= before + ms, std::string(what) + " came back before its time");
  };
  std::vector<u8> bytes(kSectorBytes);
  takes_at_least(100, "read", [&] { return blk::blkdev_read(m.device("dl"), 3, bytes); });
  takes_at_least(300, "write", [&] { return m.write("dl", 3, 1, 7); });
  takes_at_least(500, "flush", [&] { return m.flush("dl"); });
  takes_at_least(300, "discard", [&] { return m.issue("dl", blk::BioOp::Discard, 4, 1); });
  check_equal(reads.take_log(), Lines{"read 3+1"}, "the first device");
  check_equal(writes.take_log(), Lines{"write 11+1", "discard 12+1"}, "the second");
  check_equal(flushes.take_log(), Lines{"flush"}, "the third");
  check_equal(m.table("dl"), std::string("d0 0 100 d1 8 300 d2 0 500"), "table");
}

TARGET_SCENARIO(Delay, WhatIsLeftOutIsAsBefore) {
  auto& first = m.add_disk("d0");
  auto& second = m.add_disk("d1");
  m.make("one", "0 16 delay d0 4 5");
  check_equal(m.write("one", 0, 1, 7), 0, "write");
  check_equal(m.flush("one"), 0, "flush");
  check_equal(first.take_log(), Lines{"write 4+1", "flush"}, "one device for all");
  check_equal(m.table("one"), std::string("d0 4 5"), "table");
  m.make("two", "0 16 delay d0 0 0 d1 0 5");
  check_equal(m.flush("two"), 0, "flush");
  check_equal(second.take_log(), Lines{"flush"}, "flushes go with writes");
  check_equal(m.table("two"), std::string("d0 0 0 d1 0 5"), "table");
}

// D3 (R48): a suspend ends the delay, in the order in which the bios came; a resume begins it
// again.
TARGET_SCENARIO(Delay, ASuspendLetsEverythingGo) {
  auto& disk = m.add_disk("d0");
  m.make("dl", "0 16 delay d0 0 3600000");
  AsyncBios bios;
  for (u64 sector = 0; sector < 3; ++sector) {
    bios.submit(m.device("dl"), blk::BioOp::Write, sector, 1, 7);
  }
  bios.submit(m.device("dl"), blk::BioOp::Read, 8, 1);
  check_equal(m.status("dl"), std::string("1 3 0"), "status");
  check_equal(disk.take_log(), Lines{}, "nothing goes on before its time");
  check_equal(m.suspend("dl"), 0, "suspend");
  check_equal(bios.ended(), std::size_t{4}, "a suspend waits for what it lets go");
  check_equal(disk.take_log(), (Lines{"write 0+1", "write 1+1", "write 2+1", "read 8+1"}), "order");
  check_equal(m.status("dl"), std::string("0 0 0"), "status");
  check(rt::now_ms() < 3600000, "the delay was not waited for");
  check_equal(m.resume("dl"), 0, "resume");
  bios.submit(m.device("dl"), blk::BioOp::Write, 3, 1, 7);
  check_equal(m.status("dl"), std::string("0 1 0"), "it holds back again");
  check_equal(m.suspend("dl"), 0, "suspend");
  bios.wait();
}

// D2: the timer is for the earliest, whoever came first.
TARGET_SCENARIO(Delay, TheEarliestGoesFirst) {
  auto& disk = m.add_disk("d0");
  m.make("dl", "0 16 delay d0 0 50 d0 0 400");
  AsyncBios bios;
  bios.submit(m.device("dl"), blk::BioOp::Write, 0, 1, 7);
  bios.submit(m.device("dl"), blk::BioOp::Write, 1, 1, 7);
  bios.submit(m.device("dl"), blk::BioOp::Read, 2, 1);
  bios.wait();
  check_equal(disk.take_log(), (Lines{"read 2+1", "write 0+1", "write 1+1"}), "order");
}

TARGET_SCENARIO(Delay, WritersWhileItIsSuspendedAndResumed) {
  m.add_disk("d0");
  m.make("dl", "0 16 delay d0 0 20");
  AsyncBios bios;
  {
    rt::Thread writer("writer", [&] {
      for (u64 sector = 0; sector < 6; ++sector) {
        bios.submit(m.device("dl"), blk::BioOp::Write, sector, 1, 7);
        if (sector % 2 == 1) rt::sleep_ms(10);
      }
    });
    for (int i = 0; i < 3; ++i) {
      check_equal(m.suspend("dl"), 0, "suspend");
      check_equal(m.status("dl"), std::string("0 0 0"), "status while suspended");
      check_equal(m.resume("dl"), 0, "resume");
      rt::sleep_ms(15);
    }
    writer.join();
  }
  bios.wait();
  check_equal(m.read("dl", 0, 6), std::vector<u8>(6, 7), "all have arrived");
}

TARGET_SCENARIO(Delay, WhatTheConstructorRefuses) {
  m.add_disk("d0");
  m.refuses("0 16 delay d0 0", "Requires exactly 3, 6 or 9 arguments");
  m.refuses("0 16 delay d0 0 5 d0", "Requires exactly 3, 6 or 9 arguments");
  m.refuses("0 16 delay d0 x 5", "Invalid device sector");
  m.refuses("0 16 delay d0 0 4294967296", "Invalid delay");
  m.refuses("0 16 delay d0 0 5 d0 0 -1", "Invalid delay");
  m.refuses("0 16 delay d7 0 5", "Device lookup failed", ENODEV);
}

}  // namespace
}  // namespace bioscope::dm

// SPDX-License-Identifier: Apache-2.0
// The os build of the reference under load: writers and readers on a disk, while interposers of all
// kinds are attached to it, reloaded and detached as fast as they can be, at least one attach or
// detach a millisecond. For ThreadSanitizer and AddressSanitizer, which see what the simulated
// build cannot show; and it checks the data.
//
// Usage: interposer-stress [SECONDS [WRITERS]]
// Status 0: every bio ended once, every read saw a write that may have been last. 1: not so.
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/base/chooser.h"
#include "models/base/stamp.h"
#include "models/interposer/block/request_disk.h"
#include "models/interposer/block/submit.h"
#include "models/interposer/block/system.h"
#include "models/interposer/dm/device_mapper.h"
#include "models/runtime/clock.h"
#include "models/runtime/completion.h"
#include "models/runtime/memory_disk.h"
#include "models/runtime/run.h"
#include "models/runtime/thread.h"

namespace bioscope {
namespace {

constexpr u64 kDiskSectors = 4096;
constexpr u64 kCowSectors = 8192;
constexpr u64 kMaxBioSectors = 24;
constexpr u64 kSeed = 1;

struct Counts {
  std::atomic<u64> bios{0};
  std::atomic<u64> attaches{0};
  std::atomic<u64> refused{0};
  std::atomic<bool> stop{false};
};

int submit_and_wait(blk::BlockDevice& bdev, blk::BioOp op, u64 first, std::vector<u8>& bytes) {
  const iovec segment{bytes.data(), bytes.size()};
  blk::Bio* bio =
      blk::bio_alloc(&bdev, op, 0, first, bytes.size() / kSectorBytes, std::span(&segment, 1));
  const int status = blk::submit_bio_wait(*bio);
  blk::bio_put(bio);
  return status;
}

// Each writer has a part of the disk of its own, so that it knows what it must read.
class Writer {
 public:
  Writer(blk::BlockDevice& bdev, u32 number, u64 first, u64 sectors, Counts& counts)
      : bdev_(bdev), first_(first), written_(sectors), chooser_(number + 1), counts_(counts) {}

  void run() {
    while (!counts_.stop.load()) {
      const u64 at = chooser_.pick(ChoiceKind::Generate, 1, static_cast<u32>(written_.size()));
      const u64 most = std::min<u64>(kMaxBioSectors, written_.size() - at);
      const u64 count = 1 + chooser_.pick(ChoiceKind::Generate, 2, static_cast<u32>(most));
      if (chooser_.chance(ChoiceKind::Generate, 3, 50)) {
        write(at, count);
      } else {
        read(at, count);
      }
      ++counts_.bios;
    }
  }

 private:
  void write(u64 at, u64 count) {
    std::vector<u8> bytes(count * kSectorBytes);
    ++operation_;
    for (u64 i = 0; i < count; ++i) {
      write_stamp({operation_, first_ + at + i, kSeed},
                  std::span(bytes).subspan(i * kSectorBytes, kSectorBytes));
      written_[at + i] = operation_;
    }
    if (const int error = submit_and_wait(bdev_, blk::BioOp::Write, first_ + at, bytes)) {
      rt::fail(
          fmt::format("a write of {}+{} failed with {}", first_ + at, count, std::strerror(error)));
    }
  }

  void read(u64 at, u64 count) {
    std::vector<u8> bytes(count * kSectorBytes);
    if (const int error = submit_and_wait(bdev_, blk::BioOp::Read, first_ + at, bytes)) {
      rt::fail(
          fmt::format("a read of {}+{} failed with {}", first_ + at, count, std::strerror(error)));
      return;
    }
    for (u64 i = 0; i < count; ++i) {
      const Sector seen = read_sector(std::span(bytes).subspan(i * kSectorBytes, kSectorBytes));
      const Sector wanted = written_[at + i] == 0
                                ? Sector{Zero{}}
                                : Sector{Stamp{written_[at + i], first_ + at + i, kSeed}};
      if (seen != wanted) {
        rt::fail(fmt::format("sector {} reads as {}, not {}", first_ + at + i, to_text(seen),
                             to_text(wanted)));
      }
    }
  }

  blk::BlockDevice& bdev_;
  u64 first_;
  std::vector<u32> written_;  // by sector, the operation that wrote it last; 0: none
  u32 operation_ = 0;
  Chooser chooser_;
  Counts& counts_;
};

// What is attached in turn; all of them keep the data as it is.
std::vector<dm::TargetLine> tables() {
  return {{0, kDiskSectors, "linear", {"d0", "0"}},
          {0, kDiskSectors, "snapshot-origin", {"d0"}},
          {0, kDiskSectors, "delay", {"d0", "0", "1"}},
          {0, kDiskSectors, "flakey", {"d0", "0", "1", "0"}},
          {0, kDiskSectors, "era", {"m0", "[interpose]d0", "8"}}};
}

class Attacher {
 public:
  Attacher(dm::DeviceMapper& mapper, Counts& counts) : mapper_(mapper), counts_(counts) {}

  void run() {
    const std::vector<dm::TargetLine> all = tables();
    for (u32 round = 0; !counts_.stop.load(); ++round) {
      const dm::TargetLine& line =
          all[chooser_.pick(ChoiceKind::Generate, 1, static_cast<u32>(all.size()))];
      if (!attach(line)) return;
      if (line.type == "snapshot-origin" && round % 2 == 0) take_snapshot();
      if (chooser_.chance(ChoiceKind::Generate, 2, 30)) reload(all[0]);
      expect(mapper_.remove({"top", "", -1}, {}), "remove");
    }
  }

 private:
  bool attach(const dm::TargetLine& line) {
    std::string why;
    expect(mapper_.create("top", "", -1), "create");
    const int loaded = mapper_.load({"top", "", -1}, {line}, {.interpose = true}, why);
    if (loaded != 0) rt::fail(fmt::format("{} was refused: {}", line.type, why));
    expect(mapper_.resume({"top", "", -1}, {}), "resume");
    ++counts_.attaches;
    return loaded == 0;
  }

  void reload(const dm::TargetLine& line) {
    std::string why;
    expect(mapper_.load({"top", "", -1}, {line}, {.interpose = true}, why), "reload");
    expect(mapper_.resume({"top", "", -1}, {}), "resume of the reload");
  }

  // The recipe that works: the origin suspended around it, both opened below the interposer.
  void take_snapshot() {
    std::string why;
    const dm::DeviceId snap{"snap", "", -1};
    const dm::DeviceId top{"top", "", -1};
    expect(mapper_.create("snap", "", -1), "create snap");
    expect(mapper_.suspend(top, {}), "suspend of the origin");
    expect(mapper_.load(snap, {{0, kDiskSectors, "snapshot", {"[interpose]d0", "c0", "N", "8"}}},
                        {}, why),
           "load of the snapshot");
    expect(mapper_.resume(snap, {}), "resume of the snapshot");
    expect(mapper_.resume(top, {}), "resume of the origin");
    rt::sleep_ms(1);
    expect(mapper_.suspend(top, {}), "second suspend of the origin");
    expect(mapper_.remove(snap, {}), "remove of the snapshot");
    expect(mapper_.resume(top, {}), "second resume of the origin");
  }

  void expect(int error, std::string_view what) {
    if (error == 0) return;
    ++counts_.refused;
    rt::fail(fmt::format("{} failed with {}", what, std::strerror(error)));
  }

  dm::DeviceMapper& mapper_;
  Counts& counts_;
  Chooser chooser_{7};
};

int stress(u64 seconds, u32 writers) {
  Counts counts;
  const rt::Outcome outcome = rt::run({}, [&] {
    rt::MemoryDisk data(kDiskSectors);
    rt::MemoryDisk cow(kCowSectors);
    rt::MemoryDisk metadata(kCowSectors);
    blk::System system;
    blk::RequestDisk d0(system, "d0", data, {}, kDiskSectors);
    blk::RequestDisk c0(system, "c0", cow, {}, kCowSectors);
    blk::RequestDisk m0(system, "m0", metadata, {}, kCowSectors);
    for (blk::RequestDisk* disk : {&d0, &c0, &m0}) {
      if (system.add_disk(disk->disk()) != 0) rt::fail("a disk was refused");
    }
    {
      dm::DeviceMapper mapper(system);
      std::vector<std::unique_ptr<Writer>> all;
      std::vector<rt::Thread> threads;
      const u64 part = kDiskSectors / writers;
      for (u32 i = 0; i < writers; ++i) {
        all.push_back(std::make_unique<Writer>(d0.disk().whole(), i, i * part, part, counts));
        threads.emplace_back("writer", [writer = all.back().get()] { writer->run(); });
      }
      Attacher attacher(mapper, counts);
      threads.emplace_back("attacher", [&attacher] { attacher.run(); });
      rt::sleep_ms(seconds * 1000);
      counts.stop = true;
      for (rt::Thread& thread : threads) thread.join();
    }
    for (blk::RequestDisk* disk : {&d0, &c0, &m0}) system.remove_disk(disk->disk());
  });
  fmt::print(
      "{} bios, {} attaches and as many detaches in {} s: {:.2f} a millisecond\n",
      counts.bios.load(), counts.attaches.load(), seconds,
      2.0 * static_cast<double>(counts.attaches.load()) / (static_cast<double>(seconds) * 1000));
  if (outcome.end == rt::End::Finished) return 0;
  fmt::print("{}", rt::describe(outcome));
  return 1;
}

bool parse(std::string_view text, u64 least, u64 most, u64& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value >= least &&
         value <= most;
}

}  // namespace
}  // namespace bioscope

int main(int argc, char** argv) {
  bioscope::u64 seconds = 60;
  bioscope::u64 writers = 4;
  const bool understood = (argc < 2 || bioscope::parse(argv[1], 1, 86400, seconds)) &&
                          (argc < 3 || bioscope::parse(argv[2], 1, 64, writers)) && argc < 4;
  if (!understood) {
    fmt::print(stderr, "interposer-stress: expected [SECONDS [WRITERS]]: 1 to 86400, 1 to 64\n");
    return 2;
  }
  return bioscope::stress(seconds, static_cast<bioscope::u32>(writers));
}

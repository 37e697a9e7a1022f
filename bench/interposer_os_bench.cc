// SPDX-License-Identifier: Apache-2.0
// What the reference costs on real threads and memory: bios through a mapped device, and through an
// interposer, against the bare disk. One program of its own: it links the os build.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "models/interposer/block/request_disk.h"
#include "models/interposer/block/submit.h"
#include "models/interposer/block/system.h"
#include "models/interposer/dm/device_mapper.h"
#include "models/runtime/memory_disk.h"
#include "models/runtime/run.h"

namespace bioscope {
namespace {

constexpr u64 kDiskSectors = 1U << 16;
constexpr u64 kBioSectors = 8;

// A disk in memory with device mapper above it.
struct Stack {
  Stack() : memory(kDiskSectors), disk(system, "d0", memory, {}, kDiskSectors), mapper(system) {
    if (system.add_disk(disk.disk()) != 0) rt::fail("the disk was refused");
  }

  void make(const std::string& name, const dm::TargetLine& line, bool interpose) {
    std::string why;
    const dm::DeviceId id{name, "", -1};
    int error = mapper.create(name, "", -1);
    if (error == 0) error = mapper.load(id, {line}, {.interpose = interpose}, why);
    if (error == 0) error = mapper.resume(id, {});
    if (error != 0) rt::fail("the mapped device was refused: " + why);
  }

  void take_down(const std::string& name) {
    if (!name.empty() && mapper.remove({name, "", -1}, {}) != 0) rt::fail("remove was refused");
    system.remove_disk(disk.disk());
  }

  rt::MemoryDisk memory;
  blk::System system;
  blk::RequestDisk disk;
  dm::DeviceMapper mapper;
};

// Writes of 4 KiB, one after the other, as fast as one thread can submit and complete them.
void write_bios(benchmark::State& state, blk::BlockDevice& bdev) {
  std::vector<u8> bytes(kBioSectors * kSectorBytes, 7);
  const iovec segment{bytes.data(), bytes.size()};
  u64 sector = 0;
  u64 ended = 0;
  for (auto _ : state) {
    blk::Bio* bio =
        blk::bio_alloc(&bdev, blk::BioOp::Write, 0, sector, kBioSectors, std::span(&segment, 1));
    bio->context = &ended;
    bio->end_io = [](blk::Bio& it) {
      if (it.status == 0) ++*static_cast<u64*>(it.context);
      blk::bio_put(&it);
    };
    blk::submit_bio(*bio);
    sector = (sector + kBioSectors) % kDiskSectors;
  }
  if (ended != static_cast<u64>(state.iterations())) rt::fail("a bio failed");
  state.counters["bios"] =
      benchmark::Counter(static_cast<double>(ended), benchmark::Counter::kIsRate);
}

void OsBareDisk(benchmark::State& state) {
  rt::run({}, [&] {
    Stack stack;
    write_bios(state, stack.disk.disk().whole());
    stack.take_down("");
  });
}
BENCHMARK(OsBareDisk);

void OsLinear(benchmark::State& state) {
  rt::run({}, [&] {
    Stack stack;
    stack.make("top", {0, kDiskSectors, "linear", {"d0", "0"}}, false);
    write_bios(state, *stack.system.find("top"));
    stack.take_down("top");
  });
}
BENCHMARK(OsLinear);

void OsInterposedLinear(benchmark::State& state) {
  rt::run({}, [&] {
    Stack stack;
    stack.make("top", {0, kDiskSectors, "linear", {"d0", "0"}}, true);
    write_bios(state, stack.disk.disk().whole());
    stack.take_down("top");
  });
}
BENCHMARK(OsInterposedLinear);

}  // namespace
}  // namespace bioscope

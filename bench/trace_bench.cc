// SPDX-License-Identifier: Apache-2.0
// What a trace costs before anything plays it: a fuzzer decodes one per execution, the gate parses
// every one of a suite, a guest decodes what it is assigned.
#include <benchmark/benchmark.h>

#include <array>

#include "models/base/stamp.h"
#include "models/trace/codec.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

// Case B with more writes: about the size of a generated trace.
Trace thirty_operations() {
  std::string text =
      "bioscope-trace 1\nseed 7\ndisk d0 null size=16384\ndisk c0 null size=16384\nlane A\n"
      "create org; load org \"0 16384 snapshot-origin d0\"; resume org; create snap; suspend org\n"
      "load snap \"0 16384 snapshot d0 c0 N 8\"; resume snap; resume org\n";
  for (int i = 0; i < 11; ++i)
    text += "write org " + std::to_string(i * 8) + "+8; read snap 0+64\n";
  return *parse_trace(text, "bench");
}

void ParseText(benchmark::State& state) {
  const std::string text = print_trace(thirty_operations());
  for (auto _ : state) benchmark::DoNotOptimize(parse_trace(text, "bench"));
}
BENCHMARK(ParseText);

void Encode(benchmark::State& state) {
  const Trace trace = thirty_operations();
  for (auto _ : state) benchmark::DoNotOptimize(encode_trace(trace));
}
BENCHMARK(Encode);

void Decode(benchmark::State& state) {
  const std::vector<u8> bytes = encode_trace(thirty_operations());
  for (auto _ : state) benchmark::DoNotOptimize(decode_trace(bytes));
}
BENCHMARK(Decode);

void WriteStamp(benchmark::State& state) {
  std::array<u8, kSectorBytes> sector{};
  u64 number = 0;
  for (auto _ : state) {
    write_stamp({7, ++number, 1}, sector);
    benchmark::DoNotOptimize(sector.data());
  }
}
BENCHMARK(WriteStamp);

void ReadSector(benchmark::State& state) {
  std::array<u8, kSectorBytes> sector{};
  if (state.range(0) != 0) write_stamp({7, 128, 1}, sector);
  for (auto _ : state) benchmark::DoNotOptimize(read_sector(sector));
}
BENCHMARK(ReadSector)->ArgName("stamped")->Arg(1)->Arg(0);

}  // namespace
}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// What one trace costs on the reference: a fuzzer and a farm play and judge nothing else all day.
// One lane, 30 operations, the plain build.
#include <benchmark/benchmark.h>

#include <cassert>
#include <string>

#include "harness/check/oracle.h"
#include "harness/subject/reference/reference_subject.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

// Two disks under a table of two targets that is replaced in the middle.
constexpr std::string_view kThirtyOperations = R"(bioscope-trace 1
seed 1
disk d0 null size=32768
disk d1 null size=32768
lane A
  create x; load x "0 512 linear d0 0; 512 512 linear d1 0"; resume x
  write x 0+8; write x 8+8; write x 508+8; write x 16+16; flush x
  read x 0+8; read x 8+8; read x 508+8; read x 16+16
  status x; info x
  suspend x; load x "0 512 linear d0 8; 512 512 linear d1 0"; resume x
  write x 0+8; write x 8+8; write x 508+8; write x 16+16 fua; flush x
  read x 0+8; read x 8+8; read x 508+8; read x 16+16
  table x; deps x; info x
  remove x
)";

Job bench_job() {
  auto trace = parse_trace(kThirtyOperations, "bench");
  assert(trace.has_value());
  assert(operation_count(*trace) == 30);
  return {"bench", std::move(*trace)};
}

void ReferencePlay(benchmark::State& state) {
  const Job job = bench_job();
  ReferenceSubject subject;
  for (auto _ : state) benchmark::DoNotOptimize(subject.play(job));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ReferencePlay);

void ReferencePlayAndJudge(benchmark::State& state) {
  const Job job = bench_job();
  ReferenceSubject subject;
  for (auto _ : state) {
    const auto history = subject.play(job);
    const Checked checked = check_history(job.name, job.trace, *history);
    if (!checked.findings.empty()) state.SkipWithError("the reference does something wrong");
    benchmark::DoNotOptimize(checked.marks.operations);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ReferencePlayAndJudge);

}  // namespace
}  // namespace bioscope

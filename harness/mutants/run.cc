// SPDX-License-Identifier: Apache-2.0
#include "harness/mutants/run.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "harness/check/oracle.h"

namespace bioscope {
namespace {

using Clock = std::chrono::steady_clock;

DefectSet set_of(const Mutant& mutant) {
  DefectSet set;
  set.set(static_cast<std::size_t>(mutant.info.defect));
  return set;
}

// Spoils reads by hand, one at a time, with a stamp that nobody wrote, until one is reported.
bool canary_is_found(std::span<const Job> traces, const PlayVariant& play) {
  for (const Job& job : traces) {
    auto history = play(job, DefectSet{});
    if (!history || !violations_of(job, history).empty()) continue;
    for (Event& event : history->events) {
      const bool reads = event.kind == EventKind::Return && event.error == 0 && !event.data.empty();
      if (!reads) continue;
      const Sector right = event.data.front().first;
      event.data.front().first =
          Stamp{static_cast<u32>(operation_count(job.trace)), 0, job.trace.seed};
      if (!violations_of(job, history).empty()) return true;
      event.data.front().first = right;
    }
  }
  return false;
}

void confirm(MutantRow& row, const PlayVariant& play, u64 plays) {
  for (u64 seed = 1; seed <= plays; ++seed) {
    Job job{row.hunt.find->job.name, *row.shrunk};
    job.trace.seed = seed;
    const auto history = play(job, DefectSet{});
    if (history && violations_of(job, history).empty()) {
      ++row.confirmed_plays;
    } else {
      ++row.failed_plays;
    }
  }
}

MutantRow do_one(const Mutant& mutant, std::span<const Job> traces, const PlayVariant& play,
                 const MutantRunOptions& options) {
  MutantRow row;
  row.mutant = mutant;
  const auto start = Clock::now();
  row.hunt = hunt(mutant, traces, play);
  row.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (!row.hunt.find) return row;
  if (options.shrink || options.confirm_plays > 0) {
    row.shrunk = shrink_find(*row.hunt.find, set_of(mutant), play);
  }
  if (options.confirm_plays > 0) confirm(row, play, options.confirm_plays);
  return row;
}

}  // namespace

MutantRun run_mutants(std::span<const Mutant> mutants, std::span<const Job> traces,
                      const PlayVariant& play, const MutantRunOptions& options,
                      const std::function<bool()>& interrupted,
                      const std::function<void(const MutantRow&)>& on_row) {
  MutantRun run;
  run.canary_found = canary_is_found(traces, play);
  const std::vector<Job> sound = passed_by_plain(traces, play);
  for (const Job& job : traces) {
    if (std::ranges::find(sound, job.name, &Job::name) == sound.end()) {
      run.left_out.push_back(job.name);
    }
  }
  std::vector<std::optional<MutantRow>> rows(mutants.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < mutants.size() && !interrupted(); i = next++) {
      rows[i] = do_one(mutants[i], sound, play, options);
      if (on_row) on_row(*rows[i]);
    }
  };
  std::vector<std::jthread> threads;
  for (u32 job = 1; job < options.jobs; ++job) threads.emplace_back(work);
  work();
  threads.clear();
  for (std::optional<MutantRow>& row : rows) {
    if (row) run.rows.push_back(std::move(*row));
  }
  run.interrupted = run.rows.size() < mutants.size();
  return run;
}

int status_of(const MutantRun& run) {
  if (run.interrupted) return 130;
  if (!run.canary_found || run.rows.empty()) return 3;
  const bool missed = std::ranges::any_of(run.rows, [](const MutantRow& row) {
    return row.hunt.plain_failures > 0 || row.failed_plays > 0 ||
           (row.mutant.check == MutantCheck::Traces && !row.hunt.find);
  });
  return missed || !run.left_out.empty() ? 1 : 0;
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "harness/mutants/hunt.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <tuple>

#include "harness/check/oracle.h"
#include "harness/generate/random.h"
#include "harness/repro/shrink.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

DefectSet set_of(Defect defect) {
  DefectSet set;
  set.set(static_cast<std::size_t>(defect));
  return set;
}

// The mutant's own witness comes first, then those that name the target type, short ones before
// long ones.
std::vector<std::size_t> order_for(const Mutant& mutant, std::span<const Job> traces) {
  std::vector<std::size_t> order(traces.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::string word = fmt::format(" {} ", mutant.info.where);
  std::ranges::sort(order, {}, [&](std::size_t i) {
    const bool names_it = print_trace(traces[i].trace).find(word) != std::string::npos;
    const bool witness = traces[i].name == fmt::format("{}.trace", mutant.info.name);
    return std::tuple(!witness, !names_it, operation_count(traces[i].trace), i);
  });
  return order;
}

class Hunt {
 public:
  Hunt(const Mutant& mutant, std::span<const Job> traces, const PlayVariant& play)
      : mutant_(mutant), defects_(set_of(mutant.info.defect)), traces_(traces), play_(play) {}

  HuntResult run() {
    const std::vector<std::size_t> order = order_for(mutant_, traces_);
    for (const std::size_t i : order) {
      if (try_one(traces_[i])) return std::move(result_);
    }
    for (u64 round = 1; result_.plays < mutant_.budget_plays; ++round) {
      GenerateOptions options;
      options.lanes = round % 3 == 0 ? 1 : 3;
      if (try_one({fmt::format("random-{}", round), generate(round, options)})) break;
      if (order.empty()) continue;
      Job again = traces_[order[round % order.size()]];
      again.trace.seed += round;
      if (try_one(again)) break;
    }
    return std::move(result_);
  }

 private:
  // True: the hunt is over.
  bool try_one(const Job& job) {
    if (result_.plays >= mutant_.budget_plays) return true;
    ++result_.plays;
    const auto history = play_(job, defects_);
    if (!history) {
      ++result_.not_judged;
      return false;
    }
    const std::vector<Finding> found = violations_of(job, history);
    if (found.empty()) return false;
    const std::vector<Finding> without = violations_of(job, play_(job, DefectSet{}));
    if (!without.empty()) {
      if (result_.plain_failures++ == 0) {
        result_.trouble = fmt::format("{} with seed {} fails on the plain reference as well: {}",
                                      job.name, job.trace.seed, without.front().message);
      }
      return false;
    }
    result_.find = Find{job, found.front(), result_.plays, job.trace.seed};
    return true;
  }

  const Mutant& mutant_;
  const DefectSet defects_;
  std::span<const Job> traces_;
  const PlayVariant& play_;
  HuntResult result_;
};

}  // namespace

std::vector<Job> passed_by_plain(std::span<const Job> traces, const PlayVariant& play) {
  std::vector<Job> passed;
  std::ranges::copy_if(traces, std::back_inserter(passed), [&play](const Job& job) {
    return violations_of(job, play(job, DefectSet{})).empty();
  });
  return passed;
}

HuntResult hunt(const Mutant& mutant, std::span<const Job> traces, const PlayVariant& play) {
  return Hunt(mutant, traces, play).run();
}

std::vector<Finding> violations_of(const Job& job, const Result<History>& history) {
  if (!history) return {};
  std::vector<Finding> findings = check_history(job.name, job.trace, *history).findings;
  std::erase_if(findings,
                [](const Finding& finding) { return finding.kind != FindingKind::Violation; });
  return findings;
}

Trace shrink_find(const Find& find, const DefectSet& defects, const PlayVariant& play) {
  const WantedFinding wanted{find.finding.kind, find.finding.signature};
  const Oracle oracle = [&](std::span<const Trace> candidates) {
    Shown shown;
    for (const Trace& candidate : candidates) {
      const Job job{find.job.name, candidate};
      std::vector<Finding> findings = violations_of(job, play(job, defects));
      // The plain reference passes what shows a mutant.
      if (!findings.empty() && !violations_of(job, play(job, DefectSet{})).empty()) {
        findings.clear();
      }
      shown.findings.push_back(std::move(findings));
    }
    return shown;
  };
  return shrink(find.job.trace, wanted, oracle).trace;
}

}  // namespace bioscope

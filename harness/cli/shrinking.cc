// SPDX-License-Identifier: Apache-2.0
#include "harness/cli/shrinking.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "harness/repro/shrink.h"
#include "models/spec/player.h"

namespace bioscope {
namespace {

constexpr std::size_t kMostInABoot = 64;  // plays
constexpr u32 kCheapSeeds = 16;

std::string count_text(std::size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

class Shrinking {
 public:
  Shrinking(ChosenSubject& subject, const ShrinkRequest& request, const Interrupt& interrupt,
            Progress& progress, const std::function<void(std::string_view)>& say)
      : subject_(subject),
        request_(request),
        interrupt_(interrupt),
        progress_(progress),
        say_(say) {}

  ShrinkReport run() {
    const JudgedBatch judged = play(std::span(&request_.trace, 1), 0, 1);
    if (!choose(judged)) return report_;
    switch (shows_alone(request_.trace, 1)) {
      case Alone::Shows:
        break;
      case Alone::Stopped:
        report_.trace = request_.trace;
        return stopped("before anything was shrunk");
      case Alone::Lacks:
        report_.status = ExitStatus::BadInput;
        report_.message =
            fmt::format("nothing to shrink: {} does not show {} in each of {}", request_.name,
                        to_text(wanted_.signature), count_text(request_.plays, "play"));
        return report_;
    }
    report_.trace = request_.trace;
    report_.signature = to_text(wanted_.signature);
    adopted_.push_back(request_.trace);
    const Shrunk shrunk = shrink(
        request_.trace, wanted_, [this](std::span<const Trace> round) { return ask(round); },
        options(), sizes(judged.outcome.plays.front()),
        [this](const Shrinker& shrinker) { hear(shrinker); });
    progress_.finish();
    report_.trace = shrunk.trace;
    if (interrupt_.raised()) return end(ExitStatus::Interrupted, "interrupted", shrunk);
    if (shrunk.stop) return end(ExitStatus::NotJudged, shrunk.stop->message, shrunk);
    if (subject_.packs() && !confirm()) return stopped("before the trace had been played alone");
    return end(ExitStatus::Passed,
               shrunk.end == ShrinkEnd::Budget
                   ? "there may be a smaller one: --candidates is used up"
                   : "nothing more can be taken away",
               shrunk);
  }

 private:
  // Each trace `count` times in a row, from the play with number `first` on: one seed for each.
  JudgedBatch play(std::span<const Trace> traces, u32 first, u32 count) {
    std::vector<BatchJob> jobs;
    for (const Trace& trace : traces) {
      const u64 seed = request_.seed.value_or(trace.seed);
      for (u32 number = first; number < first + count; ++number) {
        jobs.push_back({{fmt::format("candidate-{:06}", played_++), trace}, seed + number});
      }
    }
    JudgedBatch judged = subject_.play(jobs, {});
    if (judged.outcome.interrupted || interrupt_.raised()) {
      stop_ = Error{ErrorKind::CouldNotJudge, "interrupted"};
    } else if (!judged.outcome.trouble.empty() || !judged.trouble.empty()) {
      stop_ = Error{ErrorKind::CouldNotJudge,
                    judged.outcome.trouble.empty() ? judged.trouble : judged.outcome.trouble};
    }
    return judged;
  }

  enum class Alone : u8 { Shows, Lacks, Stopped };
  // In all plays from number `first` on, each in a boot of its own.
  Alone shows_alone(const Trace& trace, u32 first) {
    for (u32 number = first; number < request_.plays; ++number) {
      const JudgedBatch judged = play(std::span(&trace, 1), number, 1);
      if (stop_) return Alone::Stopped;
      if (!shows(judged.findings.front(), wanted_)) return Alone::Lacks;
    }
    return Alone::Shows;
  }

  void tell(const std::string& line) {
    progress_.finish();
    say_(line);
  }

  // Which finding is meant; false if there is none, and then the report says why.
  bool choose(const JudgedBatch& judged) {
    if (judged.outcome.interrupted) {
      report_ = {ExitStatus::Interrupted, "interrupted: nothing was shrunk", request_.trace, ""};
      return false;
    }
    std::vector<Finding> findings;
    for (const FindingKind kind : {FindingKind::Violation, FindingKind::Hazard}) {
      std::ranges::copy_if(judged.findings.front(), std::back_inserter(findings),
                           [&](const Finding& each) { return each.kind == kind; });
    }
    std::vector<std::string> texts;
    for (const Finding& each : findings) texts.push_back(to_text(each.signature));
    const auto chosen = std::ranges::find_if(findings, [&](const Finding& each) {
      return (request_.rule.empty() || each.signature.rule == request_.rule) &&
             (request_.signature.empty() || to_text(each.signature) == request_.signature);
    });
    if (chosen != findings.end()) {
      wanted_ = {chosen->kind, chosen->signature};
      const bool only_one = findings.size() == 1;
      tell(fmt::format("{} shows {}{}", request_.name, fmt::join(texts, ", "),
                       only_one ? "" : "; shrinking " + to_text(chosen->signature)));
      return true;
    }
    report_.trace.reset();
    if (!findings.empty()) {
      report_.status = ExitStatus::BadInput;
      report_.message = fmt::format("nothing to shrink: {} shows no such finding, but {}",
                                    request_.name, fmt::join(texts, ", "));
    } else if (const auto why = why_not_judged(judged)) {
      report_.status = ExitStatus::NotJudged;
      report_.message = fmt::format("{} could not be judged: {}", request_.name, *why);
    } else {
      report_.status = ExitStatus::BadInput;
      report_.message = fmt::format("nothing to shrink: {} shows no finding", request_.name);
    }
    return false;
  }

  // Without any finding that could be shrunk.
  static std::optional<std::string> why_not_judged(const JudgedBatch& judged) {
    const Play& play = judged.outcome.plays.front();
    if (play.end == PlayEnd::NotPlayed || play.end == PlayEnd::NotJudged) {
      return play.reason.empty() ? judged.outcome.trouble : play.reason;
    }
    if (!judged.findings.front().empty()) return judged.findings.front().front().message;
    if (!judged.trouble.empty()) return judged.trouble;
    return std::nullopt;
  }

  ShrinkOptions options() const {
    ShrinkOptions options;
    options.max_candidates = request_.max_candidates;
    options.seeds = request_.seed ? 1 : request_.seeds.value_or(subject_.packs() ? 1 : kCheapSeeds);
    // A guest in which a trace hangs is lost for those behind it.
    if (subject_.packs() && !waits_for_ever(request_.trace)) options.skips = waits_for_ever;
    return options;
  }

  // Where the finding ends the boot, one that keeps it costs a boot of its own.
  RoundSizes sizes(const Play& play) const {
    if (!subject_.packs()) return {1, 1};
    const bool ends_boot = play.end != PlayEnd::Played ||
                           play.history.end != HistoryEnd::Completed ||
                           !play.history.leftovers.empty();
    const std::size_t most = std::max<std::size_t>(kMostInABoot / request_.plays, 1);
    return {ends_boot ? 1 : most, most};
  }

  // A candidate shows what all of its plays show; of a finding, the first play tells.
  Shown ask(std::span<const Trace> round) {
    JudgedBatch judged = play(round, 0, request_.plays);
    progress_.advance(round.size());
    Shown shown;
    for (std::size_t i = 0; i < round.size(); ++i) {
      const auto plays = std::span(judged.findings).subspan(i * request_.plays, request_.plays);
      const bool all = std::ranges::all_of(
          plays, [&](const auto& findings) { return shows(findings, wanted_); });
      shown.findings.push_back(all ? std::move(plays.front()) : std::vector<Finding>());
    }
    shown.stop = stop_;
    return shown;
  }

  void hear(const Shrinker& shrinker) {
    if (shrinker.best() == adopted_.back()) return;
    adopted_.push_back(shrinker.best());
    progress_.note(count_text(operation_count(shrinker.best()), "operation") + " left");
  }

  // From the smallest back to the trace that was given, which was played alone at first. False if
  // that was not to be had.
  bool confirm() {
    for (std::size_t i = adopted_.size(); i-- > 1;) {
      const Alone alone = shows_alone(adopted_[i], 0);
      if (alone == Alone::Stopped) return false;
      report_.trace = adopted_[i];
      if (alone == Alone::Shows) return true;
      tell(fmt::format("played alone, the trace of {} does not show it: taking the one before",
                       count_text(operation_count(adopted_[i]), "operation")));
    }
    report_.trace = adopted_.front();
    return true;
  }

  ShrinkReport stopped(const std::string& when) {
    report_.status = interrupt_.raised() ? ExitStatus::Interrupted : ExitStatus::NotJudged;
    report_.message = fmt::format("{} {}", stop_->message, when);
    return report_;
  }

  ShrinkReport end(ExitStatus status, const std::string& why, const Shrunk& shrunk) {
    report_.status = status;
    report_.message = fmt::format("{}: {} became {} after {}; {}", report_.signature,
                                  count_text(operation_count(request_.trace), "operation"),
                                  operation_count(*report_.trace),
                                  count_text(shrunk.candidates, "candidate"), why);
    return report_;
  }

  ChosenSubject& subject_;
  const ShrinkRequest& request_;
  const Interrupt& interrupt_;
  Progress& progress_;
  const std::function<void(std::string_view)>& say_;
  u64 played_ = 0;
  std::optional<Error> stop_;  // why nothing more is played
  WantedFinding wanted_;
  std::vector<Trace> adopted_;  // what was given, then ever smaller ones
  ShrinkReport report_;
};

}  // namespace

ShrinkReport shrink_on(ChosenSubject& subject, const ShrinkRequest& request,
                       const Interrupt& interrupt, Progress& progress,
                       const std::function<void(std::string_view)>& say) {
  return Shrinking(subject, request, interrupt, progress, say).run();
}

}  // namespace bioscope

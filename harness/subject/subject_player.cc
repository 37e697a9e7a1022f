// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/subject_player.h"

#include <utility>

namespace bioscope {

BatchOutcome SubjectPlayer::play(std::span<const BatchJob> jobs, const OnPlayed& on_played) {
  BatchOutcome outcome;
  outcome.can = subject_->can();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    outcome.interrupted = outcome.interrupted || interrupt_.raised();
    if (outcome.interrupted) {
      outcome.plays.push_back({.trace = jobs[i].job.trace, .reason = "interrupted"});
      continue;
    }
    outcome.plays.push_back(play(jobs[i].job));
    if (on_played) on_played(i);
  }
  return outcome;
}

Play SubjectPlayer::play(const Job& job) {
  Play play;
  play.trace = job.trace;
  auto history = subject_->play(job);
  if (history) {
    play.end = PlayEnd::Played;
    play.history = std::move(*history);
  } else {
    const bool lacks = !needed_by(job.trace).without(subject_->can()).empty();
    play.end = lacks ? PlayEnd::NotPlayed : PlayEnd::NotJudged;
    play.reason = history.error().message;
  }
  return play;
}

}  // namespace bioscope

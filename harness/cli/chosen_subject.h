// SPDX-License-Identifier: Apache-2.0
// The subject that --on names: it plays traces, and what it did is judged.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/cli/house.h"
#include "harness/cli/machine_room.h"
#include "harness/finding/finding.h"
#include "harness/subject/batch.h"
#include "harness/vm/interrupt.h"
#include "harness/vm/splat.h"
#include "models/base/result.h"

namespace bioscope {

struct SubjectChoice {
  std::string on = "kernel";
  std::vector<std::string> variants;  // of the reference
  std::string profile = "det";
  KernelChoice kernel;
};

// --on, --variant, --profile, --kernel and --modules. REQUIRES: `choice` outlives the parsing.
void add_subject_options(CLI::App& command, SubjectChoice& choice);

struct JudgedBatch {
  BatchOutcome outcome;
  std::vector<std::vector<Finding>> findings;  // of each job; what the console says included
  std::vector<Finding> of_boots;               // what the console says and belongs to no job
  std::string trouble;                         // why the console could not be judged
};

class ChosenSubject {
 public:
  // Could not judge: the subject cannot be made. Bad input: a variant that there is not, or one for
  // another subject than the reference. REQUIRES: interrupt outlives the subject.
  static Result<ChosenSubject> open(const SubjectChoice& choice, const House& house,
                                    const Interrupt& interrupt,
                                    const std::function<void(std::string_view)>& say);

  // `packs`: jobs share what is dear, such as a boot, and are better played many at a time.
  ChosenSubject(std::unique_ptr<BatchPlayer> player, bool packs,
                std::vector<Allowance> allowances = {})
      : player_(std::move(player)), packs_(packs), allowances_(std::move(allowances)) {}

  bool packs() const { return packs_; }

  // REQUIRES: the jobs' names differ.
  JudgedBatch play(std::span<const BatchJob> jobs, const BatchPlayer::OnPlayed& on_played);

 private:
  std::unique_ptr<BatchPlayer> player_;
  bool packs_;
  std::vector<Allowance> allowances_;
};

}  // namespace bioscope

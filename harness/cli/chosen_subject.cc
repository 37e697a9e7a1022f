// SPDX-License-Identifier: Apache-2.0
#include "harness/cli/chosen_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/gate/console.h"
#include "harness/gate/judge.h"
#include "harness/subject/reference/reference_subject.h"
#include "harness/subject/spec_subject.h"
#include "harness/subject/subject_player.h"

namespace bioscope {
namespace {

// The player of one profile, with the room that it stands in.
class RoomPlayer final : public BatchPlayer {
 public:
  RoomPlayer(MachineRoom room, std::string profile)
      : room_(std::move(room)), profile_(std::move(profile)) {}

  BatchOutcome play(std::span<const BatchJob> jobs, const OnPlayed& on_played) override {
    BatchPlayer& player = room_.subject(profile_);
    return player.play(jobs, on_played);
  }

 private:
  MachineRoom room_;
  std::string profile_;
};

Result<DefectSet> chosen_defects(const SubjectChoice& choice) {
  DefectSet defects;
  if (!choice.variants.empty() && choice.on != "reference") {
    return bad_input("--variant is for --on reference: no other subject has variants");
  }
  for (const std::string& name : choice.variants) {
    const DefectSet found = find_variant(name);
    if (found.none()) {
      return bad_input(
          fmt::format("--variant {}: there is none of that name; v8, v9, and those that "
                      "models/interposer/defects.inc lists",
                      name));
    }
    defects |= found;
  }
  return defects;
}

}  // namespace

void add_subject_options(CLI::App& command, SubjectChoice& choice) {
  command.add_option("--on", choice.on, "spec, reference or kernel")
      ->check(CLI::IsMember({"spec", "reference", "kernel"}))
      ->capture_default_str();
  command
      .add_option("--variant", choice.variants,
                  "A defect to plant in the reference: v8, v9, D-a, or a mutant's name")
      ->expected(1)
      ->take_all();
  command.add_option("--profile", choice.profile, "det or smp")
      ->check(CLI::IsMember({"det", "smp"}))
      ->capture_default_str();
  command.add_option("--kernel", choice.kernel.kernel, "debian, or a bzImage")
      ->capture_default_str();
  command.add_option("--modules", choice.kernel.modules,
                     "A folder of modules that take the place of the kernel's own");
}

Result<ChosenSubject> ChosenSubject::open(const SubjectChoice& choice, const House& house,
                                          const Interrupt& interrupt,
                                          const std::function<void(std::string_view)>& say) {
  const auto alone = [&](std::unique_ptr<Subject> subject) {
    return ChosenSubject(std::make_unique<SubjectPlayer>(std::move(subject), interrupt), false);
  };
  const auto defects = chosen_defects(choice);
  if (!defects) return std::unexpected(defects.error());
  if (choice.on == "reference") {
    const ReferenceOptions options{.defects = *defects, .watch = true, .interrupt = &interrupt};
    return ChosenSubject(std::make_unique<ReferenceSubject>(options), false);
  }
  if (choice.on == "spec") return alone(std::make_unique<SpecSubject>());
  auto allowances = read_allowances(house.suites / "allowed-console-lines.json");
  if (!allowances) return std::unexpected(allowances.error());
  auto room = MachineRoom::open(house, choice.kernel, {choice.profile}, interrupt, say);
  if (!room) return std::unexpected(room.error());
  return ChosenSubject(std::make_unique<RoomPlayer>(std::move(*room), choice.profile), true,
                       std::move(*allowances));
}

JudgedBatch ChosenSubject::play(std::span<const BatchJob> jobs,
                                const BatchPlayer::OnPlayed& on_played) {
  JudgedBatch judged;
  judged.outcome = player_->play(jobs, on_played);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    judged.findings.push_back(judge_play(jobs[i], judged.outcome.plays[i]).findings);
  }
  for (std::size_t boot = 0; boot < judged.outcome.boots.size(); ++boot) {
    ConsoleJudgement console = judge_console(jobs, judged.outcome, boot, allowances_, today_utc());
    if (!console.trouble.empty()) judged.trouble = console.trouble;
    for (Finding& finding : console.findings) {
      const auto job = std::ranges::find(jobs, finding.trace_name,
                                         [](const BatchJob& each) { return each.job.name; });
      auto& findings = job == jobs.end()
                           ? judged.of_boots
                           : judged.findings[static_cast<std::size_t>(job - jobs.begin())];
      findings.push_back(std::move(finding));
    }
  }
  return judged;
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// bioscope gate: plays a suite on a real kernel and gives the verdict.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "harness/cli/command_line.h"
#include "harness/cli/commands.h"
#include "harness/cli/machine_room.h"
#include "harness/cli/traces.h"
#include "harness/gate/run_gate.h"
#include "harness/generate/random.h"
#include "harness/report/text.h"
#include "harness/report/write.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;

struct GateOptions {
  KernelChoice kernel;
  std::string suite = "quick";
  std::string profile;  // empty: what the suite says
  u64 seed = 1;
  unsigned jobs = 0;  // 0: one machine for each core
  bool strict = false;
  bool allow_unexercised = false;
  std::string out = "out";
  std::string known;  // empty: the one beside the suites
};

void say(std::string_view line) {
  fmt::print(stderr, "{}\n", line);
}

Plan plan_for(const LoadedSuite& suite, const GateOptions& options) {
  PlanOptions plan;
  plan.seed = options.seed;
  plan.profiles = suite.suite.profiles;
  if (!options.profile.empty()) plan.profiles = {options.profile};
  plan.random_count = suite.suite.random_count;
  plan.random_seed = suite.suite.random_seed.value_or(options.seed);
  GenerateOptions generated;
  if (suite.suite.random_operations > 0) generated.operations = suite.suite.random_operations;
  plan.generate = [generated](u64 seed) { return generate(seed, generated); };
  return make_plan(suite.entries, plan);
}

// Without these nothing of a suite can be played.
Capabilities required_capabilities() {
  Capabilities required;
  for (const Capability capability : {Capability::BlockIo, Capability::DeviceMapper,
                                      Capability::NullDisk, Capability::ControlledDisk}) {
    required.add(capability);
  }
  return required;
}

Capabilities wanted_capabilities() {
  Capabilities wanted = required_capabilities();
  for (const Capability capability :
       {Capability::RawIoctl, Capability::EraDump, Capability::FileSystems, Capability::Probe,
        Capability::ScsiDisk, Capability::LoopDisk, Capability::LogDump}) {
    wanted.add(capability);
  }
  return wanted;
}

GateConfig config_for(const GateOptions& options, const LoadedSuite& suite, const Plan& plan,
                      MachineRoom& room, const Interrupt& interrupt) {
  GateConfig config;
  config.head.subject = room.description();
  config.head.kernel = room.kernel().hash;
  config.head.suite = suite.name;
  config.head.seed = options.seed;
  config.head.strict = options.strict;
  config.head.floors_waived = options.allow_unexercised;
  config.head.replaced_modules = room.replaced_modules();
  config.head.wall.started = now_utc();
  for (const PlannedBatch& batch : plan.batches) {
    auto& profiles = config.head.profiles;
    if (profiles.empty() || profiles.back() != batch.profile) profiles.push_back(batch.profile);
  }
  config.today = today_utc();
  config.machines =
      options.jobs > 0 ? options.jobs : std::max(1U, std::thread::hardware_concurrency());
  config.required = required_capabilities();
  config.wanted = wanted_capabilities();
  config.player = [&room](const std::string& profile) -> BatchPlayer& {
    return room.subject(profile);
  };
  config.interrupted = [&interrupt] { return interrupt.raised(); };
  config.seconds = steady_seconds;
  return config;
}

Result<int> gate(const GateOptions& options) {
  const Interrupt& interrupt = interrupt_by_signals();
  // A file that outgrows its limit is an error of write(), not the end of this process.
  std::signal(SIGXFSZ, SIG_IGN);
  auto house = find_house();
  if (!house) return std::unexpected(house.error());
  auto suite = load_suite(options.suite, house->suites);
  if (!suite) return std::unexpected(suite.error());
  auto known = read_known_findings(options.known.empty() ? house->suites / "known-findings.json"
                                                         : fs::path(options.known));
  if (!known) return std::unexpected(known.error());
  auto allowances = read_allowances(house->suites / "allowed-console-lines.json");
  if (!allowances) return std::unexpected(allowances.error());
  const Plan plan = plan_for(*suite, options);
  if (auto prepared = prepare_out(options.out); !prepared) {
    return std::unexpected(prepared.error());
  }
  std::vector<std::string> profiles;
  for (const PlannedBatch& batch : plan.batches) profiles.push_back(batch.profile);
  auto room = MachineRoom::open(*house, options.kernel, profiles, interrupt, say);
  if (!room && interrupt.raised()) {
    say("interrupted: nothing was played");
    return static_cast<int>(ExitStatus::Interrupted);
  }
  if (!room) return std::unexpected(room.error());

  GateConfig config = config_for(options, *suite, plan, *room, interrupt);
  config.known = std::move(*known);
  config.allowances = std::move(*allowances);
  say(fmt::format("playing {} traces on {}", plan.jobs.size(), room->description()));
  Progress progress(std::cerr, ::isatty(STDERR_FILENO) != 0, plan.jobs.size(), steady_seconds);
  GateResult result = run_gate(plan, config, progress);

  std::cout << verdict_block(result.report) << std::flush;
  const ReplayCommand replay{
      house->program.string(),
      options.kernel.kernel == "debian" ? "" : fs::absolute(options.kernel.kernel).string(),
      options.kernel.modules ? fs::absolute(*options.kernel.modules).string() : ""};
  const auto written = write_reports(result.report, result.bundles, replay, options.out);
  const int status = static_cast<int>(result.report.status);
  if (written) return status;
  // A violation that was seen stays one, even if it could not be written down.
  const int failed = fail_with(written.error());
  return result.report.status == ExitStatus::Passed ? failed : status;
}

}  // namespace

void add_gate_command(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("gate", "Plays a suite on a real kernel; the verdict");
  const auto options = std::make_shared<GateOptions>();
  command->add_option("--kernel", options->kernel.kernel, "debian, or a bzImage")
      ->capture_default_str();
  command->add_option("--modules", options->kernel.modules,
                      "A folder of modules that take the place of the kernel's own");
  command->add_option("--suite", options->suite, "smoke, quick, full or a suite file")
      ->capture_default_str();
  command->add_option("--profile", options->profile, "det or smp; else what the suite says")
      ->check(CLI::IsMember({"det", "smp"}));
  command->add_option("--seed", options->seed, "The same seed is the same run")
      ->capture_default_str();
  command->add_option("--jobs", options->jobs, "Machines at once; else one for each core")
      ->check(CLI::Range(1U, 1024U));
  command->add_flag("--strict", options->strict, "Hazards fail the gate");
  command->add_flag("--allow-unexercised", options->allow_unexercised,
                    "A run below the floors may pass");
  command->add_option("--out", options->out, "Folder for the reports")->capture_default_str();
  command->add_option("--known", options->known, "Known findings; else suites/known-findings.json");
  command->callback([options, &status] {
    const auto result = gate(*options);
    status = result ? *result : fail_with(result.error());
  });
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// bioscope mutants: plants the reference's defects one at a time and says what finds them.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "harness/cli/command_line.h"
#include "harness/cli/commands.h"
#include "harness/cli/house.h"
#include "harness/cli/machine_room.h"
#include "harness/cli/traces.h"
#include "harness/mutants/isolated.h"
#include "harness/mutants/run.h"
#include "harness/report/progress.h"
#include "harness/report/write.h"
#include "harness/subject/reference/reference_subject.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;

struct MutantsOptions {
  std::vector<std::string> names;
  MutantRunOptions run;
  std::string json;    // file
  std::string record;  // file to which the table is appended
  std::string traces;  // folder for the shrunk traces
};

int list(const MutantsOptions& options) {
  const auto mutants = choose_mutants(options.names);
  if (!mutants) return fail_with(mutants.error());
  for (const Mutant& mutant : *mutants) {
    fmt::print("{:32} {:16} breaks {:4} found by {} within {} plays: {}\n", mutant.info.name,
               mutant.info.where, mutant.info.rule, word_of(mutant.check), mutant.budget_plays,
               mutant.info.what);
  }
  return 0;
}

std::string record_head(const std::string& command) {
  return fmt::format("## {}\n\n- command: `{}`\n- machine: {}\n\n", today_utc(), command,
                     host_description());
}

std::string command_of(const MutantsOptions& options) {
  std::string command = fmt::format("bioscope mutants run --jobs {}", options.run.jobs);
  if (options.run.shrink) command += " --shrink";
  if (options.run.confirm_plays > 0) {
    command += fmt::format(" --confirm {}", options.run.confirm_plays);
  }
  for (const std::string& name : options.names) command += " " + name;
  return command;
}

Result<void> save(const MutantRun& run, const MutantsOptions& options) {
  if (!options.json.empty()) {
    if (auto done = write_whole_file(options.json, to_json(run)); !done) return done;
  }
  if (!options.traces.empty()) {
    for (const MutantRow& row : run.rows) {
      if (!row.shrunk) continue;
      const fs::path path =
          fs::path(options.traces) / fmt::format("{}.trace", row.mutant.info.name);
      if (auto done = write_whole_file(path, print_trace(*row.shrunk)); !done) return done;
    }
  }
  if (options.record.empty()) return {};
  std::ofstream out(options.record, std::ios::app);
  out << record_head(command_of(options)) << to_markdown(run) << "\n";
  if (!out.flush()) {
    return could_not_judge(fmt::format("cannot write {}: choose another file", options.record));
  }
  return {};
}

Result<int> run(const MutantsOptions& options) {
  const auto mutants = choose_mutants(options.names);
  if (!mutants) return std::unexpected(mutants.error());
  const auto house = find_house();
  if (!house) return std::unexpected(house.error());
  auto traces = read_traces_below(house->suites);
  if (!traces) return std::unexpected(traces.error());
  const auto witnesses = read_traces_below(house->witnesses);
  if (!witnesses) return std::unexpected(witnesses.error());
  traces->insert(traces->end(), witnesses->begin(), witnesses->end());
  Progress progress(std::cerr, ::isatty(STDERR_FILENO) != 0, mutants->size(), steady_seconds);
  ReferenceSubject subject({.watch = true});
  const PlayVariant play = isolated([&subject](const Job& job, const DefectSet& defects) {
    return subject.play(job, job.trace.seed, defects);
  });
  const MutantRun result = run_mutants(
      *mutants, *traces, play, options.run, [] { return interrupt_by_signals().raised(); },
      [&progress](const MutantRow& row) {
        if (!row.hunt.find) progress.found();
        progress.advance(1);
      });
  progress.finish();
  fmt::print("{}", to_text(result));
  if (auto saved = save(result, options); !saved) return std::unexpected(saved.error());
  return status_of(result);
}

}  // namespace

void add_mutants_command(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("mutants", "Defects that are planted to test what has to find them");
  command->require_subcommand(1);
  const auto options = std::make_shared<MutantsOptions>();
  CLI::App* listing = command->add_subcommand("list", "Every mutant, and what has to find it");
  listing->add_option("NAME", options->names, "Only these");
  listing->callback([options, &status] { status = list(*options); });
  CLI::App* running = command->add_subcommand("run", "Plants each one and looks for it");
  running->add_option("NAME", options->names, "Only these; else all");
  running->add_option("--jobs", options->run.jobs, "Threads; 1 for the times of one core")
      ->check(CLI::Range(1U, 256U))
      ->capture_default_str();
  running->add_flag("--shrink", options->run.shrink, "Shrink the trace of each find");
  running->add_option("--confirm", options->run.confirm_plays,
                      "Play each shrunk trace so often on the plain reference, which must pass");
  running->add_option("--json", options->json, "File for the table as JSON");
  running->add_option("--record", options->record, "File to append the table to, as Markdown");
  running->add_option("--traces", options->traces, "Folder for the shrunk traces");
  running->callback([options, &status] {
    const auto result = run(*options);
    status = result ? *result : fail_with(result.error());
  });
}

}  // namespace bioscope

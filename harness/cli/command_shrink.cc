// SPDX-License-Identifier: Apache-2.0
// bioscope shrink: the smallest trace that shows the same finding.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "harness/cli/chosen_subject.h"
#include "harness/cli/command_line.h"
#include "harness/cli/commands.h"
#include "harness/cli/shrinking.h"
#include "harness/cli/traces.h"
#include "harness/report/write.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

struct Options {
  SubjectChoice subject;
  std::string trace;
  ShrinkRequest request;
  std::string out;  // file; empty: standard output
};

void say(std::string_view line) {
  fmt::print(stderr, "{}\n", line);
}

// A bundle is a folder that holds its trace.
std::filesystem::path trace_file(const std::filesystem::path& path) {
  return std::filesystem::is_directory(path) ? path / "trace.trace" : path;
}

// The text form with a comment that says what it is.
std::string text_of(const ShrinkReport& report, const Options& options) {
  const std::string text = print_trace(*report.trace);
  const std::size_t head = text.find('\n') + 1;
  if (report.signature.empty()) return text;
  return fmt::format("{}# Shows: {} on {}; shrunk from {}\n{}", text.substr(0, head),
                     report.signature, options.subject.on, options.request.name, text.substr(head));
}

Result<int> shrink(const Options& options) {
  auto trace = read_trace(trace_file(options.trace));
  if (!trace) return std::unexpected(trace.error());
  auto house = find_house();
  if (!house) return std::unexpected(house.error());
  const Interrupt& interrupt = interrupt_by_signals();
  auto subject = ChosenSubject::open(options.subject, *house, interrupt, say);
  if (!subject && interrupt.raised()) {
    say("interrupted: nothing was shrunk");
    return static_cast<int>(ExitStatus::Interrupted);
  }
  if (!subject) return std::unexpected(subject.error());
  ShrinkRequest request = options.request;
  request.trace = std::move(*trace);
  Progress progress(std::cerr, ::isatty(STDERR_FILENO) != 0, request.max_candidates, steady_seconds,
                    {"candidates", "at most"});
  const ShrinkReport report = shrink_on(*subject, request, interrupt, progress, say);
  say(report.status == ExitStatus::Passed ? report.message : "bioscope: " + report.message);
  if (!report.trace) return static_cast<int>(report.status);
  const std::string text = text_of(report, options);
  if (options.out.empty()) {
    fmt::print("{}", text);
  } else if (auto written = write_whole_file(options.out, text); !written) {
    return std::unexpected(written.error());
  }
  return static_cast<int>(report.status);
}

}  // namespace

void add_shrink_command(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("shrink", "Finds the smallest trace that shows the same finding");
  const auto options = std::make_shared<Options>();
  ShrinkRequest& request = options->request;
  command->add_option("TRACE|BUNDLE", options->trace, "A trace in text form, or a bundle")
      ->required();
  add_subject_options(*command, options->subject);
  command->add_option("--seed", request.seed, "Of the interleaving; else each trace's own");
  command->add_option("--rule", request.rule, "Shrink a finding of this rule or property");
  command->add_option("--signature", request.signature,
                      "Shrink the finding RULE/TARGET/OPERATION[/PLACE]");
  command
      ->add_option("--seeds", request.seeds,
                   "Try a change with up to so many seeds, if nothing else helps; 1 on a kernel, "
                   "else 16")
      ->check(CLI::Range(1U, 100000U))
      ->excludes("--seed");
  command->add_option("--plays", request.plays, "So often, with as many seeds, it has to show")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
  command->add_option("--candidates", request.max_candidates, "Give up after so many")
      ->capture_default_str();
  command->add_option("--out", options->out, "File for the shrunk trace; else standard output");
  command->callback([options, &status] {
    options->request.name = trace_file(options->trace).filename().string();
    const auto result = shrink(*options);
    status = result ? *result : fail_with(result.error());
  });
}

}  // namespace bioscope

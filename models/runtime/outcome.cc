// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/outcome.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace bioscope::rt {
namespace {

constexpr std::array<std::string_view, 4> kEndTexts{"finished", "deadlock", "step bound reached",
                                                    "failed"};

std::string name_of(const Outcome& outcome, u32 thread) {
  const auto found = std::ranges::find(outcome.waiting, thread, &Waiting::thread);
  return found == outcome.waiting.end() ? fmt::format("#{}", thread)
                                        : fmt::format("{}#{}", found->thread_name, thread);
}

std::string describe(const Outcome& outcome, const Waiting& waiting) {
  std::string text =
      fmt::format("  {}#{} {} {} {}", waiting.thread_name, waiting.thread,
                  waiting.blocked ? "waits in" : "is before", waiting.action, waiting.object);
  for (const u32 holder : waiting.holders) text += ", held by " + name_of(outcome, holder);
  if (waiting.condition == true) text += ", whose condition is true: a lost wake-up";
  if (waiting.condition == false) text += ", whose condition is false";
  return text + "\n";
}

}  // namespace

bool Outcome::lost_wake_up() const {
  return end == End::Deadlock && std::ranges::any_of(waiting, [](const Waiting& each) {
           return each.condition.value_or(false);
         });
}

std::string describe(const Outcome& outcome) {
  std::string text(kEndTexts[static_cast<std::size_t>(outcome.end)]);
  if (!outcome.message.empty()) text += ": " + outcome.message;
  text += fmt::format(" (after {} steps)\n", outcome.steps);
  for (const Waiting& waiting : outcome.waiting) text += describe(outcome, waiting);
  if (!outcome.cycle.empty()) {
    std::vector<std::string> names;
    for (const u32 thread : outcome.cycle) names.push_back(name_of(outcome, thread));
    text += fmt::format("  cycle: {} -> {}\n", fmt::join(names, " -> "), names.front());
  }
  return text;
}

}  // namespace bioscope::rt

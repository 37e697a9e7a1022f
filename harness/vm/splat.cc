// SPDX-License-Identifier: Apache-2.0
#include "harness/vm/splat.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/vm/splat_patterns.h"

namespace bioscope {
namespace {

using Shape = SplatPattern::Shape;

constexpr std::size_t kBlockLinesMax = 200;
constexpr std::size_t kLinesToStackMax = 120;    // lockdep prints its chain of locks first
constexpr std::size_t kLinesAfterStackMax = 24;  // an oops repeats registers before "end trace"
constexpr std::string_view kMarker = "bioscope: trace ";

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    while (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

// The line without "[   12.345678] " and, if callers are printed, "[  T123] ".
std::string_view without_prefix(std::string_view line) {
  for (int i = 0; i < 2; ++i) {
    const std::size_t end = line.find("] ");
    if (!line.starts_with('[') || end == std::string_view::npos) break;
    const std::string_view inside = line.substr(1, end - 1);
    if (inside.find_first_not_of(" 0123456789.TC") != std::string_view::npos) break;
    line.remove_prefix(end + 2);
  }
  return line;
}

bool contains(std::string_view line, std::string_view text) {
  return line.find(text) != std::string_view::npos;
}

const SplatPattern* match(std::string_view line) {
  for (const SplatPattern& pattern : splat_patterns()) {
    if (contains(line, pattern.text)) return &pattern;
  }
  return nullptr;
}

// "function+0x12/0x34 [module]" -> function; empty if there is none.
std::string_view function_in(std::string_view text) {
  const std::size_t plus = text.find("+0x");
  if (plus == std::string_view::npos) return {};
  const std::size_t start = text.find_last_of(" :", plus);
  return text.substr(start + 1, plus - start - 1);
}

std::string symbol_of(const std::vector<std::string>& block) {
  for (const std::string& line : block) {
    const std::size_t at = line.find("RIP: 0010:");
    if (at == std::string::npos) continue;
    const std::string_view function = function_in(std::string_view(line).substr(at));
    if (!function.empty() && !is_helper_function(function)) return std::string(function);
    break;
  }
  bool in_stack = false;
  for (const std::string& line : block) {
    const std::string_view text = without_prefix(line);
    if (contains(text, "Call Trace:") || contains(text, "<TASK>") || contains(text, "<IRQ>")) {
      in_stack = true;
    }
    if (!in_stack || contains(text, " ? ")) continue;
    const std::string_view function = function_in(text);
    if (!function.empty() && !is_helper_function(function)) return std::string(function);
  }
  return {};
}

// The second headline of one report: BUG, then Oops; refcount_t, then WARNING: CPU.
bool continues_report(const SplatPattern& pattern, std::string_view line) {
  return pattern.category == "oops" || pattern.category == "invalid opcode" ||
         pattern.category == "kernel BUG" || contains(line, "WARNING: CPU:");
}

// One past the last line of the report that starts at `start`. A report ends with its "end trace",
// or with its stack when there is none; another headline is a report of its own.
std::size_t block_end(const std::vector<std::string_view>& lines, std::size_t start) {
  std::size_t end = start + 1;
  bool in_stack = false;
  bool stack_over = false;
  const std::size_t last = std::min(lines.size(), start + kBlockLinesMax);
  for (std::size_t i = start + 1; i < last; ++i) {
    const std::string_view line = lines[i];
    if (contains(line, "---[ end ")) return i + 1;
    if (contains(line, kMarker) || contains(line, "---[ cut here ]---")) break;
    const SplatPattern* pattern = match(line);
    if (pattern != nullptr && (stack_over || !continues_report(*pattern, line))) break;
    in_stack = in_stack || contains(line, "Call Trace:") || contains(line, "RIP: 0010:");
    if (!in_stack && i - start > kLinesToStackMax) break;
    if (in_stack && i - end > kLinesAfterStackMax) break;
    stack_over = stack_over || contains(line, "</TASK>");
    if (in_stack && !function_in(line).empty()) end = i + 1;
    if (contains(line, "</TASK>") || contains(line, "</IRQ>")) end = i + 1;
  }
  return end;
}

bool is_in(const std::set<SplatPolicy::TracePlay>& plays, const SplatPolicy::TracePlay& play) {
  return !play.first.empty() && plays.contains(play);
}

void apply_allowances(const SplatPolicy& policy, Splat& splat) {
  for (std::size_t i = 0; i < policy.allowances.size(); ++i) {
    const Allowance& entry = policy.allowances[i];
    if (entry.pattern.empty() || !contains(splat.headline, entry.pattern)) continue;
    if (entry.scope == Allowance::Scope::HeldRequests &&
        !is_in(policy.traces_that_hold, {splat.trace, splat.play})) {
      continue;
    }
    splat.allowance = i;
    splat.allowance_expired = entry.expiry < policy.today;
    if (!splat.allowance_expired) return;
  }
}

// "bioscope: trace NAME begin|end" moves from one trace to the next. True if the line is such a
// one.
bool take_marker(std::string_view line, std::string& trace,
                 std::map<std::string, std::size_t>& begun) {
  if (!line.starts_with(kMarker)) return false;
  const std::string_view rest = line.substr(kMarker.size());
  const std::size_t space = rest.rfind(' ');
  if (space == std::string_view::npos) return false;
  const std::string_view what = rest.substr(space + 1);
  if (what != "begin" && what != "end") return false;
  trace = what == "begin" ? std::string(rest.substr(0, space)) : std::string();
  if (!trace.empty()) ++begun[trace];
  return true;
}

std::size_t play_in(const std::map<std::string, std::size_t>& begun, const std::string& trace) {
  const auto found = begun.find(trace);
  return found == begun.end() ? 0 : found->second - 1;
}

std::string why_not_judged(std::string_view console, const std::vector<std::string_view>& lines) {
  if (console.empty()) return "the guest's console is empty, so nothing was judged";
  if (!contains(console, "Linux version ")) {
    return "the guest's console does not start with a kernel's words, so nothing was judged; boot "
           "without quiet";
  }
  for (const std::string_view line : lines) {
    if (contains(line, "printk messages dropped")) {
      return "the guest's kernel lost messages of its console, so nothing was judged; boot with a "
             "larger log_buf_len";
    }
  }
  return {};
}

}  // namespace

const Splat* ConsoleScan::first_unallowed() const {
  const auto found = std::ranges::find_if(splats, [](const Splat& s) { return !s.is_allowed(); });
  return found == splats.end() ? nullptr : &*found;
}

ConsoleScan scan_console(std::string_view console, const SplatPolicy& policy) {
  ConsoleScan scan;
  const std::vector<std::string_view> lines = split_lines(console);
  scan.why_not = why_not_judged(console, lines);
  scan.judged = scan.why_not.empty();
  std::string trace;
  std::map<std::string, std::size_t> begun;  // how often each trace has begun
  for (std::size_t i = 0; i < lines.size();) {
    const std::string_view line = without_prefix(lines[i]);
    const SplatPattern* pattern = nullptr;
    if (!take_marker(line, trace, begun)) pattern = match(line);
    const bool expected =
        pattern != nullptr && ((pattern->shape == Shape::AfterTraces && begun.empty()) ||
                               (pattern->shape == Shape::IoError &&
                                is_in(policy.traces_that_fail_io, {trace, play_in(begun, trace)})));
    if (pattern == nullptr || expected) {
      ++i;
      continue;
    }
    const std::size_t end = pattern->shape == Shape::Stack ? block_end(lines, i) : i + 1;
    Splat splat;
    splat.category = pattern->category;
    splat.line = i + 1;
    splat.headline = line;
    splat.trace = trace;
    splat.play = play_in(begun, trace);
    splat.block.assign(lines.begin() + static_cast<std::ptrdiff_t>(i),
                       lines.begin() + static_cast<std::ptrdiff_t>(end));
    splat.symbol = symbol_of(splat.block);
    apply_allowances(policy, splat);
    scan.splats.push_back(std::move(splat));
    i = end;
  }
  return scan;
}

std::vector<std::string_view> splat_categories() {
  std::vector<std::string_view> categories;
  for (const SplatPattern& pattern : splat_patterns()) {
    if (std::ranges::find(categories, pattern.category) == categories.end()) {
      categories.push_back(pattern.category);
    }
  }
  return categories;
}

}  // namespace bioscope

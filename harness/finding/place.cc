// SPDX-License-Identifier: Apache-2.0
#include "harness/finding/place.h"

#include <algorithm>
#include <array>
#include <optional>

namespace bioscope {
namespace {

// Symbols that stand on nearly every stack, whatever went wrong.
constexpr std::array<std::string_view, 47> kGeneric{"__schedule",
                                                    "schedule",
                                                    "schedule_timeout",
                                                    "schedule_preempt_disabled",
                                                    "io_schedule",
                                                    "io_schedule_timeout",
                                                    "preempt_schedule",
                                                    "preempt_schedule_common",
                                                    "preempt_schedule_irq",
                                                    "__cond_resched",
                                                    "wait_for_completion",
                                                    "wait_for_completion_io",
                                                    "__wait_for_common",
                                                    "wait_for_common",
                                                    "__mutex_lock",
                                                    "__mutex_lock_slowpath",
                                                    "mutex_lock",
                                                    "rwsem_down_write_slowpath",
                                                    "rwsem_down_read_slowpath",
                                                    "down_read",
                                                    "down_write",
                                                    "__synchronize_srcu",
                                                    "synchronize_srcu",
                                                    "synchronize_rcu",
                                                    "synchronize_rcu_expedited",
                                                    "bit_wait_io",
                                                    "__wait_on_bit",
                                                    "out_of_line_wait_on_bit",
                                                    "folio_wait_bit_common",
                                                    "submit_bio_wait",
                                                    "dump_stack",
                                                    "dump_stack_lvl",
                                                    "show_stack",
                                                    "panic",
                                                    "__warn",
                                                    "report_bug",
                                                    "handle_bug",
                                                    "exc_invalid_op",
                                                    "asm_exc_invalid_op",
                                                    "exc_page_fault",
                                                    "asm_exc_page_fault",
                                                    "page_fault_oops",
                                                    "do_syscall_64",
                                                    "entry_SYSCALL_64_after_hwframe",
                                                    "__x64_sys_ioctl",
                                                    "kthread",
                                                    "ret_from_fork"};

bool is_symbol_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.';
}

// The symbol before "+0x", and whether the unwinder doubted it.
struct Entry {
  std::string_view symbol;
  bool unreliable = false;
};

std::optional<Entry> entry_of(std::string_view line) {
  const std::size_t plus = line.find("+0x");
  if (plus == std::string_view::npos) return std::nullopt;
  std::size_t start = plus;
  while (start > 0 && is_symbol_character(line[start - 1])) --start;
  if (start == plus) return std::nullopt;
  const bool unreliable = start >= 2 && line.substr(start - 2, 2) == "? ";
  return Entry{line.substr(start, plus - start), unreliable};
}

std::string_view without_suffix(std::string_view symbol) {
  const std::size_t dot = symbol.find('.', 1);
  return dot == std::string_view::npos ? symbol : symbol.substr(0, dot);
}

template <typename Visit>  // bool(std::string_view): false ends the walk
void each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (!visit(text.substr(0, end))) return;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

std::string telling_place(std::string_view stack) {
  std::string at_rip;
  std::string on_stack;
  each_line(stack, [&](std::string_view line) {
    const auto entry = entry_of(line);
    if (!entry || entry->unreliable) return true;
    const std::string_view symbol = without_suffix(entry->symbol);
    if (std::ranges::find(kGeneric, symbol) != kGeneric.end()) return true;
    if (line.contains("RIP: 0010:")) {
      at_rip = symbol;
      return false;
    }
    // A user-space RIP has no symbol; anything else with an offset is an entry of a call trace.
    if (on_stack.empty()) on_stack = symbol;
    return true;
  });
  return at_rip.empty() ? on_stack : at_rip;
}

}  // namespace bioscope

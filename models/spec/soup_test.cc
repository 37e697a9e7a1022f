// SPDX-License-Identifier: Apache-2.0
// Whatever a trace does, in however foolish an order: what the specification itself would return is
// legal. Operations are drawn blindly, so most meet devices that are suspended, attached, cut off
// from power or gone.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <vector>

#include "models/base/chooser.h"
#include "models/spec/model.h"
#include "models/spec/player.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

constexpr u64 kTraces = 2000;
constexpr u32 kOperations = 40;

class Soup {
 public:
  explicit Soup(u64 seed) : chooser_(seed), seed_(seed) {}

  std::string trace() {
    std::string text = fmt::format(
        "bioscope-trace 1\nseed {}\ndisk d0 controlled size=256 cache=volatile\n"
        "disk c0 controlled size=256 cache=volatile\ndisk n0 null size=2048\n",
        seed_);
    const u32 lanes = 1 + pick(2);
    for (u32 lane = 0; lane < lanes; ++lane) {
      text += fmt::format("lane L{}\n", lane);
      for (u32 i = 0; i < kOperations / lanes; ++i) text += "  " + operation() + "\n";
    }
    return text;
  }

 private:
  u32 pick(u32 n) { return chooser_.pick(ChoiceKind::Generate, 1, n); }
  std::string_view one_of(std::initializer_list<std::string_view> words) {
    return words.begin()[pick(static_cast<u32>(words.size()))];
  }
  std::string async() { return pick(2) == 0 ? "" : fmt::format("l{}: async ", labels_++); }
  std::string_view mapped() { return one_of({"a", "b", "c"}); }
  std::string_view disk() { return one_of({"d0", "c0", "n0", "d0p1"}); }
  std::string_view device() { return pick(2) == 0 ? mapped() : disk(); }
  std::string range() { return fmt::format("{}+{}", 8 * pick(32), 8 * (1 + pick(4))); }
  std::string below() { return fmt::format("{}{}", pick(3) == 0 ? "[interpose]" : "", disk()); }

  std::string table() {
    switch (pick(9)) {
      case 0:
        return fmt::format("0 128 linear {} {}", below(), 8 * pick(4));
      case 1:
        return fmt::format("0 256 flakey {} 0 {} {} 1 error_writes", below(), pick(3), pick(3));
      case 2:
        return fmt::format("0 256 snapshot-origin {}", below());
      case 3:
        return fmt::format("0 256 snapshot {} {} {} 8", below(), below(), one_of({"P", "N", "PO"}));
      case 4:
        return fmt::format("0 256 era n0 {} 8", below());
      case 5:
        return fmt::format("0 128 striped 2 8 {} 0 {} 0", below(), below());
      case 6:
        return fmt::format("0 128 linear {} 0; 128 128 {}", below(), one_of({"zero", "error"}));
      case 7:
        return fmt::format("0 256 snapshot-merge {} {} P 8", below(), below());
      default:
        return fmt::format("0 256 linear {} 0", below());
    }
  }

  std::string operation() {
    switch (pick(30)) {
      case 0:
      case 1:
      case 2:
        return fmt::format("create {}", mapped());
      case 3:
      case 4:
      case 5:
      case 6:
        return fmt::format("load {} \"{}\"{}", mapped(), table(), pick(2) == 0 ? " interpose" : "");
      case 7:
      case 8:
      case 9:
      case 10:
        return fmt::format("resume {}", mapped());
      case 11:
        return fmt::format("suspend {}", mapped());
      case 12:
        return fmt::format("remove {}{}", mapped(), pick(3) == 0 ? " deferred" : "");
      case 13:
        return fmt::format("{} {}", one_of({"open", "close", "info", "deps"}), device());
      case 14:
        return fmt::format("{} {}", one_of({"status", "table", "clear"}), mapped());
      case 15:
        return fmt::format("{} {}", one_of({"power-cut", "reopen"}), one_of({"d0", "c0"}));
      case 16:
        return pick(4) == 0 ? fmt::format("hot-remove {}", one_of({"d0", "c0", "n0"}))
                            : fmt::format("flush {}", device());
      case 17:
        return fmt::format("resize {} {}", one_of({"d0", "c0"}), 64 * (1 + pick(8)));
      case 18:
        return "partition d0 \"64+128\"";
      case 19:
        return async() + fmt::format("bio {} write {} preflush", device(), range());
      case 20:
        return async() + fmt::format("write {} {} fua", device(), range());
      case 21:
        return fmt::format("discard {} {}", device(), range());
      case 22:
        return fmt::format("clock {}", 500 * pick(5));
      case 23:
        return "era-dump n0";
      case 24:
      case 25:
      case 26:
        return async() + fmt::format("write {} {}", device(), range());
      default:
        return async() + fmt::format("read {} {}", device(), range());
    }
  }

  Chooser chooser_;
  u64 seed_;
  u32 labels_ = 0;
};

TEST(Soup, WhatTheSpecificationWouldReturnIsLegal) {
  u64 binding = 0;
  for (u64 seed = 1; seed <= kTraces; ++seed) {
    const std::string text = Soup(seed).trace();
    const auto trace = parse_trace(text, "soup");
    ASSERT_TRUE(trace.has_value()) << trace.error().message;
    const History history = perfect_history(*trace);
    Model model(*trace);
    for (const Event& event : history.events) {
      const Verdict verdict = model.apply(event);
      // What would wait for ever returns all the same when nothing else can run (player.h).
      if (verdict.rule == rule(38)) continue;
      ASSERT_NE(verdict.kind, VerdictKind::Violation)
          << name_of(verdict.rule) << ": " << verdict.message << " at operation " << event.operation
          << " \"" << print_operation(operation_at(*trace, event.operation)) << "\" of\n"
          << to_text(*trace, history);
    }
    for (const Verdict& verdict : model.finish(history)) {
      ASSERT_NE(verdict.kind, VerdictKind::Violation) << verdict.message << "\n" << text;
    }
    binding += model.marks().reads_binding;
  }
  EXPECT_GT(binding, kTraces);
}

}  // namespace
}  // namespace bioscope

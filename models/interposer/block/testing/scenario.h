// SPDX-License-Identifier: Apache-2.0
// Scenarios: programs that say with rt::fail() what must not be. Each is a test of its own, under
// many schedules; and it is what a planted defect has to be found by (mutants_test.cc).
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>

#include "models/runtime/test_runs.h"

namespace bioscope::blk::testing {

using Scenario = void (*)();

inline std::map<std::string_view, Scenario>& scenarios() {
  static std::map<std::string_view, Scenario> all;
  return all;
}

struct ScenarioEntry {
  ScenarioEntry(std::string_view name, Scenario scenario) { scenarios().emplace(name, scenario); }
};

inline void check(bool holds, const std::string& what) {
  if (!holds) rt::fail(what);
}

template <typename A, typename B>
void check_equal(const A& actual, const B& expected, const std::string& what) {
  if (!(actual == expected)) {
    rt::fail(what + ": " + ::testing::PrintToString(actual) + ", not " +
             ::testing::PrintToString(expected));
  }
}

}  // namespace bioscope::blk::testing

// A test that is a scenario: SCENARIO(Split, TilesTheBio) { ... }
#define SCENARIO(suite, name)                                                                   \
  static void suite##_##name();                                                                 \
  static const ::bioscope::blk::testing::ScenarioEntry suite##_##name##_entry(#suite "." #name, \
                                                                              &suite##_##name); \
  TEST(suite, name) {                                                                           \
    ::bioscope::rt::finishes(&suite##_##name);                                                  \
  }                                                                                             \
  static void suite##_##name()

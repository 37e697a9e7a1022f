// SPDX-License-Identifier: Apache-2.0
#include "harness/report/progress.h"

#include <gtest/gtest.h>

#include <sstream>

namespace bioscope {
namespace {

TEST(Progress, RedrawsOneLineOnATerminal) {
  std::ostringstream out;
  double now = 100;
  Progress progress(out, true, 10, [&] { return now; });
  now = 104;
  progress.advance(4);
  progress.finish();
  EXPECT_EQ(out.str(),
            "\r\x1b[K0 of 10 traces, 0 s\r\x1b[K4 of 10 traces, 4 s, about 6 s left\r\x1b[K");
}

TEST(Progress, PlainLinesElsewhereOnePerTenth) {
  std::ostringstream out;
  Progress progress(out, false, 100, [] { return 0.0; });
  for (int i = 0; i < 25; ++i) progress.advance(1);
  progress.found();
  progress.finish();
  EXPECT_EQ(out.str(),
            "10 of 100 traces, 0 s, about 0 s left\n"
            "20 of 100 traces, 0 s, about 0 s left\n");
}

TEST(Progress, SaysWhatItCountsAndWhatIsNoted) {
  std::ostringstream out;
  double now = 0;
  Progress progress(out, true, 10, [&] { return now; }, {"candidates", "at most"});
  progress.note("7 operations");
  now = 2;
  progress.advance(5);
  EXPECT_TRUE(out.str().ends_with("5 of 10 candidates, 7 operations, 2 s, at most 2 s left"));
}

TEST(Progress, ANewNoteIsALineElsewhere) {
  std::ostringstream out;
  Progress progress(out, false, 100, [] { return 0.0; });
  for (const char* note : {"9 left", "9 left", "8 left"}) {
    progress.advance(1);
    progress.note(note);
  }
  EXPECT_EQ(out.str(),
            "1 of 100 traces, 9 left, 0 s, about 0 s left\n"
            "3 of 100 traces, 8 left, 0 s, about 0 s left\n");
}

TEST(Progress, DurationsArePlain) {
  EXPECT_EQ(duration_text(9.4), "9 s");
  EXPECT_EQ(duration_text(125), "2:05");
}

}  // namespace
}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "models/trace/lower.h"

#include <gtest/gtest.h>

#include "models/trace/text.h"

namespace bioscope {
namespace {

Trace parse(std::string_view text) {
  const auto trace = parse_trace("bioscope-trace 1\nseed 1\n" + std::string(text), "t");
  EXPECT_TRUE(trace) << trace.error().message;
  return *trace;
}

std::string lowered(std::string_view text) {
  const auto trace = lower_interpose(parse(text));
  return trace ? print_trace(*trace) : trace.error().message;
}

TEST(Lower, ATraceWithoutInterposersStaysAsItIs) {
  const Trace trace = parse("disk d0 null size=64\nlane A\nread d0 0+8\n");
  EXPECT_EQ(*lower_interpose(trace), trace);
}

TEST(Lower, AttachAndDetachSwapTheTableOfALayer) {
  EXPECT_EQ(lowered("disk d0 null size=64\nlane A\nmkfs d0 ext4; mount d0 m\n"
                    "create t; load t \"0 64 flakey d0 0 1 3\" interpose; resume t; status t\n"
                    "r: remove t\nlane B\nwrite d0 0+8\n"),
            "bioscope-trace 1\nseed 1\ndisk d0 null size=64 lbs=512\n"
            "lane A\n  create layer-d0\n  load layer-d0 \"0 64 linear d0 0\"\n"
            "  layers-placed: resume layer-d0\n"
            "  mkfs layer-d0 ext4\n  mount layer-d0 m\n"
            "  info layer-d0\n  load layer-d0 \"0 64 flakey d0 0 1 3\"\n  resume layer-d0\n"
            "  status layer-d0\n"
            "  load layer-d0 \"0 64 linear d0 0\"\n  r: resume layer-d0\n"
            "lane B\n  after returned layers-placed\n  write layer-d0 0+8\n");
}

TEST(Lower, APrefixSaysWhichDiskAndSnapshotsKeepTheOriginItself) {
  const std::string text = lowered(
      "disk m0 null size=64\ndisk d0 null size=64\ndisk c0 null size=64\nlane A\n"
      "create e; load e \"0 64 era m0 [interpose]d0 8\" interpose; resume e\n"
      "create s; load s \"0 64 snapshot d0 c0 N 8\"; create l; load l \"0 64 linear d0 0\"\n");
  EXPECT_NE(text.find("load layer-d0 \"0 64 era m0 d0 8\""), std::string::npos) << text;
  EXPECT_NE(text.find("load s \"0 64 snapshot d0 c0 N 8\""), std::string::npos) << text;
  EXPECT_NE(text.find("load l \"0 64 linear layer-d0 0\""), std::string::npos) << text;
}

TEST(Lower, WhatALayerCannotStandForIsSaid) {
  EXPECT_NE(lowered("disk d0 null size=64\nlane A\nload t \"0 64 zero\" interpose\n")
                .find("does not say which one disk"),
            std::string::npos);
  EXPECT_NE(lowered("disk d0 null size=64\nlane A\nload t \"0 64 linear d0 0\" interpose\n"
                    "hot-remove d0\n")
                .find("no layer to stand for it"),
            std::string::npos);
  EXPECT_NE(lowered("disk d0 null size=64\nlane A\nload t \"0 64 linear d0 0\" interpose\n"
                    "load u \"0 64 linear d0 0\" interpose\n")
                .find("two interposers on d0"),
            std::string::npos);
}

}  // namespace
}  // namespace bioscope

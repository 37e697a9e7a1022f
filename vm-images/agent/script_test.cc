// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/trace/text.h"

namespace bioscope {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Trace trace_with(const std::string& script) {
  const auto trace = parse_trace(
      "bioscope-trace 1\nseed 1\ndisk d0 controlled size=64\nlane A\n  r1: async read d0 0+8\n"
      "  wait r1\ndisk-script\n" +
          script,
      "test");
  EXPECT_TRUE(trace.has_value()) << (trace ? "" : trace.error().message);
  return trace.value_or(Trace{});
}

// What the disk server was told: "hold 0", "release 0", "fail 1".
struct Server {
  std::vector<std::string> told;
  Script::SlotOf slot_of = [](const std::string& disk) -> std::optional<u32> {
    if (disk != "d0") return std::nullopt;
    return 0;
  };
  Script::Send send = [this](const DiskCommand& command) {
    const bool releases = command.kind == DiskCommand::Kind::Release;
    const bool fails = command.step_kind == DiskStepKind::Fail;
    told.push_back((releases ? "release "
                    : fails  ? "fail "
                             : "hold ") +
                   std::to_string(command.step));
    return true;
  };
};

TEST(Script, StepsWithoutAnEdgeAreArmedBeforeTheLanesStart) {
  const Trace trace = trace_with("  h1: hold d0 read 0+8\n  release h1 after invoked r1\n");
  Server server;
  Script script(trace, server.slot_of, server.send);
  ASSERT_TRUE(script.begin().has_value());
  EXPECT_THAT(server.told, ElementsAre("hold 0"));
}

TEST(Script, AnEdgeFiresItsStepsOnce) {
  const Trace trace = trace_with(
      "  h1: hold d0 read 0+8 after invoked r1\n"
      "  fail d0 write EIO after invoked r1\n"
      "  release h1 after held h1\n");
  Server server;
  Script script(trace, server.slot_of, server.send);
  ASSERT_TRUE(script.begin().has_value());
  EXPECT_THAT(server.told, IsEmpty());
  script.reached(EdgeKind::Returned, "r1");
  EXPECT_THAT(server.told, IsEmpty());
  script.reached(EdgeKind::Invoked, "r1");
  script.reached(EdgeKind::Invoked, "r1");
  EXPECT_THAT(server.told, ElementsAre("hold 0", "fail 1"));
  script.reached(EdgeKind::Held, "h1");
  EXPECT_THAT(server.told, ElementsAre("hold 0", "fail 1", "release 0"));
}

TEST(Script, QuietReleasesOnlyWhatIsHeld) {
  const Trace trace = trace_with("  h1: hold d0 read 0+8\n  release h1 when quiet\n");
  Server server;
  Recorder recorder(trace);
  Script script(trace, server.slot_of, server.send);
  ASSERT_TRUE(script.begin().has_value());
  EXPECT_FALSE(script.wants_quiet(recorder));
  recorder.notice(EventKind::Held, 0);
  ASSERT_TRUE(script.wants_quiet(recorder));
  script.quiet(recorder);
  EXPECT_FALSE(script.wants_quiet(recorder));
  EXPECT_THAT(server.told, ElementsAre("hold 0", "release 0"));
}

TEST(Script, ADiskThatIsNotControlledIsRefused) {
  const Trace trace = trace_with("  h1: hold d0 read 0+8\n  release h1\n");
  Server server;
  Script script(trace, [](const std::string&) { return std::nullopt; }, server.send);
  EXPECT_FALSE(script.begin().has_value());
}

}  // namespace
}  // namespace bioscope

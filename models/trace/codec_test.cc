// SPDX-License-Identifier: Apache-2.0
#include "models/trace/codec.h"

#include <gtest/gtest.h>

#include "models/base/chooser.h"
#include "models/trace/check.h"
#include "models/trace/syntax.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

std::vector<u8> random_bytes(u64 seed, u32 longest) {
  Chooser chooser(seed);
  std::vector<u8> bytes(chooser.pick(ChoiceKind::Generate, 1, longest));
  for (u8& byte : bytes) byte = static_cast<u8>(chooser.pick(ChoiceKind::Generate, 2, 256));
  return bytes;
}

// Bytes that reach deep into the codec: small numbers, so that counts are small and lanes follow.
std::vector<u8> small_bytes(u64 seed) {
  std::vector<u8> bytes = random_bytes(seed, 600);
  for (u8& byte : bytes) byte %= 48;
  return bytes;
}

// A real trace with a few bytes changed: what random bytes hardly ever reach.
std::vector<u8> mutated_bytes(u64 seed) {
  const auto trace = parse_trace(
      "bioscope-trace 1\nseed 3\ndisk d0 controlled size=64\nchoices schedule 1 2 3\nlane A\n"
      "r: async read d0 0+8\nwait r\nlane B\nafter held h\nwrite d0 0+8 fua\n"
      "disk-script\nh: hold d0 read\nrelease h when quiet\nfail d0 write EIO after invoked r\n",
      "t");
  std::vector<u8> bytes = encode_trace(*trace);
  Chooser chooser(seed);
  for (int i = 0; i < 3; ++i) {
    const auto at = chooser.pick(ChoiceKind::Generate, 3, static_cast<u32>(bytes.size()));
    bytes[at] = static_cast<u8>(chooser.pick(ChoiceKind::Generate, 4, 256));
  }
  return bytes;
}

void expect_round_trips(const Trace& trace) {
  const auto problem = check(trace);
  ASSERT_FALSE(problem) << problem->message;
  EXPECT_EQ(decode_trace(encode_trace(trace)), trace);
  const auto parsed = parse_trace(print_trace(trace), "printed");
  ASSERT_TRUE(parsed) << parsed.error().message << "\n" << print_trace(trace);
  EXPECT_EQ(*parsed, trace) << print_trace(trace);
}

TEST(TraceCodec, EveryByteStringIsALegalTraceInBothForms) {
  std::size_t operations = 0;
  std::size_t steps = 0;
  for (u64 seed = 0; seed < 1500; ++seed) {
    const Trace trace = decode_trace(seed % 3 == 0   ? random_bytes(seed, 400)
                                     : seed % 3 == 1 ? small_bytes(seed)
                                                     : mutated_bytes(seed));
    operations += operation_count(trace);
    steps += trace.disk_script.size();
    expect_round_trips(trace);
    if (HasFatalFailure()) FAIL() << "seed " << seed;
  }
  EXPECT_GT(operations, 1000U) << "the bytes do not reach operations: the test proves nothing";
  EXPECT_GT(steps, 200U);
}

TEST(TraceCodec, EveryPrefixOfATraceIsALegalTrace) {
  const auto trace = parse_trace(
      "bioscope-trace 1\nseed 3\ndisk d0 controlled size=64\nchoices schedule 1 2 3\nlane A\n"
      "r: async read d0 0+8\nwait r\nlane B\nafter held h\nwrite d0 0+8 fua\n"
      "disk-script\nh: hold d0 read\nrelease h when quiet\n",
      "t");
  ASSERT_TRUE(trace) << trace.error().message;
  const std::vector<u8> bytes = encode_trace(*trace);
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    expect_round_trips(decode_trace(std::span(bytes).first(length)));
  }
}

TEST(TraceCodec, EveryKindOfOperationRoundTrips) {
  for (const OperationSyntax& syntax : operation_table()) {
    Trace trace;
    trace.disks.push_back({.name = "d0", .size_sectors = 8});
    Operation flush{.kind = OperationKind::Flush, .label = "f", .async = true, .device = "d0"};
    Operation operation{.kind = syntax.kind,
                        .label = "o",
                        .device = "d0",
                        .range = {1, 2},
                        .flags = OperationFlags(syntax.flags),
                        .text = "some text; more",
                        .word = "word",
                        .number = 5,
                        .edge = {EdgeKind::Returned, "f"}};
    trace.lanes.push_back({"A", {flush, operation}});
    normalize(trace);
    ASSERT_EQ(operation_count(trace), 2U) << syntax.keyword;
    expect_round_trips(trace);
  }
}

TEST(TraceCodec, TheIdentityOfATraceIsFixedForEver) {
  const auto trace = parse_trace(
      "bioscope-trace 1\nseed 3\ndisk d0 null size=64\nlane A\nwrite d0 0+8 fua\n", "t");
  ASSERT_TRUE(trace);
  EXPECT_EQ(hash_of(*trace).hex(), "c4b2b5189482fcc7");
  EXPECT_NE(hash_of(*trace), hash_of(Trace{}));
}

}  // namespace
}  // namespace bioscope

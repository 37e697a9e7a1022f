// SPDX-License-Identifier: Apache-2.0
// Any bytes are a legal trace; its text twin parses to the same trace; encoding it again gives a
// trace that is equal.
#include <cstdlib>

#include "models/trace/check.h"
#include "models/trace/codec.h"
#include "models/trace/text.h"

extern "C" int LLVMFuzzerTestOneInput(const bioscope::u8* data, std::size_t size) {
  using namespace bioscope;
  const Trace trace = decode_trace({data, size});
  if (check(trace)) std::abort();
  if (decode_trace(encode_trace(trace)) != trace) std::abort();
  const auto parsed = parse_trace(print_trace(trace), "fuzz");
  if (!parsed || *parsed != trace) std::abort();
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/era_metadata/writeset.h"

#include <cerrno>
#include <new>

namespace bioscope::dm {

int Writeset::resize(u32 bits) {
  const std::size_t words = (std::size_t{bits} + 63) / 64;
  auto* fresh = new (std::nothrow) std::atomic<u64>[words]();
  if (fresh == nullptr) return ENOMEM;
  words_.reset(fresh);
  bits_ = bits;
  return 0;
}

void Writeset::clear() {
  for (std::size_t i = 0; i < words(); ++i) words_[i].store(0, std::memory_order_relaxed);
}

}  // namespace bioscope::dm

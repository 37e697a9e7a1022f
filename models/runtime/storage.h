// SPDX-License-Identifier: Apache-2.0
// Room inside an object of the runtime for the state that the linked implementation keeps there.
// The headers are the same for both implementations, and nothing is allocated.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace bioscope::rt {

template <std::size_t kBytes>
class Storage {
 public:
  Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  template <typename State, typename... Arguments>
  State& construct(Arguments&&... arguments) {
    static_assert(sizeof(State) <= kBytes && alignof(State) <= alignof(std::max_align_t));
    return *std::construct_at(reinterpret_cast<State*>(bytes_),
                              std::forward<Arguments>(arguments)...);
  }

  // REQUIRES: construct<State>() was called.
  template <typename State>
  State& as() {
    return *std::launder(reinterpret_cast<State*>(bytes_));
  }

  template <typename State>
  void destroy() {
    std::destroy_at(&as<State>());
  }

 private:
  alignas(std::max_align_t) std::byte bytes_[kBytes];
};

}  // namespace bioscope::rt

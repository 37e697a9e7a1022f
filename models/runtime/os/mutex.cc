// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/mutex.h"

#include <mutex>

namespace bioscope::rt {

Mutex::Mutex(const char* /*name*/) {
  state_.construct<std::mutex>();
}

Mutex::~Mutex() {
  state_.destroy<std::mutex>();
}

void Mutex::lock() {
  state_.as<std::mutex>().lock();
}

bool Mutex::try_lock() {
  return state_.as<std::mutex>().try_lock();
}

void Mutex::unlock() {
  state_.as<std::mutex>().unlock();
}

}  // namespace bioscope::rt

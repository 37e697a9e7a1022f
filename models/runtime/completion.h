// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/runtime/storage.h"

namespace bioscope::rt {

// The kernel's completion. complete() touches nothing once a waiter can have returned: the waiter
// may destroy it. Thread-safe.
class Completion {
 public:
  explicit Completion(const char* name = "completion");
  ~Completion();
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  void complete();      // lets one wait() pass
  void complete_all();  // lets every wait() pass, until reinit()
  void wait();
  [[nodiscard]] bool try_wait();
  [[nodiscard]] bool done();
  // REQUIRES: nobody waits.
  void reinit();

 private:
  Storage<128> state_;
};

}  // namespace bioscope::rt

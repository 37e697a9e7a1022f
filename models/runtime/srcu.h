// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/runtime/storage.h"

namespace bioscope::rt {

// Sleepable RCU. Thread-safe.
class Srcu {
 public:
  explicit Srcu(const char* name = "srcu");
  ~Srcu();
  Srcu(const Srcu&) = delete;
  Srcu& operator=(const Srcu&) = delete;

  // Read sections may nest and may sleep. The index goes to the matching read_unlock().
  [[nodiscard]] int read_lock();
  void read_unlock(int index);

  // Waits for every read section that had begun when it was called, not for later ones.
  // REQUIRES: not within a read section of this Srcu (that is a deadlock).
  void synchronize();

 private:
  Storage<64> state_;
};

}  // namespace bioscope::rt

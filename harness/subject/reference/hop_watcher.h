// SPDX-License-Identifier: Apache-2.0
// Tells the hops of bios (models/trace/hop.h). Plain memory of the host: a simulated run is one
// thread.
#pragma once

#include "models/interposer/block/watcher.h"
#include "models/trace/history.h"

namespace bioscope::reference {

class HopWatcher final : public blk::Watcher {
 public:
  // `history` outlives it.
  explicit HopWatcher(History& history) : history_(history) {}

  void submitted(blk::Bio& bio) override;
  void entered(const blk::Bio& bio, const std::string& where) override;
  void left(const std::string& where) override;
  void was_split(blk::Bio& front, const blk::Bio& rest) override;
  void was_cloned(blk::Bio& clone, const blk::Bio& source) override;
  void ended(const blk::Bio& bio) override;

 private:
  Hop hop_of(HopKind kind, const blk::Bio& bio) const;

  History& history_;
  u32 last_number_ = 0;
};

}  // namespace bioscope::reference

// SPDX-License-Identifier: Apache-2.0
// For tests: era metadata under the operations of the era target, in random order, beside a plain
// map from block to era.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "models/base/chooser.h"
#include "models/interposer/era_metadata/era_metadata.h"
#include "models/interposer/persistent_data/recording_store.h"

namespace bioscope::dm {

class EraMachine {
 public:
  static constexpr u32 kBlockSizeSectors = 64;

  // What the metadata has to tell: of each block the era, blocks never written left out.
  struct State {
    u32 era = 0;
    u32 nr_blocks = 0;
    std::map<u32, u32> era_of;
    std::map<u32, u32> snapshot;  // of the metadata snapshot
    bool held = false;
    bool operator==(const State&) const = default;
  };

  // The store and the chooser must outlive it. Opens or formats the metadata, and resumes.
  EraMachine(persistent_data::RecordingStore& store, Chooser& chooser, u32 nr_blocks);

  // Some operation of the target, with its commit. Returns its first error; then the model is not
  // the metadata's any more.
  int step();

  // What the last commit that returned 0 left, and what the one under way would leave; what an
  // operation that commits twice, within the metadata, leaves in between.
  const State& committed() const { return committed_; }
  const State& pending() const { return pending_; }
  const State& between() const { return between_; }

  EraMetadata* metadata() { return metadata_.get(); }

 private:
  int write_some();
  int suspend_and_reopen(bool clean);
  int commit();
  int resume(u32 nr_blocks);
  u32 pick(u32 n) { return chooser_.pick(ChoiceKind::Generate, 0, n); }

  persistent_data::RecordingStore& store_;
  Chooser& chooser_;
  std::unique_ptr<EraMetadata> metadata_;
  State committed_;
  State pending_;
  State between_;
};

// The same of an image, with the current write set counted in. Fails with the errno of what is
// corrupt.
persistent_data::OrErrno<EraMachine::State> read_state(
    const persistent_data::RecordingStore::Image& image);

}  // namespace bioscope::dm

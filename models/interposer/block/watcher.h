// SPDX-License-Identifier: Apache-2.0
// Who watches bios on their way: hops for the history, ledgers for tests. Called in the task that
// does the step, without locks of the block layer; must not submit and must not wait.
#pragma once

#include "models/interposer/block/bio.h"

namespace bioscope::blk {

class Watcher {
 public:
  virtual ~Watcher() = default;
  // submit_bio_noacct() got it; may give it a number (Bio::number). `parent`: number of the bio it
  // was cloned or split from, 0 if none.
  virtual void submitted(Bio& bio) = 0;
  // A device's driver or interposer gets it now; `where` is that device's name.
  virtual void entered(const Bio& bio, const std::string& where) = 0;
  // That driver's or interposer's ->submit_bio has returned.
  virtual void left(const std::string& where) = 0;
  // bio_split(): `front` is new, `rest` goes on.
  virtual void was_split(Bio& front, const Bio& rest) = 0;
  virtual void was_cloned(Bio& clone, const Bio& source) = 0;
  virtual void ended(const Bio& bio) = 0;
};

}  // namespace bioscope::blk

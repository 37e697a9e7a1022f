// SPDX-License-Identifier: Apache-2.0
// For tests: the metadata under what the era target's worker does for single operations, each done
// when the worker has come to rest (dm-era-target.c: do_work, era_preresume, era_postsuspend).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "models/interposer/era_metadata/era_metadata.h"

namespace bioscope::dm {

class ScriptedTarget {
 public:
  explicit ScriptedTarget(persistent_data::BlockStore& store) : store_(store) {}

  // One operation a line:
  //   create SECTORS BLOCK_SECTORS   load the table and resume
  //   write SECTOR                   within one block
  //   message NAME | status | suspend | resume | remove
  // Returns the status lines, each ended by a newline; an error ends the play with its line.
  std::string play(std::string_view script);

 private:
  int operation(const std::string& line, std::string& said);
  int create(u64 sectors, u32 block_sectors);
  int write(u64 sector);
  int message(const std::string& name);
  int resume();
  int suspend();
  int rpc(const std::function<int()>& call);
  int work(const std::function<int()>& first_round);

  persistent_data::BlockStore& store_;
  std::unique_ptr<EraMetadata> metadata_;
  u32 block_sectors_ = 0;
  u64 wanted_blocks_ = 0;
  u64 nr_blocks_ = 0;  // that the metadata was told
  bool suspended_ = false;
};

}  // namespace bioscope::dm

// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/era_metadata/scripted_target.h"

#include <fmt/format.h>

#include <cerrno>
#include <sstream>

namespace bioscope::dm {

std::string ScriptedTarget::play(std::string_view script) {
  std::istringstream lines{std::string(script)};
  std::string said;
  for (std::string line; std::getline(lines, line);) {
    if (const int error = operation(line, said)) {
      return said + fmt::format("{}: errno {}\n", line, error);
    }
  }
  return said;
}

int ScriptedTarget::operation(const std::string& line, std::string& said) {
  std::istringstream words(line);
  std::string verb;
  std::string name;
  u64 sectors = 0;
  u32 block_sectors = 0;
  words >> verb;
  if (verb.empty()) return 0;
  if (verb == "create" && words >> sectors >> block_sectors) return create(sectors, block_sectors);
  if (verb == "write" && words >> sectors) return write(sectors);
  if (verb == "message" && words >> name) return message(name);
  if (verb == "suspend") return suspend();
  if (verb == "resume") return resume();
  if (verb == "remove") {
    const int error = suspended_ ? 0 : suspend();
    metadata_.reset();
    return error;
  }
  if (verb != "status") return EINVAL;
  return rpc([&] {
    const EraStatus status = metadata_->status();
    said +=
        fmt::format("8 {}/{} {} {}\n", status.used_blocks, status.total_blocks, status.era,
                    status.held_root == kEraSuperblock ? "-" : std::to_string(status.held_root));
    return 0;
  });
}

int ScriptedTarget::create(u64 sectors, u32 block_sectors) {
  auto metadata = EraMetadata::open(store_, block_sectors, true);
  if (!metadata) return metadata.error();
  metadata_ = std::move(*metadata);
  block_sectors_ = block_sectors;
  wanted_blocks_ = (sectors + block_sectors - 1) / block_sectors;
  nr_blocks_ = 0;
  return resume();
}

int ScriptedTarget::write(u64 sector) {
  const u32 block = static_cast<u32>(sector / block_sectors_);
  if (metadata_->marked(block)) return 0;
  return work([&] {
    bool fresh = false;
    if (const int error = metadata_->mark_on_disk(block, fresh)) return error;
    if (const int error = metadata_->commit()) return error;
    metadata_->mark_in_core(block);
    return 0;
  });
}

int ScriptedTarget::message(const std::string& name) {
  return rpc([&] {
    if (name == "checkpoint") return metadata_->rollover();
    if (name == "take_metadata_snap") return metadata_->take_snap();
    return name == "drop_metadata_snap" ? metadata_->drop_snap() : EINVAL;
  });
}

int ScriptedTarget::resume() {
  if (nr_blocks_ != wanted_blocks_) {
    if (const int error = metadata_->resize(wanted_blocks_)) return error;
    if (const int error = metadata_->commit()) return error;
    nr_blocks_ = wanted_blocks_;
  }
  suspended_ = false;
  return rpc([&] { return metadata_->rollover(); });
}

int ScriptedTarget::suspend() {
  if (const int error = rpc([&] { return metadata_->archive(); })) return error;
  suspended_ = true;
  return metadata_->commit();
}

int ScriptedTarget::rpc(const std::function<int()>& call) {
  return work([&] {
    const int error = call();
    const int commit_error = metadata_->commit();
    return error != 0 ? error : commit_error;
  });
}

// A digest step comes first in each round, and the worker goes on by itself only for the digest.
int ScriptedTarget::work(const std::function<int()>& first_round) {
  const auto digest = [&] {
    metadata_->begin_digest();
    return metadata_->digest_step();
  };
  if (const int error = digest()) return error;
  bool again = metadata_->digesting();
  if (const int error = first_round()) return error;
  for (; again; again = metadata_->digesting()) {
    if (const int error = digest()) return error;
  }
  return 0;
}

}  // namespace bioscope::dm

// SPDX-License-Identifier: Apache-2.0
// How a snapshot is made, what it says of itself, and how it goes.
#include "models/interposer/targets/snapshot.h"

#include <fmt/format.h>
#include <strings.h>

#include <cerrno>

#include "models/interposer/dm/table.h"
#include "models/interposer/targets/snapshot_merge.h"
#include "models/interposer/targets/types.h"
#include "models/interposer/variants.h"
#include "models/runtime/run.h"

namespace bioscope::dm {
namespace {

std::unexpected<ConstructError> refuse(int error, std::string why) {
  return std::unexpected(ConstructError{error, std::move(why)});
}

bool same_word(const std::string& word, const char* expected) {
  return strcasecmp(word.c_str(), expected) == 0;
}

}  // namespace

// parse_snapshot_features(): a count, and as many words; what follows is ignored.
std::expected<Snapshot::Features, ConstructError> Snapshot::parse_features(
    std::span<const std::string> words) {
  Features features;
  if (words.empty()) return features;
  const auto count = parse_number(words[0]);
  if (!count || *count > 2 || *count > words.size() - 1) {
    return refuse(EINVAL, "Invalid number of feature arguments");
  }
  for (const std::string& word : words.subspan(1, *count)) {
    if (same_word(word, "discard_zeroes_cow")) {
      features.discard_zeroes_cow = true;
    } else if (same_word(word, "discard_passdown_origin")) {
      features.discard_passdown_origin = true;
    } else {
      return refuse(EINVAL, "Unrecognised feature requested");
    }
  }
  if (features.discard_passdown_origin && !features.discard_zeroes_cow) {
    return refuse(EINVAL, "discard_passdown_origin feature depends on discard_zeroes_cow");
  }
  return features;
}

std::expected<Snapshot::Parts, ConstructError> Snapshot::prepare(const TargetArguments& arguments) {
  const std::span<const std::string> words = arguments.words;
  if (words.size() < 4) return refuse(EINVAL, "requires 4 or more arguments");
  const auto features = parse_features(words.subspan(4));
  if (!features) return std::unexpected(features.error());
  DmDev* origin = nullptr;
  if (const int error = arguments.table.get_device(words[0], origin); error != 0) {
    return refuse(error, "Cannot get origin device");
  }
  DmDev* cow = nullptr;
  if (const int error = arguments.table.get_device(words[1], cow); error != 0) {
    return refuse(error, "Cannot get COW device");
  }
  if (&origin->bdev->original() == &cow->bdev->original()) {
    return refuse(EINVAL, "COW device cannot be the same as origin device");
  }
  auto store = create_exception_store(*origin, *cow, words[2], words[3]);
  if (!store) return refuse(EINVAL, "Couldn't create exception store: " + store.error());
  return Parts{*origin, *cow, *features, std::move(*store)};
}

Snapshot::Snapshot(const TargetArguments& arguments, Parts parts)
    : Target(arguments),
      origin_(parts.origin),
      cow_(parts.cow),
      registry_(SnapshotRegistry::of(arguments.table)),
      features_(parts.features),
      store_(std::move(parts.store)),
      kcopyd_(std::make_unique<Kcopyd>("kcopyd")),
      is_merge_(&arguments.type == &kSnapshotMergeType) {
  num_flush_bios = is_merge_ ? 2 : 1;
  if (features_.discard_zeroes_cow) num_discard_bios = features_.discard_passdown_origin ? 2 : 1;
}

Constructed Snapshot::construct(const TargetArguments& arguments) {
  auto parts = prepare(arguments);
  if (!parts) return std::unexpected(parts.error());
  std::unique_ptr<Snapshot> snapshot(new Snapshot(arguments, std::move(*parts)));
  if (auto refused = snapshot->start()) return std::unexpected(std::move(*refused));
  return snapshot;
}

std::optional<ConstructError> Snapshot::start() {
  const auto handover = registry_.add(*this, store_->chunk_sectors());
  if (!handover) {
    kcopyd_->drain();
    return handover.error();
  }
  if (*handover) {
    // Metadata is read into one table only; this one gets it, and its chunk size, at its resume.
    store_->forget_chunk_size();
    return std::nullopt;
  }
  auto refused = read_metadata();
  if (refused) Snapshot::shut_down();
  return refused;
}

std::optional<ConstructError> Snapshot::read_metadata() {
  bool invalid = false;
  const auto add = [this](const Exception& exception) { complete_.insert(exception); };
  if (const int error = store_->read_metadata(add, invalid); error != 0) {
    return ConstructError{error, "Failed to read snapshot metadata"};
  }
  const u32 chunk_sectors = store_->chunk_sectors();
  if (chunk_sectors == 0) return ConstructError{EINVAL, "Chunk size not set"};
  registry_.set_chunk_sectors(*this, chunk_sectors);
  max_io_len_sectors = chunk_sectors;
  if (invalid) {
    const rt::WriteGuard guard(lock_);
    valid_ = false;
  }
  return std::nullopt;
}

// snapshot_dtr().
void Snapshot::shut_down() {
  {
    const rt::ReadGuard guard(registry_.origins_lock);
    const SnapshotRegistry::Sharing sharing = registry_.find_sharing_cow(*this);
    if (sharing.source == this && sharing.destination != nullptr) {
      const rt::WriteGuard cancelled(sharing.destination->lock_);
      sharing.destination->valid_ = false;
    }
  }
  registry_.remove(*this);
  if (planted(Defect::DestroyedWhileCopying) && pending_.count() != 0) {
    rt::fail("a snapshot is destroyed while its exceptions are pending");
    return;
  }
  pending_.wait_until_none();
  kcopyd_->drain();
}

bool Snapshot::is_active() {
  const rt::ReadGuard guard(lock_);
  return active_;
}

bool Snapshot::can_merge() {
  const rt::ReadGuard guard(lock_);
  return store_->can_merge();
}

std::string Snapshot::status(StatusType status_type) {
  const rt::WriteGuard guard(lock_);
  if (status_type == StatusType::Table) {
    std::string text = fmt::format("{} {} {} {}", origin_.path, cow_.path, store_->type_word(),
                                   store_->chunk_sectors());
    if (features_.discard_passdown_origin) {
      text += " 2 discard_zeroes_cow discard_passdown_origin";
    } else if (features_.discard_zeroes_cow) {
      text += " 1 discard_zeroes_cow";
    }
    return text;
  }
  if (!valid_) return "Invalid";
  if (merge_failed_) return "Merge failed";
  if (overflowed_) return "Overflow";
  const StoreUsage usage = store_->usage();
  return fmt::format("{}/{} {}", usage.allocated_sectors, usage.total_sectors,
                     usage.metadata_sectors);
}

bool Snapshot::iterate_devices(const DeviceVisitor& visit) {
  return visit(origin_, 0, count_sectors) && visit(cow_, 0, cow_.bdev->nr_sectors());
}

// snapshot_io_hints(): discards begin and end at chunks where they can. 6.1 puts the chunk's
// sectors into the granularity, which counts bytes.
void Snapshot::io_hints(blk::QueueLimits& limits) {
  if (!features_.discard_zeroes_cow) return;
  const rt::ReadGuard guard(registry_.origins_lock);
  const SnapshotRegistry::Sharing sharing = registry_.find_sharing_cow(*this);
  Snapshot* known = this;
  if (sharing.source != nullptr && sharing.destination != nullptr) known = sharing.source;
  const rt::ReadGuard store_guard(known->lock_);
  const u32 unit = planted(Defect::DiscardCrossesChunk) ? 1 : kSectorBytes;
  limits.discard_granularity_bytes = known->store_->chunk_sectors() * unit;
  limits.max_discard_sectors = known->store_->chunk_sectors();
}

const TargetType kSnapshotType{.name = "snapshot", .construct = &Snapshot::construct};

}  // namespace bioscope::dm

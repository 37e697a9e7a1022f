// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/hop_watcher.h"

#include <array>
#include <utility>

#include "models/interposer/block/block_device.h"
#include "models/runtime/thread.h"

namespace bioscope::reference {
namespace {

static_assert(blk::kNoCause == kNoOperation);

HopOperation operation_of(blk::BioOp op) {
  switch (op) {
    case blk::BioOp::Read:
      return HopOperation::Read;
    case blk::BioOp::Write:
      return HopOperation::Write;
    case blk::BioOp::Flush:
      return HopOperation::Flush;
    case blk::BioOp::Discard:
      return HopOperation::Discard;
    case blk::BioOp::SecureErase:
      return HopOperation::SecureErase;
    case blk::BioOp::WriteZeroes:
      return HopOperation::WriteZeroes;
  }
  return HopOperation::Read;
}

OperationFlags flags_of(blk::OpFlags opf) {
  constexpr std::array<std::pair<blk::OpFlags, OperationFlag>, 7> kFlags{{
      {blk::kReqFua, OperationFlag::Fua},
      {blk::kReqPreflush, OperationFlag::Preflush},
      {blk::kReqNowait, OperationFlag::Nowait},
      {blk::kReqRahead, OperationFlag::Rahead},
      {blk::kReqSync, OperationFlag::Sync},
      {blk::kReqMeta, OperationFlag::Meta},
      {blk::kReqNoUnmap, OperationFlag::NoUnmap},
  }};
  OperationFlags flags;
  for (const auto& [bit, flag] : kFlags) {
    if ((opf & bit) != 0) flags.set(flag);
  }
  return flags;
}

}  // namespace

Hop HopWatcher::hop_of(HopKind kind, const blk::Bio& bio) const {
  Hop hop;
  hop.tick = history_.events.size();
  hop.kind = kind;
  hop.task = rt::current_thread();
  hop.bio = bio.number;
  hop.operation = bio.cause;
  if (bio.bdev != nullptr) hop.device = bio.bdev->name();
  if (kind == HopKind::End) {
    hop.error = bio.status;
    return hop;
  }
  hop.op = operation_of(bio.op);
  hop.flags = flags_of(bio.opf);
  hop.range = {bio.iter.sector, blk::bio_sectors(bio)};
  hop.below = bio.bdev != nullptr && bio.bdev->is_bypass() && kind != HopKind::Split &&
              kind != HopKind::Clone;
  return hop;
}

void HopWatcher::submitted(blk::Bio& bio) {
  if (bio.number == 0) bio.number = ++last_number_;
  history_.hops.push_back(hop_of(HopKind::Submit, bio));
}

void HopWatcher::entered(const blk::Bio& bio, const std::string& where) {
  Hop hop = hop_of(HopKind::Enter, bio);
  hop.device = where;
  history_.hops.push_back(std::move(hop));
}

void HopWatcher::left(const std::string& where) {
  Hop hop;
  hop.tick = history_.events.size();
  hop.kind = HopKind::Leave;
  hop.task = rt::current_thread();
  hop.device = where;
  history_.hops.push_back(std::move(hop));
}

void HopWatcher::was_split(blk::Bio& front, const blk::Bio& rest) {
  front.number = ++last_number_;
  Hop hop = hop_of(HopKind::Split, front);
  hop.parent = rest.number;
  history_.hops.push_back(std::move(hop));
}

void HopWatcher::was_cloned(blk::Bio& clone, const blk::Bio& source) {
  clone.number = ++last_number_;
  Hop hop = hop_of(HopKind::Clone, clone);
  hop.parent = source.number;
  history_.hops.push_back(std::move(hop));
}

void HopWatcher::ended(const blk::Bio& bio) {
  history_.hops.push_back(hop_of(HopKind::End, bio));
}

}  // namespace bioscope::reference

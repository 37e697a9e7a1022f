// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/probe_operations.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

namespace bioscope {
namespace {

constexpr std::array<std::pair<std::string_view, u32>, 6> kOps{{
    {"read", BIOSCOPE_PROBE_OP_READ},
    {"write", BIOSCOPE_PROBE_OP_WRITE},
    {"flush", BIOSCOPE_PROBE_OP_FLUSH},
    {"discard", BIOSCOPE_PROBE_OP_DISCARD},
    {"secure-erase", BIOSCOPE_PROBE_OP_SECURE_ERASE},
    {"write-zeroes", BIOSCOPE_PROBE_OP_WRITE_ZEROES},
}};

constexpr std::array<std::pair<OperationFlag, u32>, 7> kFlags{{
    {OperationFlag::Fua, BIOSCOPE_PROBE_FUA},
    {OperationFlag::Preflush, BIOSCOPE_PROBE_PREFLUSH},
    {OperationFlag::Nowait, BIOSCOPE_PROBE_NOWAIT},
    {OperationFlag::Rahead, BIOSCOPE_PROBE_RAHEAD},
    {OperationFlag::Sync, BIOSCOPE_PROBE_SYNC},
    {OperationFlag::Meta, BIOSCOPE_PROBE_META},
    {OperationFlag::NoUnmap, BIOSCOPE_PROBE_NOUNMAP},
}};

// The kind of bio: its word, or what the operation itself is called.
std::optional<u32> op_of(const Operation& operation) {
  if (operation.kind == OperationKind::Read) return BIOSCOPE_PROBE_OP_READ;
  if (operation.kind == OperationKind::Write) return BIOSCOPE_PROBE_OP_WRITE;
  for (const auto& [word, op] : kOps) {
    if (word == operation.word) return op;
  }
  return std::nullopt;
}

// "1,7,8": lengths in sectors, each segment in pages of its own. False if it is no such list.
bool parse_segments(std::string text, std::vector<bioscope_probe_segment>& segments) {
  std::ranges::replace(text, ',', ' ');
  for (const std::string& word : words_of(text)) {
    u32 sectors = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), sectors);
    if (error != std::errc{} || stop != word.data() + word.size()) return false;
    segments.push_back({0, sectors * kSectorBytes});
  }
  return true;
}

}  // namespace

Outcome perform_bio(Stage& stage, Worker& worker, OperationId id) {
  const Operation& operation = operation_at(stage.trace, id);
  const auto op = op_of(operation);
  ProbeBio bio;
  const bool has_layout = operation.kind == OperationKind::Bio;
  if (!op || (has_layout && !parse_segments(operation.text, bio.segments))) return failed(EINVAL);
  const int fd = open_device(stage, operation.device, O_RDWR);
  if (fd < 0) return failed(-fd);
  const File file(fd);
  bio.op = *op;
  for (const auto& [flag, bit] : kFlags) {
    if (operation.flags.has(flag)) bio.flags |= bit;
  }
  bio.sector = operation.range.first_sector;
  bio.length_bytes = operation.range.count_sectors * kSectorBytes;
  const bool reads = *op == BIOSCOPE_PROBE_OP_READ;
  const bool writes = *op == BIOSCOPE_PROBE_OP_WRITE;
  std::span<u8> bytes;
  if ((reads || writes) && bio.length_bytes > 0) bytes = worker.buffer(bio.length_bytes);
  if (writes) {
    Stamp stamp{id, operation.range.first_sector, stage.trace.seed};
    for (u64 i = 0; i < operation.range.count_sectors; ++i, ++stamp.sector) {
      write_stamp(stamp, bytes.subspan(i * kSectorBytes, kSectorBytes));
    }
    bio.data = bytes;
  }
  const auto submitted = stage.probe->submit(fd, bio);
  worker.tell_submitted();
  if (!submitted) return Outcome{EINVAL, 0, {}, submitted.error().message};
  std::optional<ProbeBioEnd> end;
  while (!end) {  // a signal ends the waiting, not the bio
    const auto waited = stage.probe->wait(*submitted, reads ? bytes : std::span<u8>());
    if (!waited) return Outcome{EIO, 0, {}, waited.error().message};
    end = *waited;
  }
  Outcome outcome = failed(-end->status);
  if (end->ended != 1) outcome.text = "end_io ran more than once";
  if (outcome.error != 0) return outcome;
  outcome.count_sectors = operation.range.count_sectors;
  for (u64 i = 0; reads && i < outcome.count_sectors; ++i) {
    append_sector(outcome.data, read_sector(bytes.subspan(i * kSectorBytes, kSectorBytes)));
  }
  return outcome;
}

Outcome freeze_device(Stage& stage, const std::string& name, bool thaw) {
  const int fd = open_device(stage, name, O_RDONLY);
  if (fd < 0) return failed(-fd);
  const File file(fd);
  const auto result = thaw ? stage.probe->thaw(fd) : stage.probe->freeze(fd);
  if (!result) return Outcome{EOPNOTSUPP, 0, {}, result.error().message};
  return failed(-*result);
}

}  // namespace bioscope

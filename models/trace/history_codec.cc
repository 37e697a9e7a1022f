// SPDX-License-Identifier: Apache-2.0
#include "models/trace/history_codec.h"

#include <fmt/format.h>

#include "models/base/bytes.h"

namespace bioscope {
namespace {

constexpr std::string_view kMagic = "bioh";
constexpr std::size_t kMaxText = 16U << 20;
constexpr std::size_t kMinRunBytes = 2;    // a count and a tag
constexpr std::size_t kMinEventBytes = 7;  // an event of small numbers without data or text
constexpr std::size_t kMinLeftoverBytes = 3;
constexpr std::size_t kMinHopBytes = 12;
constexpr std::size_t kMaxDeviceName = 4096;

enum class SectorTag : u8 { Zero, Stamp, Raw };

void put_runs(ByteWriter& out, const SectorRuns& runs) {
  out.put_varint(runs.size());
  for (const SectorRun& run : runs) {
    out.put_varint(run.count);
    if (const auto* stamp = std::get_if<Stamp>(&run.first)) {
      out.put_u8(static_cast<u8>(SectorTag::Stamp));
      out.put_varint(stamp->operation);
      out.put_varint(stamp->sector);
      out.put_varint(stamp->seed);
    } else if (const auto* raw = std::get_if<RawRef>(&run.first)) {
      out.put_u8(static_cast<u8>(SectorTag::Raw));
      out.put_varint(raw->hash);
    } else {
      out.put_u8(static_cast<u8>(SectorTag::Zero));
    }
  }
}

Sector get_sector(ByteReader& in) {
  switch (static_cast<SectorTag>(in.get_u8())) {
    case SectorTag::Zero:
      return Zero{};
    case SectorTag::Stamp: {
      Stamp stamp;
      stamp.operation = static_cast<u32>(in.get_varint());
      stamp.sector = in.get_varint();
      stamp.seed = in.get_varint();
      return stamp;
    }
    case SectorTag::Raw:
      return RawRef{in.get_varint()};
  }
  in.fail();
  return Zero{};
}

SectorRuns get_runs(ByteReader& in) {
  SectorRuns runs;
  const u64 count = in.get_varint();
  if (count > kMaxIoSectors || count > in.rest() / kMinRunBytes) in.fail();
  u64 left = kMaxIoSectors;  // no run is empty, and all of them are what one I/O can move
  for (u64 i = 0; i < count && !in.failed(); ++i) {
    const u64 sectors = in.get_varint();
    if (sectors == 0 || sectors > left) {
      in.fail();
      break;
    }
    left -= sectors;
    runs.push_back({sectors, get_sector(in)});
  }
  return runs;
}

void put_event(ByteWriter& out, const Event& event) {
  out.put_varint(event.tick);
  out.put_varint(event.lane);
  out.put_varint(event.operation);
  out.put_u8(static_cast<u8>(event.kind));
  out.put_signed(event.error);
  out.put_varint(event.count_sectors);
  put_runs(out, event.data);
  out.put_string(event.text);
}

Event get_event(ByteReader& in) {
  Event event;
  event.tick = in.get_varint();
  event.lane = static_cast<u16>(in.get_varint());
  event.operation = static_cast<OperationId>(in.get_varint());
  const u8 kind = in.get_u8();
  if (kind > static_cast<u8>(EventKind::Cut)) in.fail();
  event.kind = static_cast<EventKind>(kind);
  event.error = static_cast<int>(in.get_signed());
  event.count_sectors = in.get_varint();
  if (event.count_sectors > kMaxDiskSectors) in.fail();
  event.data = get_runs(in);
  event.text = in.get_string(kMaxText);
  return event;
}

void put_hop(ByteWriter& out, const Hop& hop) {
  out.put_varint(hop.tick);
  out.put_u8(static_cast<u8>(hop.kind));
  out.put_varint(hop.task);
  out.put_varint(hop.bio);
  out.put_varint(hop.parent);
  out.put_varint(hop.operation);
  out.put_string(hop.device);
  out.put_u8(static_cast<u8>(hop.op));
  out.put_varint(hop.flags.bits());
  out.put_varint(hop.range.first_sector);
  out.put_varint(hop.range.count_sectors);
  out.put_u8(hop.below ? 1 : 0);
  out.put_signed(hop.error);
}

Hop get_hop(ByteReader& in) {
  Hop hop;
  hop.tick = in.get_varint();
  const u8 kind = in.get_u8();
  if (kind >= kHopKinds) in.fail();
  hop.kind = static_cast<HopKind>(kind);
  hop.task = static_cast<u32>(in.get_varint());
  hop.bio = static_cast<u32>(in.get_varint());
  hop.parent = static_cast<u32>(in.get_varint());
  hop.operation = static_cast<OperationId>(in.get_varint());
  hop.device = in.get_string(kMaxDeviceName);
  const u8 op = in.get_u8();
  if (op >= kHopOperations) in.fail();
  hop.op = static_cast<HopOperation>(op);
  hop.flags = OperationFlags(static_cast<u32>(in.get_varint()));
  hop.range.first_sector = in.get_varint();
  hop.range.count_sectors = in.get_varint();
  const u8 below = in.get_u8();
  if (below > 1) in.fail();
  hop.below = below == 1;
  hop.error = static_cast<int>(in.get_signed());
  return hop;
}

}  // namespace

std::vector<u8> encode_history(const History& history) {
  ByteWriter out;
  for (char c : kMagic) out.put_u8(static_cast<u8>(c));
  out.put_u8(kHistoryVersion);
  out.put_varint(history.trace.value());
  out.put_varint(history.can.bits());
  out.put_u8(static_cast<u8>(history.end));
  out.put_string(history.note);
  out.put_varint(history.events.size());
  for (const Event& event : history.events) put_event(out, event);
  out.put_varint(history.leftovers.size());
  for (const Leftover& leftover : history.leftovers) {
    out.put_string(leftover.what);
    out.put_signed(leftover.before);
    out.put_signed(leftover.after);
  }
  out.put_varint(history.hops.size());
  for (const Hop& hop : history.hops) put_hop(out, hop);
  return out.take();
}

Result<History> decode_history(std::span<const u8> bytes) {
  ByteReader in(bytes);
  for (char c : kMagic) {
    if (in.get_u8() != static_cast<u8>(c)) {
      return bad_input("not a history: it does not begin with 'bioh'");
    }
  }
  if (const u8 version = in.get_u8(); version != kHistoryVersion) {
    return bad_input(fmt::format("a history of version {}: this command reads version {}", version,
                                 kHistoryVersion));
  }
  History history;
  history.trace = Hash(in.get_varint());
  history.can = Capabilities(in.get_varint());
  const u8 end = in.get_u8();
  if (end > static_cast<u8>(HistoryEnd::NotJudged)) in.fail();
  history.end = static_cast<HistoryEnd>(end);
  history.note = in.get_string(kMaxText);
  const u64 events = in.get_varint();
  if (events > in.rest() / kMinEventBytes) in.fail();
  for (u64 i = 0; i < events && !in.failed(); ++i) history.events.push_back(get_event(in));
  const u64 leftovers = in.failed() ? 0 : in.get_varint();
  if (leftovers > in.rest() / kMinLeftoverBytes) in.fail();
  for (u64 i = 0; i < leftovers && !in.failed(); ++i) {
    Leftover leftover;
    leftover.what = in.get_string(kMaxText);
    leftover.before = in.get_signed();
    leftover.after = in.get_signed();
    history.leftovers.push_back(std::move(leftover));
  }
  const u64 hops = in.failed() ? 0 : in.get_varint();
  if (hops > in.rest() / kMinHopBytes) in.fail();
  for (u64 i = 0; i < hops && !in.failed(); ++i) history.hops.push_back(get_hop(in));
  if (in.failed() || !in.at_end()) {
    return bad_input(
        fmt::format("the history is cut off or corrupted at byte {} of {}: record it again",
                    in.offset(), bytes.size()));
  }
  return history;
}

}  // namespace bioscope

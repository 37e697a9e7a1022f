// SPDX-License-Identifier: Apache-2.0
#include "models/trace/codec.h"

#include <string_view>

#include "models/base/bytes.h"
#include "models/trace/check.h"
#include "models/trace/syntax.h"

namespace bioscope {
namespace {

constexpr std::string_view kNameBytes =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";

// What bits of a lane's entry stand for.
constexpr u8 kAsyncBit = 1;

class Encoder {
 public:
  std::vector<u8> run(const Trace& trace) {
    out_.put_u8(kTraceCodecVersion);
    out_.put_varint(trace.seed);
    out_.put_varint(trace.disks.size());
    for (const Disk& disk : trace.disks) put(disk);
    out_.put_varint(trace.lanes.size());
    for (const Lane& lane : trace.lanes) {
      out_.put_string(lane.name);
      out_.put_varint(lane.operations.size());
      for (const Operation& operation : lane.operations) put(operation);
    }
    out_.put_varint(trace.disk_script.size());
    for (const DiskStep& step : trace.disk_script) put(step);
    for (const auto* list : {&trace.choices.schedule, &trace.choices.fault, &trace.choices.crash}) {
      out_.put_varint(list->size());
      for (u32 choice : *list) out_.put_varint(choice);
    }
    return out_.take();
  }

 private:
  void put(const Range& range) {
    out_.put_varint(range.first_sector);
    out_.put_varint(range.count_sectors);
  }

  void put(const Edge& edge) {
    out_.put_u8(static_cast<u8>(edge.kind));
    out_.put_string(edge.label);
  }

  void put(const Disk& disk) {
    out_.put_string(disk.name);
    out_.put_u8(static_cast<u8>(disk.kind));
    out_.put_u8(static_cast<u8>(disk.cache));
    out_.put_u8(disk.read_only ? 1 : 0);
    out_.put_varint(disk.size_sectors);
    for (u32 limit :
         {disk.logical_block_bytes, disk.physical_block_bytes, disk.max_sectors, disk.chunk_sectors,
          disk.discard_granularity_sectors, disk.discard_alignment_sectors,
          disk.max_discard_sectors, disk.max_write_zeroes_sectors}) {
      out_.put_varint(limit);
    }
  }

  void put(const Operation& operation) {
    const OperationSyntax& syntax = syntax_of(operation.kind);
    out_.put_u8(static_cast<u8>(operation.kind));
    out_.put_u8(operation.async ? kAsyncBit : 0);
    out_.put_string(operation.label);
    out_.put_varint(operation.flags.bits());
    for (const FieldSyntax& field : syntax.fields) {
      switch (field.field) {
        case Field::None:
          break;
        case Field::Device:
          out_.put_string(operation.device);
          break;
        case Field::Range:
          put(operation.range);
          break;
        case Field::Text:
          out_.put_string(operation.text);
          break;
        case Field::Word:
          out_.put_string(operation.word);
          break;
        case Field::Number:
          out_.put_signed(operation.number);
          break;
        case Field::Label:
          out_.put_string(operation.edge.label);
          break;
        case Field::Edge:
          put(operation.edge);
          break;
      }
    }
  }

  void put(const DiskStep& step) {
    out_.put_u8(static_cast<u8>(step.kind));
    out_.put_string(step.label);
    out_.put_string(step.disk);
    out_.put_u8(static_cast<u8>(step.request));
    put(step.range);
    out_.put_varint(step.occurrence);
    out_.put_u8(fault_index(step.error));
    put(step.edge);
  }

  static u8 fault_index(int error) {
    const auto faults = fault_errnos();
    for (std::size_t i = 0; i < faults.size(); ++i) {
      if (faults[i].error == error) return static_cast<u8>(i);
    }
    return 0;
  }

  ByteWriter out_;
};

class Decoder {
 public:
  explicit Decoder(std::span<const u8> bytes) : in_(bytes) {}

  Trace run() {
    Trace trace;
    in_.get_u8();  // there is one version so far
    trace.seed = in_.get_varint();
    repeat(kMaxDisks, [&] { trace.disks.push_back(disk()); });
    repeat(kMaxLanes, [&] {
      Lane lane{name(), {}};
      repeat(kMaxOperations, [&] { lane.operations.push_back(operation()); });
      trace.lanes.push_back(std::move(lane));
    });
    repeat(kMaxDiskSteps, [&] { trace.disk_script.push_back(step()); });
    for (auto* list : {&trace.choices.schedule, &trace.choices.fault, &trace.choices.crash}) {
      repeat(kMaxChoices, [&] { list->push_back(static_cast<u32>(in_.get_varint())); });
    }
    normalize(trace);
    return trace;
  }

 private:
  // Elements stop with the input: a large count in a short input makes no trace of blanks.
  void repeat(std::size_t most, auto element) {
    const u64 count = in_.get_varint() % (most + 1);
    for (u64 i = 0; i < count && !in_.at_end(); ++i) element();
  }

  template <typename Enum>
  Enum pick(std::size_t count) {
    return static_cast<Enum>(in_.get_u8() % count);
  }

  std::string string(std::size_t most, auto map) {
    u64 length = in_.get_varint() % (most + 1);
    std::string text;
    for (; length > 0 && !in_.at_end(); --length) text += map(in_.get_u8());
    return text;
  }

  std::string name() {
    return string(kMaxNameBytes, [](u8 byte) {
      const char c = static_cast<char>(byte);
      return kNameBytes.find(c) != std::string_view::npos ? c
                                                          : kNameBytes[byte % kNameBytes.size()];
    });
  }

  std::string text() {
    return string(kMaxTextBytes, [](u8 byte) {
      if (byte == '"') return '\'';
      return byte >= ' ' && byte <= '~' ? static_cast<char>(byte)
                                        : static_cast<char>('0' + byte % 10);
    });
  }

  Range range() {
    const u64 first = in_.get_varint();
    return {first, in_.get_varint()};
  }

  Edge edge() {
    const auto kind = pick<EdgeKind>(static_cast<std::size_t>(EdgeKind::Quiet) + 1);
    return {kind, name()};
  }

  Disk disk() {
    Disk disk;
    disk.name = name();
    disk.kind = pick<DiskKind>(4);
    disk.cache = pick<CacheMode>(2);
    disk.read_only = (in_.get_u8() & 1) != 0;
    disk.size_sectors = in_.get_varint();
    for (u32* limit :
         {&disk.logical_block_bytes, &disk.physical_block_bytes, &disk.max_sectors,
          &disk.chunk_sectors, &disk.discard_granularity_sectors, &disk.discard_alignment_sectors,
          &disk.max_discard_sectors, &disk.max_write_zeroes_sectors}) {
      *limit = static_cast<u32>(in_.get_varint());
    }
    return disk;
  }

  Operation operation() {
    Operation operation;
    operation.kind = pick<OperationKind>(kOperationKinds);
    operation.async = (in_.get_u8() & kAsyncBit) != 0;
    operation.label = name();
    operation.flags = OperationFlags(static_cast<u32>(in_.get_varint()));
    for (const FieldSyntax& field : syntax_of(operation.kind).fields) {
      switch (field.field) {
        case Field::None:
          break;
        case Field::Device:
          operation.device = name();
          break;
        case Field::Range:
          operation.range = range();
          break;
        case Field::Text:
          operation.text = text();
          break;
        case Field::Word:
          operation.word = name();
          break;
        case Field::Number:
          operation.number = in_.get_signed();
          break;
        case Field::Label:
          operation.edge = {EdgeKind::Returned, name()};
          break;
        case Field::Edge:
          operation.edge = edge();
          break;
      }
    }
    return operation;
  }

  DiskStep step() {
    DiskStep step;
    step.kind = pick<DiskStepKind>(3);
    step.label = name();
    step.disk = name();
    step.request = pick<DiskRequest>(4);
    step.range = range();
    step.occurrence = static_cast<u32>(in_.get_varint());
    step.error = fault_errnos()[in_.get_u8() % fault_errnos().size()].error;
    step.edge = edge();
    return step;
  }

  ByteReader in_;
};

}  // namespace

std::vector<u8> encode_trace(const Trace& trace) {
  return Encoder().run(trace);
}

Trace decode_trace(std::span<const u8> bytes) {
  return Decoder(bytes).run();
}

Hash hash_of(const Trace& trace) {
  return Hash::of(encode_trace(trace));
}

}  // namespace bioscope

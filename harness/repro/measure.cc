// SPDX-License-Identifier: Apache-2.0
#include "harness/repro/measure.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <string>

#include "models/trace/syntax.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

constexpr u64 kMost = std::numeric_limits<u64>::max();

void add_to(u64& sum, u64 value) {
  sum = value > kMost - sum ? kMost : sum + value;
}

// The numbers among the words of a table or message.
void add_numbers(u64& sum, std::string_view text) {
  bool in_word = false;
  bool is_number = false;
  u64 value = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ' ';
    if (c == ' ' || c == ';') {
      if (is_number) add_to(sum, value);
      in_word = false;
      is_number = false;
      continue;
    }
    const bool digit = c >= '0' && c <= '9';
    if (!in_word) {
      is_number = digit;
      value = 0;
    }
    in_word = true;
    is_number = is_number && digit;
    if (is_number) value = value > kMost / 10 - 9 ? kMost / 10 - 9 : value * 10 + (c - '0');
  }
}

u64 count_options(const Disk& disk) {
  const std::array<bool, 11> options{disk.kind != DiskKind::Null,
                                     disk.logical_block_bytes != kSectorBytes,
                                     disk.physical_block_bytes != 0,
                                     disk.cache != CacheMode::None,
                                     disk.read_only,
                                     disk.max_sectors != 0,
                                     disk.chunk_sectors != 0,
                                     disk.discard_granularity_sectors != 0,
                                     disk.discard_alignment_sectors != 0,
                                     disk.max_discard_sectors != 0,
                                     disk.max_write_zeroes_sectors != 0};
  return static_cast<u64>(std::ranges::count(options, true));
}

u64 count_optional_fields(const Operation& operation) {
  u64 count = 0;
  for (const FieldSyntax& field : syntax_of(operation.kind).fields) {
    if (field.key.empty()) continue;
    count += (field.field == Field::Text && !operation.text.empty()) ||
             (field.field == Field::Word && !operation.word.empty()) ||
             (field.field == Field::Number && operation.number != kNoNumber);
  }
  return count;
}

class Sum {
 public:
  u64& operator[](MeasureTerm term) { return measure_[static_cast<std::size_t>(term)]; }
  const Measure& measure() const { return measure_; }

 private:
  Measure measure_{};
};

void add(Sum& sum, const Operation& operation) {
  u64& flags = sum[MeasureTerm::Flags];
  flags += static_cast<u64>(std::popcount(operation.flags.bits()));
  flags += operation.async;
  flags += count_optional_fields(operation);
  sum[MeasureTerm::Sectors] += operation.range.count_sectors;
  u64& numbers = sum[MeasureTerm::Numbers];
  add_to(numbers, operation.range.first_sector);
  if (operation.number > 0) add_to(numbers, static_cast<u64>(operation.number));
  if (operation.kind == OperationKind::Load) {
    flags += static_cast<u64>(std::ranges::count(operation.text, ';'));
    add_numbers(numbers, operation.text);
  }
}

void add(Sum& sum, const DiskStep& step) {
  sum[MeasureTerm::Flags] +=
      (step.edge.kind != EdgeKind::None) + (step.occurrence > 1) + (step.range != Range{});
  add_to(sum[MeasureTerm::Numbers], step.occurrence);
  add_to(sum[MeasureTerm::Numbers], step.range.first_sector);
  add_to(sum[MeasureTerm::Numbers], step.range.count_sectors);
}

}  // namespace

Measure measure_of(const Trace& trace) {
  Sum sum;
  sum[MeasureTerm::Operations] = operation_count(trace);
  sum[MeasureTerm::Lanes] = trace.lanes.size();
  sum[MeasureTerm::Disks] = trace.disks.size();
  sum[MeasureTerm::DiskSteps] = trace.disk_script.size();
  for (const Disk& disk : trace.disks) {
    sum[MeasureTerm::Flags] += count_options(disk);
    add_to(sum[MeasureTerm::Numbers], disk.size_sectors);
  }
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) add(sum, operation);
  }
  for (const DiskStep& step : trace.disk_script) add(sum, step);
  const Choices& choices = trace.choices;
  sum[MeasureTerm::Flags] += choices.schedule.size() + choices.fault.size() + choices.crash.size();
  for (const auto* kind : {&choices.schedule, &choices.fault, &choices.crash}) {
    for (const u32 choice : *kind) add_to(sum[MeasureTerm::Numbers], choice);
  }
  return sum.measure();
}

std::strong_ordering compare_size(const Trace& left, const Trace& right) {
  if (const auto order = measure_of(left) <=> measure_of(right); order != 0) return order;
  const std::string left_text = print_trace(left);
  const std::string right_text = print_trace(right);
  if (const auto order = left_text.size() <=> right_text.size(); order != 0) return order;
  return left_text <=> right_text;
}

}  // namespace bioscope

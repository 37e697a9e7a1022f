// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "models/trace/syntax.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

std::string print_disk(const Disk& disk) {
  std::string text = fmt::format("disk {} {} size={} lbs={}", disk.name, word_of(disk.kind),
                                 disk.size_sectors, disk.logical_block_bytes);
  const auto option = [&](std::string_view key, u32 value) {
    if (value != 0) text += fmt::format(" {}={}", key, value);
  };
  option("pbs", disk.physical_block_bytes);
  if (disk.cache != CacheMode::None) text += fmt::format(" cache={}", word_of(disk.cache));
  if (disk.read_only) text += " ro=1";
  option("max-sectors", disk.max_sectors);
  option("chunk", disk.chunk_sectors);
  option("discard-granularity", disk.discard_granularity_sectors);
  option("discard-alignment", disk.discard_alignment_sectors);
  option("max-discard", disk.max_discard_sectors);
  option("max-write-zeroes", disk.max_write_zeroes_sectors);
  return text;
}

std::string print_range(const Range& range) {
  return fmt::format("{}+{}", range.first_sector, range.count_sectors);
}

std::string print_edge(const Edge& edge) {
  return fmt::format("{} {}", word_of(edge.kind), edge.label);
}

std::string print_step(const DiskStep& step) {
  std::string text;
  if (step.kind == DiskStepKind::Release) {
    text = fmt::format("release {}", step.label);
  } else {
    const bool holds = step.kind == DiskStepKind::Hold;
    text = holds ? fmt::format("{}: hold", step.label) : "fail";
    text += fmt::format(" {} {}", step.disk, word_of(step.request));
    if (step.range != Range{}) text += " " + print_range(step.range);
    if (step.occurrence != 1) text += fmt::format(" #{}", step.occurrence);
    if (!holds) text += " " + errno_word(step.error);
  }
  if (step.edge.kind == EdgeKind::Quiet) text += " when quiet";
  if (step.edge.kind != EdgeKind::None && step.edge.kind != EdgeKind::Quiet) {
    text += " after " + print_edge(step.edge);
  }
  return text;
}

void print_choices(std::string& text, std::string_view kind, const std::vector<u32>& choices) {
  if (choices.empty()) return;
  text += fmt::format("choices {} {}\n", kind, fmt::join(choices, " "));
}

std::string print_field(const FieldSyntax& field, const Operation& operation) {
  const std::string key = field.key.empty() ? "" : fmt::format("{}=", field.key);
  const bool keyed = !key.empty();
  switch (field.field) {
    case Field::None:
      return {};
    case Field::Device:
      return operation.device;
    case Field::Range:
      return print_range(operation.range);
    case Field::Text:
      if (!keyed) return fmt::format("\"{}\"", operation.text);
      if (operation.text.empty()) return {};
      return is_name(operation.text) ? key + operation.text
                                     : fmt::format("{}\"{}\"", key, operation.text);
    case Field::Word:
      return operation.word.empty() ? "" : key + operation.word;
    case Field::Number:
      return operation.number == kNoNumber ? "" : key + fmt::format("{}", operation.number);
    case Field::Label:
      return operation.edge.label;
    case Field::Edge:
      return print_edge(operation.edge);
  }
  return {};
}

}  // namespace

std::string print_operation(const Operation& operation) {
  std::string text;
  if (!operation.label.empty()) text += operation.label + ": ";
  if (operation.async) text += "async ";
  const OperationSyntax& syntax = syntax_of(operation.kind);
  text += syntax.keyword;
  for (const FieldSyntax& field : syntax.fields) {
    const std::string printed = print_field(field, operation);
    if (!printed.empty()) text += " " + printed;
  }
  for (std::size_t i = 0; i < kOperationFlags; ++i) {
    const auto flag = static_cast<OperationFlag>(1U << i);
    if (operation.flags.has(flag)) text += fmt::format(" {}", flag_word(flag));
  }
  return text;
}

std::string print_trace(const Trace& trace) {
  std::string text = fmt::format("{} 1\nseed {}\n", kTraceMagic, trace.seed);
  for (const Disk& disk : trace.disks) text += print_disk(disk) + "\n";
  print_choices(text, "schedule", trace.choices.schedule);
  print_choices(text, "fault", trace.choices.fault);
  print_choices(text, "crash", trace.choices.crash);
  for (const Lane& lane : trace.lanes) {
    text += fmt::format("lane {}\n", lane.name);
    for (const Operation& operation : lane.operations) {
      text += "  " + print_operation(operation) + "\n";
    }
  }
  if (!trace.disk_script.empty()) text += "disk-script\n";
  for (const DiskStep& step : trace.disk_script) text += "  " + print_step(step) + "\n";
  return text;
}

}  // namespace bioscope

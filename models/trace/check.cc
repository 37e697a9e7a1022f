// SPDX-License-Identifier: Apache-2.0
// check() and normalize() are two readings of the same list of conditions, in the same order, so
// that what normalize() leaves behind is what check() accepts; check_test.cc holds them together.
#include "models/trace/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "models/trace/order.h"
#include "models/trace/syntax.h"

namespace bioscope {
namespace {

constexpr u64 kMaxSector = 1ULL << 62;
constexpr u32 kMinBlockBytes = 512;
constexpr u32 kMaxBlockBytes = 65536;

bool is_block_size(u32 bytes) {
  return bytes >= kMinBlockBytes && bytes <= kMaxBlockBytes && (bytes & (bytes - 1)) == 0;
}

bool is_disk_name(std::string_view name) {
  return is_name(name) && name.find('/') == std::string_view::npos;
}

bool is_fault(int error) {
  return errno_of(errno_word(error)).has_value();
}

std::string problem_of(const Disk& disk) {
  if (!is_disk_name(disk.name)) return "expected a disk name of letters, digits, '_', '-' or '.'";
  if (disk.size_sectors == 0 || disk.size_sectors > kMaxDiskSectors) {
    return fmt::format("expected size=SECTORS from 1 to 2^55 for disk {}", disk.name);
  }
  if (!is_block_size(disk.logical_block_bytes)) {
    return "expected lbs= a power of two from 512 to 65536";
  }
  if (disk.physical_block_bytes != 0 && !is_block_size(disk.physical_block_bytes)) {
    return "expected pbs= a power of two from 512 to 65536";
  }
  return {};
}

// Whether the operation's fields are what its syntax wants, one field kind at a time.
std::string problem_of(const Operation& operation) {
  const OperationSyntax& syntax = syntax_of(operation.kind);
  Operation rest = operation;
  rest.label.clear();
  rest.async = false;
  for (const FieldSyntax& field : syntax.fields) {
    const bool required = field.key.empty();
    switch (field.field) {
      case Field::None:
        break;
      case Field::Device:
        if (!is_name(rest.device)) return fmt::format("expected {}", field.name);
        rest.device.clear();
        break;
      case Field::Range:
        if (rest.range.count_sectors > kMaxIoSectors || rest.range.first_sector > kMaxSector) {
          return fmt::format("expected at most {} sectors below 2^62", kMaxIoSectors);
        }
        rest.range = {};
        break;
      case Field::Text:
        if (!is_text(rest.text)) return fmt::format("expected printable text for {}", field.name);
        rest.text.clear();
        break;
      case Field::Word:
        if (!is_name(rest.word) && (required || !rest.word.empty())) {
          return fmt::format("expected {}", field.name);
        }
        rest.word.clear();
        break;
      case Field::Number:
        if (rest.number < 0 && (required || rest.number != kNoNumber)) {
          return fmt::format("expected the number {}", field.name);
        }
        rest.number = kNoNumber;
        break;
      case Field::Label:
        if (rest.edge.kind != EdgeKind::Returned) return "expected a label";
        rest.edge = {};
        break;
      case Field::Edge:
        if (rest.edge.kind == EdgeKind::None || rest.edge.kind == EdgeKind::Quiet) {
          return "expected invoked, returned or held, and a label";
        }
        rest.edge = {};
        break;
    }
  }
  if ((rest.flags.bits() & ~syntax.flags) != 0) {
    return fmt::format("'{}' does not take that flag", syntax.keyword);
  }
  rest.flags = {};
  Operation nothing;
  nothing.kind = rest.kind;
  if (!(rest == nothing)) return fmt::format("'{}' has a field it does not use", syntax.keyword);
  return {};
}

// An async `wait` or `after` would order nothing.
bool may_be_async(OperationKind kind) {
  return kind != OperationKind::Wait && kind != OperationKind::After &&
         kind != OperationKind::Signal && kind != OperationKind::Clock;
}

bool names_async_before(const Lane& lane, std::size_t index, const std::string& label) {
  for (std::size_t i = 0; i < index; ++i) {
    if (lane.operations[i].async && lane.operations[i].label == label) return true;
  }
  return false;
}

std::string problem_of_edge(const Trace& trace, const Edge& edge) {
  switch (edge.kind) {
    case EdgeKind::None:
    case EdgeKind::Quiet:
      return {};
    case EdgeKind::Held:
      if (find_hold(trace, edge.label)) return {};
      return fmt::format("no hold in the disk script is labelled '{}'", edge.label);
    case EdgeKind::Invoked:
    case EdgeKind::Returned:
      if (find_labelled(trace, edge.label)) return {};
      return fmt::format("no operation is labelled '{}'", edge.label);
  }
  return {};
}

std::string problem_of(const Trace& trace, const DiskStep& step) {
  const auto disk = std::ranges::find(trace.disks, step.disk, &Disk::name);
  switch (step.kind) {
    case DiskStepKind::Release:
      if (!find_hold(trace, step.label)) {
        return fmt::format("no hold in the disk script is labelled '{}'", step.label);
      }
      break;
    case DiskStepKind::Hold:
    case DiskStepKind::Fail:
      if (disk == trace.disks.end() || disk->kind != DiskKind::Controlled) {
        return fmt::format("expected a controlled disk, '{}' is none", step.disk);
      }
      if (step.occurrence == 0) return "expected an occurrence from 1";
      if (step.range.count_sectors > kMaxDiskSectors || step.range.first_sector > kMaxSector) {
        return "expected a range within a disk";
      }
      if (step.kind == DiskStepKind::Fail && !is_fault(step.error)) {
        return "expected an error such as EIO";
      }
      if (step.edge.kind == EdgeKind::Quiet) return "only a release can wait for quiet";
      break;
  }
  return problem_of_edge(trace, step.edge);
}

std::string problem_of_limits(const Trace& trace) {
  if (trace.disks.size() > kMaxDisks) return fmt::format("more than {} disks", kMaxDisks);
  if (trace.lanes.size() > kMaxLanes) return fmt::format("more than {} lanes", kMaxLanes);
  if (operation_count(trace) > kMaxOperations) {
    return fmt::format("more than {} operations", kMaxOperations);
  }
  if (trace.disk_script.size() > kMaxDiskSteps) {
    return fmt::format("more than {} steps in the disk script", kMaxDiskSteps);
  }
  for (const auto* choices :
       {&trace.choices.schedule, &trace.choices.fault, &trace.choices.crash}) {
    if (choices->size() > kMaxChoices) return fmt::format("more than {} choices", kMaxChoices);
  }
  std::set<std::string> names;
  for (const Lane& lane : trace.lanes) {
    if (!is_disk_name(lane.name)) return "expected a lane name";
    if (!names.insert(lane.name).second) return fmt::format("two lanes named '{}'", lane.name);
  }
  return {};
}

// "d0 d1 .." then whatever is free.
std::string free_name(const std::set<std::string>& taken, std::string_view stem) {
  for (std::size_t i = 0;; ++i) {
    std::string name = fmt::format("{}{}", stem, i);
    if (!taken.contains(name)) return name;
  }
}

void normalize_disks(Trace& trace) {
  if (trace.disks.size() > kMaxDisks) trace.disks.resize(kMaxDisks);
  std::set<std::string> names;
  for (Disk& disk : trace.disks) {
    if (!is_disk_name(disk.name) || names.contains(disk.name)) disk.name = free_name(names, "d");
    names.insert(disk.name);
    disk.size_sectors = std::clamp<u64>(disk.size_sectors, 1, kMaxDiskSectors);
    if (!is_block_size(disk.logical_block_bytes)) disk.logical_block_bytes = kMinBlockBytes;
    if (!is_block_size(disk.physical_block_bytes)) disk.physical_block_bytes = 0;
  }
}

void normalize_fields(Operation& operation, const std::string& default_device) {
  const OperationSyntax& syntax = syntax_of(operation.kind);
  Operation clean;
  clean.kind = operation.kind;
  clean.label = is_name(operation.label) ? operation.label : "";
  clean.async = operation.async && may_be_async(operation.kind);
  clean.flags = OperationFlags(operation.flags.bits() & syntax.flags);
  for (const FieldSyntax& field : syntax.fields) {
    const bool required = field.key.empty();
    switch (field.field) {
      case Field::None:
        break;
      case Field::Device:
        clean.device = is_name(operation.device) ? operation.device : default_device;
        break;
      case Field::Range:
        clean.range.count_sectors = std::min(operation.range.count_sectors, kMaxIoSectors);
        clean.range.first_sector = std::min(operation.range.first_sector, kMaxSector);
        break;
      case Field::Text:
        clean.text = is_text(operation.text) ? operation.text : "";
        break;
      case Field::Word:
        clean.word = is_name(operation.word) ? operation.word : required ? "x" : "";
        break;
      case Field::Number:
        clean.number = operation.number >= 0 ? operation.number : required ? 0 : kNoNumber;
        break;
      case Field::Label:
        clean.edge = {EdgeKind::Returned, operation.edge.label};
        break;
      case Field::Edge:
        clean.edge = operation.edge;
        if (clean.edge.kind == EdgeKind::None || clean.edge.kind == EdgeKind::Quiet) {
          clean.edge.kind = EdgeKind::Invoked;
        }
        break;
    }
  }
  operation = std::move(clean);
}

void normalize_lanes(Trace& trace) {
  if (trace.lanes.size() > kMaxLanes) trace.lanes.resize(kMaxLanes);
  const std::string default_device = trace.disks.empty() ? "d0" : trace.disks.front().name;
  std::set<std::string> names;
  std::set<std::string> labels;
  std::size_t room = kMaxOperations;
  for (Lane& lane : trace.lanes) {
    if (!is_disk_name(lane.name) || names.contains(lane.name)) lane.name = free_name(names, "L");
    names.insert(lane.name);
    if (lane.operations.size() > room) lane.operations.resize(room);
    room -= lane.operations.size();
    for (Operation& operation : lane.operations) {
      normalize_fields(operation, default_device);
      if (!operation.label.empty() && !labels.insert(operation.label).second) {
        operation.label.clear();
      }
    }
  }
  if (trace.disk_script.size() > kMaxDiskSteps) trace.disk_script.resize(kMaxDiskSteps);
  std::erase_if(trace.disk_script, [&](const DiskStep& step) {
    return step.kind == DiskStepKind::Hold &&
           (!is_name(step.label) || !labels.insert(step.label).second);
  });
  for (DiskStep& step : trace.disk_script) {
    if (step.kind == DiskStepKind::Fail) {
      step.label.clear();
    } else {
      step.error = 0;
    }
    if (step.kind == DiskStepKind::Release) {
      DiskStep clean;
      clean.kind = step.kind;
      clean.label = step.label;
      clean.edge = step.edge;
      step = clean;
    }
    if (step.edge.kind == EdgeKind::None || step.edge.kind == EdgeKind::Quiet) {
      step.edge.label.clear();
    }
  }
}

std::string problem_of_order(const Trace& trace, const Lane& lane, std::size_t index) {
  const Operation& operation = lane.operations[index];
  if (operation.kind == OperationKind::Wait &&
      !names_async_before(lane, index, operation.edge.label)) {
    return fmt::format("no async operation labelled '{}' stands before this in lane {}",
                       operation.edge.label, lane.name);
  }
  return problem_of_edge(trace, operation.edge);
}

// Dropping one operation or step can make another one's label vanish, so until nothing changes;
// each round drops at least one.
void normalize_order(Trace& trace) {
  for (bool changed = true; changed;) {
    changed = false;
    for (Lane& lane : trace.lanes) {
      for (std::size_t i = lane.operations.size(); i-- > 0;) {
        if (problem_of_order(trace, lane, i).empty()) continue;
        lane.operations.erase(lane.operations.begin() + static_cast<std::ptrdiff_t>(i));
        changed = true;
      }
    }
    for (std::size_t i = trace.disk_script.size(); i-- > 0;) {
      if (problem_of(trace, trace.disk_script[i]).empty()) continue;
      trace.disk_script.erase(trace.disk_script.begin() + static_cast<std::ptrdiff_t>(i));
      changed = true;
    }
    if (changed) continue;
    if (const auto stuck = find_cycle(trace)) {
      if (stuck->is_step) {
        trace.disk_script.erase(trace.disk_script.begin() +
                                static_cast<std::ptrdiff_t>(stuck->index));
      } else {
        const auto id = static_cast<OperationId>(stuck->index);
        const std::size_t lane = lane_of(trace, id);
        auto& operations = trace.lanes[lane].operations;
        operations.erase(operations.begin() +
                         static_cast<std::ptrdiff_t>(id - first_operation(trace, lane)));
      }
      changed = true;
    }
  }
}

}  // namespace

std::optional<Problem> check(const Trace& trace) {
  using Place = Problem::Place;
  if (auto message = problem_of_limits(trace); !message.empty()) {
    return Problem{Place::Trace, 0, std::move(message)};
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < trace.disks.size(); ++i) {
    std::string message = problem_of(trace.disks[i]);
    if (message.empty() && !names.insert(trace.disks[i].name).second) {
      message = fmt::format("two disks named '{}'", trace.disks[i].name);
    }
    if (!message.empty()) return Problem{Place::Disk, i, std::move(message)};
  }
  std::set<std::string> labels;
  OperationId id = 0;
  for (const Lane& lane : trace.lanes) {
    for (std::size_t i = 0; i < lane.operations.size(); ++i, ++id) {
      const Operation& operation = lane.operations[i];
      std::string message = problem_of(operation);
      if (message.empty() && operation.async && !may_be_async(operation.kind)) {
        message = fmt::format("'{}' cannot be async", syntax_of(operation.kind).keyword);
      }
      if (message.empty() && !operation.label.empty()) {
        if (!is_name(operation.label)) message = "expected a label";
        if (!labels.insert(operation.label).second) {
          message = fmt::format("the label '{}' is taken", operation.label);
        }
      }
      if (message.empty()) message = problem_of_order(trace, lane, i);
      if (!message.empty()) return Problem{Place::Operation, id, std::move(message)};
    }
  }
  for (std::size_t i = 0; i < trace.disk_script.size(); ++i) {
    const DiskStep& step = trace.disk_script[i];
    std::string message = problem_of(trace, step);
    if (message.empty() && step.kind == DiskStepKind::Hold) {
      if (!is_name(step.label)) message = "expected a label before 'hold'";
      if (!labels.insert(step.label).second) {
        message = fmt::format("the label '{}' is taken", step.label);
      }
    }
    if (!message.empty()) return Problem{Place::DiskStep, i, std::move(message)};
  }
  if (const auto stuck = find_cycle(trace)) {
    return Problem{stuck->is_step ? Place::DiskStep : Place::Operation, stuck->index,
                   "this waits for itself: the edges make a circle"};
  }
  return std::nullopt;
}

void normalize(Trace& trace) {
  normalize_disks(trace);
  normalize_lanes(trace);
  for (auto* choices : {&trace.choices.schedule, &trace.choices.fault, &trace.choices.crash}) {
    if (choices->size() > kMaxChoices) choices->resize(kMaxChoices);
  }
  normalize_order(trace);
}

}  // namespace bioscope

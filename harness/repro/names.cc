// SPDX-License-Identifier: Apache-2.0
#include "harness/repro/names.h"

#include "models/trace/table.h"

namespace bioscope {
namespace {

constexpr std::string_view kWordEnds = " ;=";

// "mnt/file" is a file on "mnt".
bool is_or_lies_on(std::string_view device, std::string_view name) {
  return device.starts_with(name) && (device.size() == name.size() || device[name.size()] == '/');
}

bool gives_name(const Operation& operation) {
  return operation.kind == OperationKind::Mount || operation.kind == OperationKind::Rename;
}

bool has_names_in_text(const Operation& operation) {
  return operation.kind == OperationKind::Load || operation.kind == OperationKind::Ioctl;
}

std::string with_name_replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string replaced;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(kWordEnds), text.size());
    const std::string_view word = text.substr(0, end);
    replaced += word == from ? to : word;
    if (end < text.size()) replaced += text[end];
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return replaced;
}

}  // namespace

Names names_in(const Trace& trace) {
  Names names;
  for (const Disk& disk : trace.disks) names.insert(disk.name);
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      if (operation.kind == OperationKind::Create) names.insert(operation.device);
      if (gives_name(operation) && !operation.word.empty()) names.insert(operation.word);
    }
  }
  return names;
}

bool text_names(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(kWordEnds), text.size());
    if (text.substr(0, end) == name) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

bool names(const Operation& operation, std::string_view name) {
  return is_or_lies_on(operation.device, name) ||
         (gives_name(operation) && operation.word == name) ||
         (has_names_in_text(operation) && text_names(operation.text, name));
}

Names standing_upon(const Trace& trace, Names names) {
  for (bool grown = true; grown;) {
    grown = false;
    for (const Lane& lane : trace.lanes) {
      for (const Operation& operation : lane.operations) {
        if (operation.kind == OperationKind::Load && !names.contains(operation.device)) {
          for (const std::string& name : names) {
            if (!text_names(operation.text, name)) continue;
            grown |= names.insert(operation.device).second;
            break;
          }
        }
        if (gives_name(operation) && !operation.word.empty() && names.contains(operation.device)) {
          grown |= names.insert(operation.word).second;
        }
      }
    }
  }
  return names;
}

void replace_name(Trace& trace, std::string_view from, const std::string& to) {
  for (Lane& lane : trace.lanes) {
    for (Operation& operation : lane.operations) {
      if (is_or_lies_on(operation.device, from)) operation.device.replace(0, from.size(), to);
      if (gives_name(operation) && operation.word == from) operation.word = to;
      if (has_names_in_text(operation) && text_names(operation.text, from)) {
        operation.text = with_name_replaced(operation.text, from, to);
      }
    }
  }
  for (DiskStep& step : trace.disk_script) {
    if (step.disk == from) step.disk = to;
  }
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "models/trace/capability.h"

#include <array>

#include "models/trace/syntax.h"
#include "models/trace/trace.h"

namespace bioscope {
namespace {

constexpr std::array<std::string_view, kCapabilities> kNames{
    "block-io",      "device-mapper", "raw-ioctl",  "era-dump",
    "file-systems",  "probe",         "null-disk",  "controlled-disk",
    "scsi-disk",     "loop-disk",     "interpose",  "read-only-switch",
    "resize",        "hot-remove",    "partitions", "signals",
    "clock",         "power-cut",     "schedule",   "hops",
    "virtual-clock", "log-dump",
};

Capability needed_by(DiskKind kind) {
  switch (kind) {
    case DiskKind::Null:
      return Capability::NullDisk;
    case DiskKind::Controlled:
      return Capability::ControlledDisk;
    case DiskKind::Scsi:
      return Capability::ScsiDisk;
    case DiskKind::Loop:
      return Capability::LoopDisk;
  }
  return Capability::NullDisk;
}

}  // namespace

std::string_view name_of(Capability capability) {
  return kNames[static_cast<std::size_t>(capability)];
}

std::string to_text(Capabilities capabilities) {
  std::string text;
  for (std::size_t i = 0; i < kCapabilities; ++i) {
    if (!capabilities.has(static_cast<Capability>(i))) continue;
    if (!text.empty()) text += ", ";
    text += kNames[i];
  }
  return text;
}

namespace {

bool is_mount_point(const Trace& trace, std::string_view name) {
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      if (operation.kind == OperationKind::Mount && operation.word == name) return true;
    }
  }
  return false;
}

}  // namespace

Capabilities needed_by(const Trace& trace) {
  Capabilities needs;
  for (const Disk& disk : trace.disks) needs.add(needed_by(disk.kind));
  if (!trace.disk_script.empty()) needs.add(Capability::ControlledDisk);
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      needs.add(syntax_of(operation.kind).needs);
      const bool prefixed = operation.kind == OperationKind::Load &&
                            operation.text.find("[interpose]") != std::string::npos;
      if (prefixed || operation.flags.has(OperationFlag::Interpose)) {
        needs.add(Capability::Interpose);
      }
      // User space cannot freeze a bare device.
      const bool freezes =
          operation.kind == OperationKind::Freeze || operation.kind == OperationKind::Thaw;
      if (freezes && !is_mount_point(trace, operation.device)) needs.add(Capability::Probe);
    }
  }
  return needs;
}

}  // namespace bioscope

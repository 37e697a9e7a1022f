// SPDX-License-Identifier: Apache-2.0
// Device mapper through libdevmapper: one ioctl for each operation of a trace.
//
// libdevmapper keeps global state without locks, and two lanes have to be able to sit in two of its
// ioctls at the same time. So it is used as a monitor: a lock is held inside the library and let
// go while the kernel has the word, at the library's own call of ioctl().
#pragma once

#include "models/trace/trace.h"
#include "vm-images/agent/devices.h"
#include "vm-images/agent/recorder.h"

namespace bioscope {

// Once, before any other.
void start_device_mapper();
bool device_mapper_works();
// Versions of the targets that the kernel knows, "snapshot", "era" ..
std::vector<std::string> device_mapper_targets();

// REQUIRES: the operation is one from Create to Info. Keeps `devices` up to date.
Outcome perform_dm(const Operation& operation, DeviceTable& devices);

// For the clean-up and the ledger. Errors are positive errnos.
struct MappedDevice {
  std::string name;
  u32 major = 0;
  u32 minor = 0;
};
// Nothing if the kernel does not say.
std::optional<std::vector<MappedDevice>> list_mapped_devices();
int remove_mapped_device(const std::string& name);
// Drops the inactive table and resumes, if it is suspended.
int resume_mapped_device(const std::string& name);
// Suspends without a flush and resumes: a delay target lets go of the I/O that it holds back.
void bounce_mapped_device(const std::string& name);

}  // namespace bioscope

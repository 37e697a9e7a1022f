// SPDX-License-Identifier: Apache-2.0
// What a subject can do. A trace that needs more than its subject has is "not played", which is
// never "passed".
#pragma once

#include <string>
#include <string_view>

#include "models/base/types.h"

namespace bioscope {

struct Trace;

enum class Capability : u8 {
  BlockIo,         // read, write, flush, discard, write zeroes
  DeviceMapper,    // create .. deps, open, close
  RawIoctl,        // a DM ioctl that libdevmapper would refuse
  EraDump,         // reading era metadata back
  FileSystems,     // mkfs, mount, files, fsck, freeze and thaw of a mounted file system
  Probe,           // bios with any flags, freeze of a bare device, counters
  NullDisk,
  ControlledDisk,  // hold, release, fail
  ScsiDisk,
  LoopDisk,
  Interpose,       // DM_INTERPOSE_FLAG: an interposer in the block core
  ReadOnlySwitch,
  Resize,
  HotRemove,
  Partitions,
  Signals,
  Clock,
  PowerCut,
  Schedule,        // the seed decides how lanes interleave
  Hops,            // tells what bios did on their way (History::hops)
  VirtualClock,    // time passes only when everybody sleeps, so `clock` says how much
  LogDump,         // reading the log of log-writes back
};
inline constexpr std::size_t kCapabilities = static_cast<std::size_t>(Capability::LogDump) + 1;

class Capabilities {
 public:
  Capabilities() = default;
  explicit Capabilities(u64 bits) : bits_(bits) {}
  void add(Capability capability) { bits_ |= 1ULL << static_cast<u8>(capability); }
  void drop(Capability capability) { bits_ &= ~(1ULL << static_cast<u8>(capability)); }
  bool has(Capability capability) const { return (bits_ >> static_cast<u8>(capability) & 1) != 0; }
  // What stands here and not in `other`.
  Capabilities without(Capabilities other) const { return Capabilities(bits_ & ~other.bits_); }
  bool empty() const { return bits_ == 0; }
  u64 bits() const { return bits_; }
  bool operator==(const Capabilities&) const = default;

 private:
  u64 bits_ = 0;
};

std::string_view name_of(Capability capability);

// Comma-separated names.
std::string to_text(Capabilities capabilities);

// What playing `trace` as it stands needs.
Capabilities needed_by(const Trace& trace);

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// Where the guest puts its bytes for the host. Both ways are written by the vCPU within an
// instruction and only read by the host, so neither carries anything timed by the host into the
// guest.
//
// The window: memory that host and guest share (QEMU's ivshmem-plain, the BAR behind resource2 of
// the PCI device with these ids). The guest appends its bytes behind the header, then stores the
// new count, then writes any one byte to the port, which wakes the host up. The count never wraps:
// what does not fit is not sent, so that the guest never waits for the host.
//
// The port alone (QEMU's isa-debugcon): as long as the window's magic is not set, bytes written to
// the port are the stream. It needs no PCI and no mmap, and costs 1.6 us a byte on the host instead
// of 2 ns.
#pragma once

#include <cstddef>

#include "models/base/types.h"

namespace bioscope {

inline constexpr u16 kChannelPort = 0xe9;

inline constexpr u16 kWindowPciVendor = 0x1af4;
inline constexpr u16 kWindowPciDevice = 0x1110;
inline constexpr std::size_t kWindowBytes = std::size_t{64} << 20;
inline constexpr u64 kWindowMagic =
    0x3177'6f69'6273'6f62;  // set by the guest before its first byte

struct WindowHeader {
  u64 magic = 0;
  u64 written_bytes = 0;  // so far, from kWindowDataOffset on; stored with release order
};

inline constexpr std::size_t kWindowDataOffset = 4096;
inline constexpr std::size_t kWindowCapacityBytes = kWindowBytes - kWindowDataOffset;
// Kept free at the end for the frame that says that the window is full.
inline constexpr std::size_t kWindowLastWordBytes = 4096;

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// The probe module as the agent sees it: bios with any flags, freeze of bare devices, counters.
// bioscope_probe.h is the contract; this adds ownership and errors as values.
//
// What the kernel under test answers is a value (a negative errno). An Error means that the probe
// itself could not do its work: not loaded, another ABI, a bad descriptor, limits of the probe.
// Devices are named by the descriptor of an open block device, which the caller keeps open.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/base/result.h"
#include "models/base/types.h"
#include "vm-images/probe/bioscope_probe.h"

namespace bioscope {

struct ProbeBio {
  u32 op = BIOSCOPE_PROBE_OP_READ;
  u32 flags = 0;  // BIOSCOPE_PROBE_FUA, ...
  u64 sector = 0;
  u64 length_bytes = 0;
  std::vector<bioscope_probe_segment> segments;  // empty: equal segments, at most 256
  // What the pages hold when the bio is submitted: length_bytes bytes, or empty for zeroes.
  std::span<const u8> data;
};

struct ProbeBioEnd {
  int status = 0;  // 0 or a negative errno
  u32 ended = 0;   // how often end_io has run; anything but 1 is a bug of the kernel
  u64 sector = 0;  // bi_sector at the end
};

// Thread safety: all but move and destruction may be called from any thread at the same time.
class Probe {
 public:
  static Result<Probe> open(const std::string& path = BIOSCOPE_PROBE_PATH);
  Probe(Probe&& other) noexcept;
  Probe& operator=(Probe&& other) noexcept;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  // Thaws what was frozen through it and not thawed; bios that are pending end unseen.
  ~Probe();

  // Submits one bio and does not wait for its end. Returns its id, for wait().
  Result<u64> submit(int device, const ProbeBio& bio);
  // Waits for the end of a bio; nothing when it has not ended within timeout_ms (0 only asks,
  // BIOSCOPE_PROBE_UNKNOWN waits for ever) or a signal came: it stays pending. `data` gets what
  // the pages hold then. REQUIRES: data is empty or as long as what the bio carried.
  Result<std::optional<ProbeBioEnd>> wait(u64 id, std::span<u8> data,
                                          u32 timeout_ms = BIOSCOPE_PROBE_UNKNOWN);

  // freeze_bdev() and thaw_bdev(): 0 or the kernel's negative errno.
  Result<int> freeze(int device);
  Result<int> thaw(int device);

  Result<bioscope_probe_counters> counters(int device);

 private:
  explicit Probe(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// dm-kcopyd and dm-io: I/O that targets do of their own, without a bio of a user.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "models/interposer/block/bio.h"
#include "models/interposer/block/block_device.h"

namespace bioscope::dm {

inline constexpr u64 kMaxIoSectors = 2048;  // BIO_MAX_VECS pages: of one bio here

// struct dm_io_region.
struct IoRegion {
  blk::BlockDevice* bdev = nullptr;
  u64 sector = 0;
  u64 count_sectors = 0;
};

// dm_io() with notify.fn == NULL: waits. Splits into bios of at most kMaxIoSectors, in a plug. 0,
// or the first errno that came back. Flags: kReqPreflush, kReqFua, kReqSync. With count 0 and
// kReqPreflush: a flush. EOPNOTSUPP: the device offers no such discard or write zeroes. Not from
// within map(): what it submits would wait for map() to return.
int dm_io_sync(const IoRegion& where, blk::BioOp op, blk::OpFlags opf, std::span<u8> bytes);

// dm_kcopyd_client: copies regions with one worker, at most kMaxJobs at a time, and tells of each
// in the order of completion. Thread-safe.
class Kcopyd {
 public:
  static constexpr u32 kMaxJobs = 32;

  // Called on the client's worker, one at a time; must not wait for another copy. errors: 0 or the
  // errno of each side.
  using Done = std::move_only_function<void(int read_error, int write_error)>;

  explicit Kcopyd(const char* name);
  ~Kcopyd();  // REQUIRES: drained, unless the run is stopped
  Kcopyd(const Kcopyd&) = delete;
  Kcopyd& operator=(const Kcopyd&) = delete;

  // dm_kcopyd_client_destroy(), the part that waits: until every copy and callback has been done.
  void drain();

  // dm_kcopyd_copy(). REQUIRES: regions of the same length, not 0.
  void copy(const IoRegion& from, const IoRegion& to, Done done);
  // dm_kcopyd_do_callback(): runs `done` on the worker, in line with copies' callbacks.
  void do_callback(Done done);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bioscope::dm

// SPDX-License-Identifier: Apache-2.0
// dm-kcopyd and dm-io: I/O that targets do of their own, without a bio of a user.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "models/interposer/block/bio.h"
#include "models/interposer/block/block_device.h"
#include "models/runtime/mutex.h"
#include "models/runtime/workqueue.h"

namespace bioscope::dm {

// struct dm_io_region.
struct IoRegion {
  blk::BlockDevice* bdev = nullptr;
  u64 sector = 0;
  u64 count_sectors = 0;
};

// dm_io() with notify.fn == NULL: waits. Splits into bios of at most 2048 sectors, in a plug. 0, or
// the first errno that came back. Flags: kReqPreflush, kReqFua, kReqSync. With count 0 and
// kReqPreflush: a flush. Not from within map(): what it submits would wait for map() to return.
int dm_io_sync(const IoRegion& where, blk::BioOp op, blk::OpFlags opf, std::span<u8> bytes);

// dm_kcopyd_client: copies regions through a pool of pages, in the order of completion, at most
// `kMaxJobs` at a time. Thread-safe.
class Kcopyd {
 public:
  // Called on the client's worker; must not wait for another copy. errors: 0 or errno of each side.
  using Done = std::move_only_function<void(int read_error, int write_error)>;

  explicit Kcopyd(const char* name);
  ~Kcopyd();  // REQUIRES: drained, unless the run is stopped
  Kcopyd(const Kcopyd&) = delete;
  Kcopyd& operator=(const Kcopyd&) = delete;

  // dm_kcopyd_client_destroy(), the part that waits: until every copy and callback has been done.
  void drain();

  void copy(const IoRegion& from, const IoRegion& to, Done done);
  // dm_kcopyd_do_callback(): runs `done` on the worker, in line with copies' callbacks.
  void do_callback(Done done);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bioscope::dm

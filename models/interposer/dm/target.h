// SPDX-License-Identifier: Apache-2.0
// struct dm_target and struct target_type: what stands between a mapped device and the devices
// below it. One target type a file in models/interposer/targets.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "models/interposer/block/bio.h"
#include "models/interposer/block/block_device.h"
#include "models/interposer/block/queue_limits.h"

namespace bioscope::dm {

class Target;
class Table;
class DeviceMapper;
class MappedDevice;
class Module;

// DM_MAPIO_*.
enum class MapResult : u8 {
  Submitted,  // the target has taken the clone and ends it with bio_endio(), or submits it itself
  Remapped,   // the core submits it where the target has pointed it
  Requeue,    // push it back (R39)
  Kill,       // EIO
};

// DM_ENDIO_*; no target here keeps a clone that has ended (DM_ENDIO_INCOMPLETE).
enum class EndResult : u8 { Done, Requeue };

// What a constructor refuses with: ti->error.
struct ConstructError {
  int error = 0;  // a positive errno
  std::string message;
};
using Constructed = std::expected<std::unique_ptr<Target>, ConstructError>;

enum class StatusType : u8 { Info, Table };

// struct dm_dev: a device that a table has opened. Owned by the table.
struct DmDev {
  // The bypass when the path was prefixed, or when the table interposes it.
  blk::BlockDevice* bdev = nullptr;
  std::string name;      // of the original, as status lines print it
  std::string path;      // as the table said it, prefix included
  bool claimed = false;  // exclusively, for device mapper
};

struct TargetType;

// Everything a constructor is given.
struct TargetArguments {
  const TargetType& type;
  Table& table;
  u64 begin_sector = 0;
  u64 count_sectors = 0;
  std::span<const std::string> words;  // after the type's name
};

// struct target_type.
struct TargetType {
  std::string_view name;
  bool singleton = false;  // alone in its table
  bool immutable = false;  // a table with it is never replaced by one of another type
  Constructed (*construct)(const TargetArguments& arguments) = nullptr;
  // module_init: what all targets of the type share on one machine; null if nothing.
  std::unique_ptr<Module> (*init_module)(DeviceMapper& mapper) = nullptr;
};

// State that targets of one module share (the hash of snapshot origins..). Destroyed with the
// DeviceMapper, after every mapped device.
class Module {
 public:
  virtual ~Module() = default;
};

// struct dm_target and the functions of its type. Who calls what and when is the core's contract:
//   T1  map() is called with a live table, never after presuspend() has returned until resume(),
//       but for bios that were inside before (R35); concurrently, from many tasks.
//   T2  presuspend(), postsuspend(), preresume(), resume() are called in turn, one at a time, with
//       the mapped device's suspend lock held (R35, R40). postsuspend(): no bio is inside.
//   T3  After map() gave Submitted the target ends each clone once. end_io() is called for every
//       clone that the target had, before the original ends.
class Target {
 public:
  explicit Target(const TargetArguments& arguments)
      : type(arguments.type),
        table(arguments.table),
        begin_sector(arguments.begin_sector),
        count_sectors(arguments.count_sectors) {}
  // ->dtr, the part that frees. A stopped run comes here without shut_down(): it must not wait.
  virtual ~Target() = default;
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  virtual MapResult map(blk::Bio& clone) = 0;
  // May change `error`, which is the clone's status.
  virtual EndResult end_io(blk::Bio& clone, int& error);

  // The table is not live any more and will not be again: who waits within the target for a resume
  // has to return. Called before anybody waits for those who still use the table.
  virtual void replaced() {}
  // ->dtr, the part that waits: for workers, copies, timers. Called once, when no bio is inside and
  // none will come.
  virtual void shut_down() {}

  virtual void presuspend() {}
  virtual void presuspend_undo() {}
  virtual void postsuspend() {}
  // 0 or a positive errno: then the resume fails and the device stays suspended (R40).
  virtual int preresume() { return 0; }
  virtual void resume() {}

  // What `dmsetup status` and `dmsetup table` print behind the type's name; may wait (R56).
  virtual std::string status(StatusType type) = 0;
  // 0 with `reply`, or a positive errno; a type without messages: EINVAL (R70).
  virtual int message(std::span<const std::string> words, std::string& reply);

  // For each device below, with the part that the target uses; what it says first that is not
  // true ends it (iterate_devices). Limits, deps and discard support are found through it.
  using DeviceVisitor = std::function<bool(DmDev& device, u64 start_sector, u64 count_sectors)>;
  virtual bool iterate_devices(const DeviceVisitor& visit);
  virtual void io_hints(blk::QueueLimits& limits);

  u64 end_sector() const { return begin_sector + count_sectors; }
  // dm_target_offset(): from the table's sectors to the target's.
  u64 offset_of(u64 sector) const { return sector - begin_sector; }

  const TargetType& type;
  Table& table;
  const u64 begin_sector;
  const u64 count_sectors;

  // Set by the constructor, as in struct dm_target.
  u64 max_io_len_sectors = 0;  // 0: up to the end of the target (R41); need not be a power of two
  u32 num_flush_bios = 0;
  u32 num_discard_bios = 0;
  u32 num_secure_erase_bios = 0;
  u32 num_write_zeroes_bios = 0;
  bool flush_supported = false;     // it offers flushes though no device below does
  bool discards_supported = false;  // it offers discards though no device below does
  bool nowait_supported = false;    // DM_TARGET_NOWAIT
};

// dm_per_bio_data(): the target's own struct with each clone; trivially destructible, made anew by
// the target in map().
template <typename Data>
Data& per_bio_data(blk::Bio& clone) {
  static_assert(sizeof(Data) <= blk::kPerBioDataBytes);
  static_assert(std::is_trivially_destructible_v<Data>);
  return *std::launder(reinterpret_cast<Data*>(clone.per_bio_data.data()));
}
template <typename Data>
Data& make_per_bio_data(blk::Bio& clone) {
  static_assert(sizeof(Data) <= blk::kPerBioDataBytes);
  return *std::construct_at(reinterpret_cast<Data*>(clone.per_bio_data.data()));
}

// dm_bio_get_target_bio_nr(): which of num_flush_bios (num_discard_bios..) copies a clone is.
u32 target_bio_number(const blk::Bio& clone);
// dm_accept_partial_bio(): the target takes only `sectors` of what map() was given; the core
// handles the rest as a new piece. REQUIRES: within map(), not for flushes.
void accept_partial_bio(blk::Bio& clone, u64 sectors);

// Every target type, in models/interposer/targets/registry.cc.
std::span<const TargetType* const> target_types();
const TargetType* find_target_type(std::string_view name);

// dm_parse helpers: a whole decimal number, else nothing.
std::optional<u64> parse_number(std::string_view word);

}  // namespace bioscope::dm

// SPDX-License-Identifier: Apache-2.0
// delay: holds reads, writes and flushes back, each class for its own time and on its own device
// (drivers/md/dm-delay.c, R46, R48).
//
// Invariants:
//   D1  A bio is in the list, or on its way below; `queued` of its class counts the former.
//   D2  Whoever puts a bio into the list arms the timer for it afterwards, so the timer never fires
//       later than the earliest bio of the list is due.
//   D3  Once presuspend() has begun nothing new is held back, and when it returns the list is
//       empty: a suspend does not wait for a delay.
#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>

#include "models/interposer/block/submit.h"
#include "models/interposer/dm/table.h"
#include "models/interposer/targets/arguments.h"
#include "models/interposer/targets/types.h"
#include "models/interposer/variants.h"
#include "models/runtime/clock.h"
#include "models/runtime/timer.h"
#include "models/runtime/workqueue.h"

namespace bioscope::dm {
namespace {

struct DelayClass {
  DmDev* device = nullptr;
  u64 start_sector = 0;
  u32 delay_ms = 0;
  u32 queued = 0;  // under delayed_lock_
};

// struct dm_delay_info.
struct Delayed {
  DelayClass* by = nullptr;
  u64 expires_ms = 0;
};

class Delay final : public Target {
 public:
  explicit Delay(const TargetArguments& arguments)
      : Target(arguments), classes_said_(arguments.words.size() / 3) {
    num_flush_bios = 1;
    num_discard_bios = 1;
  }

  // Reads, writes, flushes.
  DelayClass& delay_class(std::size_t number) {
    return number == 0 ? read_ : number == 1 ? write_ : flush_;
  }

  MapResult map(blk::Bio& clone) override {
    const bool flushes = (clone.opf & blk::kReqPreflush) != 0;
    DelayClass& by = !blk::bio_is_write(clone) ? read_ : flushes ? flush_ : write_;
    blk::bio_set_dev(clone, by.device->bdev);
    clone.iter.sector = by.start_sector + offset_of(clone.iter.sector);
    if (by.delay_ms == 0) return MapResult::Remapped;
    return hold_back(clone, by);
  }

  // delay_dtr(): what the timer has queued still runs.
  void shut_down() override {
    timer_.del_sync();
    queue_.drain();
  }

  void presuspend() override {
    {
      const std::lock_guard lock(delayed_lock_);
      may_delay_ = false;
    }
    timer_.del_sync();
    {
      const std::lock_guard lock(timer_lock_);
      if (!planted(Defect::DelayTimerForgotten)) armed_for_ms_.reset();
    }
    if (!planted(Defect::DelayHoldsAtSuspend)) submit_all(take_due(true));
  }
  // 6.1 has none: there an interrupted suspend ends the delay until the next resume (P8).
  void presuspend_undo() override { resume(); }
  void resume() override {
    const std::lock_guard lock(delayed_lock_);
    may_delay_ = true;
  }

  std::string status(StatusType status_type) override {
    if (status_type == StatusType::Info) {
      const std::lock_guard lock(delayed_lock_);
      if (planted(Defect::DelayStatusSwapped)) {
        return fmt::format("{} {} {}", write_.queued, read_.queued, flush_.queued);
      }
      return fmt::format("{} {} {}", read_.queued, write_.queued, flush_.queued);
    }
    std::string text;
    for (std::size_t i = 0; i < classes_said_; ++i) {
      const DelayClass& by = delay_class(i);
      text += fmt::format("{}{} {} {}", i == 0 ? "" : " ", by.device->path, by.start_sector,
                          by.delay_ms);
    }
    return text;
  }

  bool iterate_devices(const DeviceVisitor& visit) override {
    return visit(*read_.device, read_.start_sector, count_sectors) &&
           visit(*write_.device, write_.start_sector, count_sectors) &&
           visit(*flush_.device, flush_.start_sector, count_sectors);
  }

 private:
  // delay_bio().
  MapResult hold_back(blk::Bio& clone, DelayClass& by) {
    auto& delayed = make_per_bio_data<Delayed>(clone);
    const u64 expires_ms = rt::now_ms() + by.delay_ms;
    delayed = {&by, expires_ms};
    {
      const std::lock_guard lock(delayed_lock_);
      if (!may_delay_) return MapResult::Remapped;  // D3
      ++by.queued;
      delayed_.add(&clone);
    }
    queue_timeout(expires_ms);  // D2; the clone is no longer ours
    return MapResult::Submitted;
  }

  void queue_timeout(u64 expires_ms) {
    const std::lock_guard lock(timer_lock_);
    if (armed_for_ms_ && *armed_for_ms_ <= expires_ms) return;
    armed_for_ms_ = expires_ms;
    timer_.modify(expires_ms);
  }

  void timer_fired() {
    {
      const std::lock_guard lock(timer_lock_);
      armed_for_ms_.reset();
    }
    queue_.queue(flush_expired_);
  }

  // flush_delayed_bios(): takes what is due off the list, and arms the timer for the rest.
  blk::BioList take_due(bool all) {
    blk::BioList due;
    std::optional<u64> next_expires_ms;
    {
      const std::lock_guard lock(delayed_lock_);
      blk::BioList rest = delayed_.take();
      while (blk::Bio* bio = rest.pop()) {
        Delayed& delayed = per_bio_data<Delayed>(*bio);
        if (all || rt::now_ms() >= delayed.expires_ms) {
          --delayed.by->queued;
          planted(Defect::DelayReverses) ? due.add_head(bio) : due.add(bio);
          continue;
        }
        delayed_.add(bio);
        next_expires_ms =
            std::min(next_expires_ms.value_or(delayed.expires_ms), delayed.expires_ms);
      }
    }
    if (next_expires_ms) queue_timeout(*next_expires_ms);
    return due;
  }

  // dm_submit_bio_remap() of each.
  void submit_all(blk::BioList bios) {
    if (planted(Defect::DelayLosesOne) && bios.size() > 1) bios.pop();
    while (blk::Bio* bio = bios.pop()) blk::submit_bio_noacct(*bio);
  }

  std::size_t classes_said_;  // 1 to 3, as the table line has them
  DelayClass read_;
  DelayClass write_;
  DelayClass flush_;

  rt::Mutex delayed_lock_{"delayed_bios_lock"};
  blk::BioList delayed_;   // under delayed_lock_; in the order of their arrival
  bool may_delay_ = true;  // under delayed_lock_

  rt::Mutex timer_lock_{"delay_timer_lock"};
  std::optional<u64> armed_for_ms_;  // under timer_lock_

  // The timer goes first, then the queue.
  rt::Work flush_expired_{[this] { submit_all(take_due(false)); }};
  rt::Workqueue queue_{"kdelayd", 1};
  rt::Timer timer_{[this] { timer_fired(); }};
};

// delay_class_ctr().
std::optional<ConstructError> parse_class(Table& table, std::span<const std::string> words,
                                          DelayClass& out) {
  const auto start = parse_number(words[1]);
  if (!start) return ConstructError{EINVAL, "Invalid device sector"};
  const auto delay_ms = parse_u32(words[2]);
  if (!delay_ms) return ConstructError{EINVAL, "Invalid delay"};
  out.start_sector = *start;
  out.delay_ms = *delay_ms;
  if (const int error = table.get_device(words[0], out.device)) {
    return ConstructError{error, "Device lookup failed"};
  }
  return std::nullopt;
}

// delay_ctr(): <device> <start> <ms> [<write device> <start> <ms> [<flush device> <start> <ms>]].
// What is left out is as what stands before it.
Constructed construct_delay(const TargetArguments& arguments) {
  const auto& words = arguments.words;
  if (words.size() != 3 && words.size() != 6 && words.size() != 9) {
    return refuse("Requires exactly 3, 6 or 9 arguments");
  }
  auto delay = std::make_unique<Delay>(arguments);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::size_t said = std::min(i, words.size() / 3 - 1);
    if (auto refused =
            parse_class(arguments.table, words.subspan(3 * said, 3), delay->delay_class(i))) {
      return std::unexpected(*std::move(refused));
    }
  }
  return delay;
}

}  // namespace

const TargetType kDelayType{.name = "delay", .construct = construct_delay};

}  // namespace bioscope::dm

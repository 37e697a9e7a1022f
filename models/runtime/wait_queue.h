// SPDX-License-Identifier: Apache-2.0
// The kernel's wait queue, with its rule: whoever makes a condition true wakes the queue after it.
#pragma once

#include <type_traits>

#include "models/base/types.h"
#include "models/runtime/mutex.h"
#include "models/runtime/storage.h"

namespace bioscope::rt {

class WaitQueue;

enum class WaitKind : u8 { Uninterruptible, Interruptible };

// wait_queue_entry: one thread's place in one queue. Only its thread uses it.
class WaitEntry {
 public:
  // Exclusive: wake_up() wakes only one of these (WQ_FLAG_EXCLUSIVE).
  enum class Share : u8 { All, Exclusive };

  explicit WaitEntry(Share share = Share::All);
  ~WaitEntry();  // leaves the queue
  WaitEntry(const WaitEntry&) = delete;
  WaitEntry& operator=(const WaitEntry&) = delete;

  // What is waited for: only for the report of a deadlock.
  void tell_condition(bool (*condition)(void*), void* context);

 private:
  friend class WaitQueue;
  Storage<96> state_;
};

// Thread-safe.
class WaitQueue {
 public:
  explicit WaitQueue(const char* name = "wait_queue");
  ~WaitQueue();
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;

  void wake_up();  // all that are not exclusive, and one that is
  void wake_up_all();

  // The protocol that wait_event is made of. A wake-up between prepare_to_wait() and schedule()
  // is not lost; one before prepare_to_wait() is. A wake-up takes the entry off the queue.
  void prepare_to_wait(WaitEntry& entry);
  // Sleeps until woken: true; or, if interruptible, until a signal: false.
  bool schedule(WaitEntry& entry, WaitKind kind = WaitKind::Uninterruptible);
  void finish_wait(WaitEntry& entry);

  // Waits until `condition` holds. It is called many times, by the waiting thread.
  template <typename Condition>
  void wait_event(Condition&& condition) {
    wait(condition, WaitKind::Uninterruptible, WaitEntry::Share::All);
  }

  template <typename Condition>
  void wait_event_exclusive(Condition&& condition) {
    wait(condition, WaitKind::Uninterruptible, WaitEntry::Share::Exclusive);
  }

  // False: a signal came first (-ERESTARTSYS). sim: may come by choice (Options::signal_percent).
  template <typename Condition>
  [[nodiscard]] bool wait_event_interruptible(Condition&& condition) {
    return wait(condition, WaitKind::Interruptible, WaitEntry::Share::All);
  }

  // wait_event_lock_irq: `condition` is called with the mutex held, which is released while the
  // thread sleeps. REQUIRES: the caller holds it; it holds it afterwards.
  template <typename Condition>
  void wait_event_locked(Mutex& mutex, Condition&& condition) {
    while (!condition()) {
      WaitEntry entry;
      entry.tell_condition(&call<Condition>, &condition);
      prepare_to_wait(entry);
      mutex.unlock();
      schedule(entry);
      mutex.lock();
    }
  }

 private:
  template <typename Condition>
  static bool call(void* condition) {
    return (*static_cast<std::remove_reference_t<Condition>*>(condition))();
  }

  template <typename Condition>
  bool wait(Condition& condition, WaitKind kind, WaitEntry::Share share) {
    if (condition()) return true;
    WaitEntry entry(share);
    entry.tell_condition(&call<Condition>, &condition);
    for (;;) {
      prepare_to_wait(entry);
      if (condition()) break;
      if (!schedule(entry, kind)) return condition();
    }
    finish_wait(entry);
    return true;
  }

  Storage<128> state_;
};

}  // namespace bioscope::rt

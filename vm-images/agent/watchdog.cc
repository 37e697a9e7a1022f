// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/watchdog.h"

#include <dirent.h>
#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "vm-images/agent/clock.h"
#include "vm-images/agent/files.h"
#include "vm-images/agent/thread_priority.h"

namespace bioscope {
namespace {

constexpr u64 kLookEveryNs = 50 * kMillisecondNs;

bool is_over(const Worker& worker, u64 bound_ns, u64 now) {
  const u64 since = worker.activity().kernel_since_ns.load();
  return since != 0 && now > since && now - since > bound_ns;
}

bool any_in_kernel(WorkerPool& workers) {
  bool found = false;
  workers.for_each_busy(
      [&found](Worker& worker) { found |= worker.activity().kernel_since_ns.load() != 0; });
  return found;
}

// "state D, waits in era_status" and the stack.
std::string thread_text(const std::string& folder) {
  std::string text;
  const std::string status = read_file(folder + "stat");
  const std::size_t state = status.rfind(") ");
  if (state != std::string::npos) text = fmt::format("state {}, ", status.substr(state + 2, 1));
  return text +
         fmt::format("waits in {}\n{}", read_file(folder + "wchan"), read_file(folder + "stack"));
}

// What io_uring could not issue at once it issues in threads of its own, named after the one that
// submitted: there the telling stack is.
std::string io_worker_text(pid_t submitter) {
  const std::string name = fmt::format("iou-wrk-{}\n", submitter);
  std::string text;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* entry = tasks == nullptr ? nullptr : readdir(tasks)) {
    const std::string folder = fmt::format("/proc/self/task/{}/", entry->d_name);
    if (read_file(folder + "comm") == name) text += "its I/O thread, " + thread_text(folder);
  }
  if (tasks != nullptr) closedir(tasks);
  return text;
}

std::string evidence_of(WorkerPool& workers) {
  struct Stuck {
    pid_t tid;
    u32 operation;
    bool is_cleanup;
  };
  std::vector<Stuck> stuck;
  workers.for_each_busy([&stuck](Worker& worker) {
    const Activity& activity = worker.activity();
    if (activity.kernel_since_ns.load() == 0) return;
    stuck.push_back({worker.tid(), activity.operation.load(), activity.is_cleanup.load()});
  });
  std::string text;
  for (const Stuck& one : stuck) {
    text += one.is_cleanup ? std::string("clean-up") : fmt::format("operation {}", one.operation);
    text += ", " + thread_text(fmt::format("/proc/self/task/{}/", one.tid));
    text += io_worker_text(one.tid);
  }
  return text;
}

}  // namespace

bool any_over(WorkerPool& workers, u64 bound_ns) {
  bool over = false;
  const u64 now = now_ns();
  workers.for_each_busy([&](Worker& worker) { over |= is_over(worker, bound_ns, now); });
  return over;
}

Watchdog::Watchdog(WorkerPool& workers) : workers_(workers) {
  std::thread([this] { run(); }).detach();
}

void Watchdog::begin(u64 bound_ns, const Recorder& recorder, Reaction reaction) {
  const std::lock_guard lock(mutex_);
  bound_ns_ = bound_ns;
  recorder_ = &recorder;
  reaction_ = std::move(reaction);
  changed_.notify_all();
}

void Watchdog::end() {
  const std::lock_guard lock(mutex_);
  recorder_ = nullptr;
  changed_.notify_all();
}

void Watchdog::run() {
  set_priority(0, kWatchdogPriority);
  std::unique_lock lock(mutex_);
  u64 last_activity = 0;
  u64 last_change_ns = 0;
  for (;;) {
    if (recorder_ == nullptr) {
      changed_.wait(lock, [this] { return recorder_ != nullptr; });
      last_change_ns = now_ns();
    }
    changed_.wait_for(lock, std::chrono::nanoseconds(kLookEveryNs),
                      [this] { return recorder_ == nullptr; });
    if (recorder_ == nullptr) continue;
    if (any_over(workers_, bound_ns_)) {
      reaction_.on_hang(evidence_of(workers_));
      last_change_ns = now_ns();
      continue;
    }
    const u64 seen = recorder_->activity();
    if (seen != last_activity || any_in_kernel(workers_)) {
      last_activity = seen;
      last_change_ns = now_ns();
    } else if (now_ns() - last_change_ns > bound_ns_) {
      reaction_.on_standstill();
      last_change_ns = now_ns();
    }
  }
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/quiet.h"

#include <sstream>
#include <thread>

#include "vm-images/agent/boot.h"
#include "vm-images/agent/clock.h"
#include "vm-images/agent/files.h"
#include "vm-images/agent/thread_priority.h"

namespace bioscope {
namespace {

constexpr int kRoundsDet = 3;
constexpr int kRoundsSmp = 40;

// The fourth word of /proc/loadavg is RUNNING/ALL; the reader is one of the running, and the
// scheduler's thread may be another.
bool others_run() {
  std::istringstream words(read_file("/proc/loadavg"));
  std::string word;
  for (int i = 0; i < 4; ++i) words >> word;
  return !word.starts_with("1/") && !word.starts_with("2/");
}

}  // namespace

QuietWatch::QuietWatch() {
  std::thread([this] { run(); }).detach();
}

bool QuietWatch::wait(u64 at_most_ns, const std::function<u64()>& activity,
                      const std::function<bool()>& over) {
  std::unique_lock lock(mutex_);
  activity_ = &activity;
  over_ = &over;
  until_ns_ = now_ns() + at_most_ns;
  is_quiet_ = false;
  changed_.notify_all();
  changed_.wait(lock, [this] { return activity_ == nullptr; });
  return is_quiet_;
}

void QuietWatch::run() {
  set_idle_priority();
  const bool det = is_det_profile();
  const int rounds = det ? kRoundsDet : kRoundsSmp;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return activity_ != nullptr; });
    u64 last = (*activity_)();
    int calm = 0;
    while (calm < rounds && now_ns() < until_ns_ && !(*over_)()) {
      sleep_ns(kMillisecondNs);
      const u64 seen = (*activity_)();
      calm = seen == last && (det || !others_run()) ? calm + 1 : 0;
      last = seen;
    }
    is_quiet_ = calm == rounds;
    activity_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace bioscope

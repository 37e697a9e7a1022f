// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/clock.h"

#include <ctime>

namespace bioscope {
namespace {

constexpr u64 kSecondNs = 1'000'000'000;

timespec timespec_of(u64 ns) {
  return {static_cast<time_t>(ns / kSecondNs), static_cast<long>(ns % kSecondNs)};
}

}  // namespace

u64 now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<u64>(now.tv_sec) * kSecondNs + static_cast<u64>(now.tv_nsec);
}

void sleep_ns(u64 duration_ns) {
  const timespec until = timespec_of(now_ns() + duration_ns);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {
  }
}

void sleep_to_boundary(u64 step_ns) {
  const timespec until = timespec_of((now_ns() / step_ns + 1) * step_ns);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {
  }
}

}  // namespace bioscope

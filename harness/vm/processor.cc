// SPDX-License-Identifier: Apache-2.0
#include "harness/vm/processor.h"

#include <array>
#include <mutex>
#include <utility>

namespace bioscope {
namespace {

std::mutex guests_mutex;
std::array<unsigned, CPU_SETSIZE> guests_on{};

}  // namespace

ProcessorShare::ProcessorShare() {
  CPU_ZERO(&mask_);
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) CPU_SET(cpu, &mask_);
    return;
  }
  const std::lock_guard lock(guests_mutex);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    if (number_ < 0 || guests_on[cpu] < guests_on[number_]) number_ = cpu;
  }
  ++guests_on[number_];
  CPU_SET(number_, &mask_);
}

ProcessorShare::ProcessorShare(ProcessorShare&& other) noexcept
    : number_(std::exchange(other.number_, -1)), mask_(other.mask_) {}

ProcessorShare::~ProcessorShare() {
  if (number_ < 0) return;
  const std::lock_guard lock(guests_mutex);
  --guests_on[number_];
}

}  // namespace bioscope

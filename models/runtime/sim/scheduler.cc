// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/sim/scheduler.h"

#include <array>

namespace bioscope::rt::sim {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Action::ClockJump) + 1> kTexts{
    "start",
    "yield",
    "load",
    "store",
    "lock",
    "try_lock",
    "unlock",
    "down_read",
    "down_read_trylock",
    "up_read",
    "down_write",
    "down_write_trylock",
    "up_write",
    "downgrade_write",
    "prepare_to_wait",
    "wait_event",
    "wake_up",
    "complete",
    "wait_for_completion",
    "read_lock",
    "read_unlock",
    "synchronize",
    "queue_work",
    "cancel_work",
    "run_work",
    "finish_work",
    "flush_work",
    "join",
    "signal",
    "sleep",
    "timer",
    "disk_submit",
    "disk_complete",
    "clock_jump"};

}  // namespace

std::string_view text(Action action) {
  return kTexts[static_cast<std::size_t>(action)];
}

}  // namespace bioscope::rt::sim

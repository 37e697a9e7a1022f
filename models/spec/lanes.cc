// SPDX-License-Identifier: Apache-2.0
// What lanes do to each other and to time: signals (R37) and the clock (R49).
//
// Invariants:
//   L1  Where only `clock` lets time pass, [time_least_ms_, time_most_ms_] holds the time since the
//       trace began: a `clock` that has returned has passed for certain, one that was invoked may
//       have.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"
#include "models/trace/order.h"

namespace bioscope::spec {
namespace {

constexpr u64 kMillisecondsPerSecond = 1000;

bool runs_in_its_lane(OperationKind kind) {
  return kind != OperationKind::Wait && kind != OperationKind::After &&
         kind != OperationKind::Signal;
}

}  // namespace

// Nothing but `clock` sleeps: a virtual clock, and no target that holds I/O back by a timer.
bool Machine::time_is_known(Capabilities can) const {
  return can.has(Capability::VirtualClock) &&
         std::ranges::none_of(program_->operations, [](const Operation* operation) {
           return (operation->kind == OperationKind::Load ||
                   operation->kind == OperationKind::Ioctl) &&
                  operation->text.find("delay") != std::string::npos;
         });
}

LegalSet Machine::signal_legal(const Operation& operation) const {
  const auto target = find_labelled(program_->trace, operation.edge.label);
  LegalSet legal = one_of(rule(37), {ESRCH});
  if (!target) return legal;
  const bool running = invoked_[*target] != 0 && returned_[*target] == 0;
  if (running && runs_in_its_lane(this->operation(*target).kind)) allow(legal, {0});
  constexpr i64 kLastSignal = 64;
  if (operation.number > kLastSignal) allow(legal, {EINVAL});
  return legal;
}

void Machine::invoke_lane(OperationId id) {
  const Operation& operation = this->operation(id);
  if (operation.kind == OperationKind::Signal) {
    const auto target = find_labelled(program_->trace, operation.edge.label);
    if (target && operation.number != 0) signalled_[*target] = true;
    pending_lanes_.push_back({id, signal_legal(operation), 0});
  } else if (operation.kind == OperationKind::Clock) {
    pending_lanes_.push_back({id, one_of(RuleId::None, {0}), time_least_ms_});
    time_most_ms_ += static_cast<u64>(operation.number);
    clock_moves();
  }
}

Verdict Machine::complete_lane(const Event& event) {
  const Operation& operation = this->operation(event.operation);
  const auto found = std::ranges::find(pending_lanes_, event.operation, &PendingLane::id);
  if (found == pending_lanes_.end()) return legal_verdict();  // wait, after
  PendingLane pending = std::move(*found);
  pending_lanes_.erase(found);
  if (operation.kind == OperationKind::Clock) {
    time_least_ms_ =
        std::max(time_least_ms_, pending.time_least_ms + static_cast<u64>(operation.number));
    return legal_verdict();
  }
  // The operation may have begun or ended while the signal was on its way.
  pending.legal.errors.add(signal_legal(operation).errors);
  if (!pending.legal.allows(event.error)) {
    return violation(
        pending.legal.rule, "",
        "expected " + errors_text(pending.legal.errors) + ", got " + error_text(event.error));
  }
  return legal_verdict();
}

// R49: flakey counts whole seconds since its constructor.
Machine::Flaking Machine::flaking(const Target& target) const {
  Flaking state{target.up_seconds > 0, target.down_seconds > 0};
  if (!state.may_be_up || !state.may_be_down || !time_known_) return state;
  const u64 period = target.up_seconds + target.down_seconds;
  const u64 least_ms = time_least_ms_ - std::min(time_least_ms_, target.made_most_ms);
  const u64 most_ms = time_most_ms_ - target.made_least_ms;
  const u64 first = least_ms / kMillisecondsPerSecond;
  const u64 last = most_ms / kMillisecondsPerSecond;
  if (last - first >= period) return state;
  state = {};
  for (u64 second = first; second <= last; ++second) {
    (second % period >= target.up_seconds ? state.may_be_down : state.may_be_up) = true;
  }
  return state;
}

// Time passes: I/O that is under way through a flakey target may find it up or down.
void Machine::clock_moves() {
  if (!time_known_) return;
  for (PendingIo& pending : pending_io_) {
    const bool flakes = std::ranges::any_of(pending.pieces, [](const Piece& piece) {
      return piece.rule == rule(49) || piece.target == TargetType::Flakey;
    });
    if (flakes) place_again(pending);
  }
}

}  // namespace bioscope::spec

// SPDX-License-Identifier: Apache-2.0
#include "harness/generate/rehearsal.h"

namespace bioscope {

LegalSet Rehearsal::legal(const Operation& operation) const {
  return replay().legal(operation);
}

void Rehearsal::append(std::size_t lane, const Operation& operation) {
  const bool returns = !operation.async || !legal(operation).may_block;
  auto& operations = trace_.lanes[lane].operations;
  operations.push_back(operation);
  steps_.push_back({lane, operations.size() - 1, returns});
}

Model Rehearsal::replay() const {
  Model model(trace_);
  u64 tick = 0;
  for (const Step& step : steps_) play(model, step, tick);
  return model;
}

void Rehearsal::play(Model& model, const Step& step, u64& tick) const {
  const auto event_of = [&](OperationId id, EventKind kind) {
    Event event;
    event.tick = tick++;
    event.lane = static_cast<u16>(step.lane);
    event.operation = id;
    event.kind = kind;
    return event;
  };
  const auto give_return = [&](OperationId id) {
    Event event = model.expected(id);
    event.tick = tick++;
    event.lane = static_cast<u16>(step.lane);
    event.operation = id;
    event.kind = EventKind::Return;
    model.apply(event);
  };
  const OperationId first = first_operation(trace_, step.lane);
  const OperationId id = first + static_cast<OperationId>(step.index);
  const Operation& operation = operation_at(trace_, id);
  model.apply(event_of(id, EventKind::Invoke));
  if (operation.kind == OperationKind::Wait) {
    for (const Step& other : steps_) {
      const OperationId other_id = first + static_cast<OperationId>(other.index);
      if (other.lane == step.lane && !other.returns && other.index < step.index &&
          operation_at(trace_, other_id).label == operation.edge.label) {
        give_return(other_id);
      }
    }
  }
  if (step.returns) give_return(id);
}

}  // namespace bioscope

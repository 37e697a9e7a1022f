// SPDX-License-Identifier: Apache-2.0
#include "models/spec/model.h"

#include <algorithm>
#include <bit>

#include "models/spec/hop_judge.h"
#include "models/spec/machine.h"
#include "models/trace/trace.h"

namespace bioscope {

struct Model::State {
  State(const Trace& trace, Capabilities can)
      : program(std::make_shared<const spec::Program>(trace)), machine(program, can) {}
  std::shared_ptr<const spec::Program> program;
  spec::Machine machine;
  std::optional<spec::HopJudge> hops;  // made with the first hop
};

Model::Model(const Trace& trace, Capabilities can) : state_(std::make_unique<State>(trace, can)) {}
Model::Model(const Model& other) : state_(std::make_unique<State>(*other.state_)) {}
Model& Model::operator=(const Model& other) {
  if (this != &other) state_ = std::make_unique<State>(*other.state_);
  return *this;
}
Model::~Model() = default;

Verdict Model::apply(const Event& event) {
  Verdict verdict = state_->machine.apply(event);
  if (!state_->hops || verdict.kind != VerdictKind::Legal || event.kind != EventKind::Return) {
    return verdict;
  }
  return state_->hops->returned(event, *state_->program->operations[event.operation],
                                state_->machine);
}
Verdict Model::apply(const Hop& hop) {
  if (!state_->hops) state_->hops.emplace();
  return state_->hops->apply(hop, state_->machine);
}
std::vector<Verdict> Model::finish(const History& history) {
  std::vector<Verdict> verdicts = state_->machine.finish(history);
  if (state_->hops) {
    for (Verdict& verdict : state_->hops->finish(history, state_->machine)) {
      verdicts.push_back(std::move(verdict));
    }
  }
  return verdicts;
}
LegalSet Model::legal(const Operation& operation) const {
  return state_->machine.legal(operation);
}
Event Model::expected(OperationId id) const {
  return state_->machine.expected(id);
}
const Marks& Model::marks() const {
  return state_->machine.marks();
}

std::size_t ErrorSet::size() const {
  std::size_t size = 0;
  for (const u64 word : words_) size += static_cast<std::size_t>(std::popcount(word));
  return size;
}

std::vector<int> ErrorSet::list() const {
  std::vector<int> errors;
  for (int error = 0; error <= kMost; ++error) {
    if (contains(error)) errors.push_back(error);
  }
  return errors;
}

void Marks::add(const Marks& other) {
  if (exercised.size() < other.exercised.size()) exercised.resize(other.exercised.size());
  for (std::size_t i = 0; i < other.exercised.size(); ++i) exercised[i] += other.exercised[i];
  for (const SeenOutcome& seen : other.outcomes) saw(seen.kind, seen.error, seen.times);
  reads += other.reads;
  reads_binding += other.reads_binding;
  operations += other.operations;
  operations_succeeded += other.operations_succeeded;
  splits += other.splits;
  copy_outs += other.copy_outs;
  attaches_under_io += other.attaches_under_io;
}

void Marks::saw(OperationKind kind, int error, u64 times) {
  for (SeenOutcome& seen : outcomes) {
    if (seen.kind != kind || seen.error != error) continue;
    seen.times += times;
    return;
  }
  outcomes.push_back({kind, error, times});
}

}  // namespace bioscope

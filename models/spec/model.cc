// SPDX-License-Identifier: Apache-2.0
#include "models/spec/model.h"

#include "models/spec/machine.h"

namespace bioscope {

struct Model::State {
  explicit State(const Trace& trace) : machine(std::make_shared<const Program>(trace)) {}
  Machine machine;
};

Model::Model(const Trace& trace) : state_(std::make_unique<State>(trace)) {}
Model::Model(const Model& other) : state_(std::make_unique<State>(*other.state_)) {}
Model& Model::operator=(const Model& other) {
  if (this != &other) state_ = std::make_unique<State>(*other.state_);
  return *this;
}
Model::~Model() = default;

Verdict Model::apply(const Event& event) {
  return state_->machine.apply(event);
}
std::vector<Verdict> Model::finish(const History& history) {
  return state_->machine.finish(history);
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

}  // namespace bioscope

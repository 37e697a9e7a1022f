// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/sim/simulation.h"

#include <utility>

#include "models/runtime/sim/chooser_scheduler.h"
#include "models/runtime/sim/machine.h"

namespace bioscope::rt {
namespace sim {

Simulation::Simulation(const Options& options) : machine_(std::make_unique<Machine>(options)) {}

Simulation::~Simulation() = default;

Outcome Simulation::run(Scheduler& scheduler, Function program) {
  return machine_->run(scheduler, std::move(program));
}

std::span<const Candidate> Simulation::steps() const {
  return machine_->steps();
}

}  // namespace sim

Outcome run(const RunOptions& options, Function program) {
  Chooser chooser(options.seed);
  sim::ChooserScheduler scheduler(chooser);
  sim::Options simulated;
  simulated.max_steps = options.max_steps;
  return sim::Simulation(simulated).run(scheduler, std::move(program));
}

void fail(std::string message) {
  sim::Machine::current().fail(std::move(message));
}

bool stopping() {
  const sim::Machine* machine = sim::Machine::current_or_null();
  return machine != nullptr && machine->stopped();
}

}  // namespace bioscope::rt

// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/sim/scripted_disk.h"

#include <cassert>
#include <utility>
#include <vector>

#include "models/runtime/sim/machine.h"

namespace bioscope::rt::sim {
namespace {

constexpr u64 kOrderSite = 3;  // of the choice which request is next

DiskCall call_for(DiskIo& io) {
  DiskCall call;
  call.handle = reinterpret_cast<u64>(&io);
  call.range = {io.first_sector, io.count_sectors};
  call.fua = io.fua;
  const std::size_t bytes = io.count_sectors * kSectorBytes;
  switch (io.operation) {
    case DiskOperation::Read:
      call.request = DiskRequest::Read;
      break;
    case DiskOperation::Write:
      call.request = DiskRequest::Write;
      call.data.resize(bytes);
      gather(io, call.data);
      break;
    case DiskOperation::WriteZeroes:
      call.request = DiskRequest::Write;
      call.data.resize(bytes);
      break;
    case DiskOperation::Flush:
      call.request = DiskRequest::Flush;
      call.range = {};
      break;
    case DiskOperation::Discard:
      call.request = DiskRequest::Discard;
      break;
  }
  return call;
}

}  // namespace

struct ScriptedDisk::State {
  State(Machine& on, const bioscope::Disk& description, Notify listener)
      : machine(on),
        object(on.make_object("disk")),
        size_sectors(description.size_sectors),
        disk(description),
        notify(std::move(listener)) {}

  void update() {
    machine.enable_pending(object, [this](const Fiber&) { return has_work() || closing; });
  }
  bool has_work() const { return !arrived.empty() || !answers.empty(); }
  void react(DiskReaction reaction);
  void serve();
  static void give(DiskAnswer answer);

  Machine& machine;
  Object object;
  u64 size_sectors;
  ControlledDisk disk;
  Notify notify;
  std::vector<DiskIo*> arrived;
  std::vector<DiskAnswer> answers;
  Fiber* fiber = nullptr;
  bool closing = false;
};

void ScriptedDisk::State::react(DiskReaction reaction) {
  for (const DiskNotice& notice : reaction.notices) {
    if (notify) notify(notice);
  }
  for (DiskAnswer& each : reaction.answers) answers.push_back(std::move(each));
  update();
}

void ScriptedDisk::State::give(DiskAnswer answer) {
  auto& io = *reinterpret_cast<DiskIo*>(answer.handle);
  if (answer.error == 0 && io.operation == DiskOperation::Read) scatter(answer.data, io);
  io.done(io, answer.error);
}

void ScriptedDisk::State::serve() {
  while (machine.await_work(object, Action::DiskComplete, has_work() || closing)) {
    if (!has_work()) return;
    const auto choices = static_cast<u32>(arrived.size() + answers.size());
    const u32 choice = machine.pick(ChoiceKind::Schedule, kOrderSite, choices);
    if (choice < answers.size()) {
      DiskAnswer chosen = std::move(answers[choice]);
      answers.erase(answers.begin() + choice);
      give(std::move(chosen));
      continue;
    }
    const auto at = arrived.begin() + static_cast<std::ptrdiff_t>(choice - answers.size());
    DiskIo& io = **at;
    arrived.erase(at);
    DiskReaction reaction = disk.submit(call_for(io));
    std::vector<DiskAnswer> now = std::move(reaction.answers);
    reaction.answers.clear();
    react(std::move(reaction));
    for (DiskAnswer& each : now) give(std::move(each));
  }
}

ScriptedDisk::ScriptedDisk(const bioscope::Disk& disk, Notify notify)
    : state_(std::make_unique<State>(Machine::current(), disk, std::move(notify))) {
  state_->fiber = &state_->machine.spawn(disk.name, [s = state_.get()] { s->serve(); }, true);
}

ScriptedDisk::~ScriptedDisk() {
  if (!state_->machine.stopped()) {
    state_->closing = true;
    state_->update();
  }
  state_->machine.join(*state_->fiber);
}

u64 ScriptedDisk::size_sectors() const {
  return state_->size_sectors;
}

void ScriptedDisk::submit(DiskIo& io) {
  if (!state_->machine.point(state_->object.number, Action::DiskSubmit)) return;
  if (const int error = check_io(io, state_->size_sectors); error != 0) {
    io.done(io, error);
    return;
  }
  state_->arrived.push_back(&io);
  state_->update();
}

void ScriptedDisk::arm(u32 index, const DiskStep& step) {
  if (state_->machine.point(state_->object.number, Action::DiskSubmit)) {
    state_->disk.arm(index, step);
  }
}

void ScriptedDisk::release(u32 index) {
  if (state_->machine.point(state_->object.number, Action::DiskSubmit)) {
    state_->react(state_->disk.release(index));
  }
}

void ScriptedDisk::release_all() {
  if (state_->machine.point(state_->object.number, Action::DiskSubmit)) {
    state_->react(state_->disk.release_all());
  }
}

void ScriptedDisk::power_cut(Chooser& chooser) {
  if (state_->machine.point(state_->object.number, Action::DiskSubmit)) {
    state_->react(state_->disk.power_cut(chooser));
  }
}

void ScriptedDisk::reopen() {
  if (state_->machine.point(state_->object.number, Action::DiskSubmit)) state_->disk.reopen();
}

const ControlledDisk& ScriptedDisk::controlled() const {
  return state_->disk;
}

}  // namespace bioscope::rt::sim

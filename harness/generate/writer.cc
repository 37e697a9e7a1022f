// SPDX-License-Identifier: Apache-2.0
#include "harness/generate/writer.h"

#include <fmt/format.h>

#include <algorithm>

namespace bioscope {

using Kind = OperationKind;

namespace {

constexpr u32 kSentencesAtMost = 200;  // bound when nothing makes sense any more

// A suspended device keeps I/O, era's status and its messages until its resume, which this very
// lane would have to do. What else may wait, waits for requests in flight, which end by themselves.
bool would_wait_for_itself(const Operation& operation, const LegalSet& legal) {
  const bool ends_by_itself = operation.kind == Kind::Suspend || operation.kind == Kind::Resume ||
                              operation.kind == Kind::Remove || operation.kind == Kind::Load;
  return legal.may_block && !operation.async && !ends_by_itself;
}

}  // namespace

TraceWriter::TraceWriter(u64 seed, const GenerateOptions& options)
    : dice_(seed), options_(options), rehearsal_(first_trace(seed)) {}

Trace TraceWriter::write() {
  set_up();
  choose_weights();
  for (u32 i = 0; i < kSentencesAtMost && written() < options_.operations; ++i) {
    const std::size_t lane = dice_.pick(Site::Lane, static_cast<u32>(lanes()));
    if (lane > 0) {
      say(lane, choose_sentence(kIoSentences));
    } else if (dice_.chance(Site::Mistake, options_.mistake_percent)) {
      say_mistake();
    } else {
      say(0, choose_sentence(kSentences));
    }
  }
  end();
  add_holds();
  return rehearsal_.trace();
}

Trace TraceWriter::first_trace(u64 seed) {
  Setup setup = choose_setup(dice_, options_.controlled_disks);
  world_ = std::move(setup.world);
  first_operations_ = std::move(setup.operations);
  Trace trace;
  trace.seed = seed;
  trace.disks = std::move(setup.disks);
  const u32 most = std::max(1U, options_.lanes);
  const u32 lanes = dice_.chance(Site::Lanes, 40) ? 1 : 1 + dice_.pick(Site::Lanes, most);
  for (u32 i = 0; i < lanes; ++i)
    trace.lanes.push_back({std::string(1, static_cast<char>('A' + i)), {}});
  return trace;
}

bool TraceWriter::put(std::size_t lane, const Operation& operation) {
  const LegalSet legal = rehearsal_.legal(operation);
  if (!legal.allows(0) || would_wait_for_itself(operation, legal)) return false;
  rehearsal_.append(lane, operation);
  return true;
}

void TraceWriter::put_refused(const Operation& operation) {
  if (!would_wait_for_itself(operation, rehearsal_.legal(operation))) {
    rehearsal_.append(0, operation);
  }
}

void TraceWriter::put_wait(std::size_t lane, const std::string& label) {
  Operation wait;
  wait.kind = Kind::Wait;
  wait.edge = {EdgeKind::Returned, label};
  rehearsal_.append(lane, wait);
}

void TraceWriter::put_after(std::size_t lane, const std::string& label) {
  Operation after;
  after.kind = Kind::After;
  after.edge = {EdgeKind::Returned, label};
  rehearsal_.append(lane, after);
}

void TraceWriter::choose_weights() {
  constexpr std::array<u32, 5> kWeights{0, 1, 2, 4, 8};
  for (u32& weight : weights_) weight = kWeights[dice_.pick(Site::Weight, kWeights.size())];
  for (const Sentence dull : {Sentence::Flush, Sentence::Query}) {
    u32& weight = weights_[static_cast<std::size_t>(dull)];
    weight = std::min(weight, 2U);
  }
  weights_[static_cast<std::size_t>(Sentence::Io)] += 4;  // something must be written and read
  weights_[static_cast<std::size_t>(Sentence::Depth)] += 1;
  write_percent_ = dice_.one_of<u32>(Site::Weight, {30, 50, 70});
}

Sentence TraceWriter::choose_sentence(std::size_t among) {
  u32 total = 0;
  for (std::size_t i = 0; i < among; ++i) total += weights_[i];
  u32 rest = dice_.pick(Site::Action, total);
  for (std::size_t i = 0; i < among; ++i) {
    if (rest < weights_[i]) return static_cast<Sentence>(i);
    rest -= weights_[i];
  }
  return Sentence::Io;
}

const MadeDevice& TraceWriter::choose_device(std::size_t lane) {
  std::vector<std::size_t> possible;
  for (std::size_t i = 0; i < world_.devices.size(); ++i) {
    if (lane == 0 || world_.devices[i].shared) possible.push_back(i);
  }
  return world_.devices[dice_.one_of(Site::DeviceOf, possible)];
}

Range TraceWriter::choose_range(const MadeDevice& device) {
  std::vector<u64> anchors{0, 8, 64, device.size_sectors};
  anchors.insert(anchors.end(), device.boundaries.begin(), device.boundaries.end());
  const u64 length = std::min<u64>(dice_.one_of<u64>(Site::Length, {8, 1, 2, 7, 9, 16, 33, 64}),
                                   device.size_sectors);
  const u64 back = dice_.one_of<u64>(Site::Offset, {0, 1, length / 2, length});
  u64 first = dice_.one_of(Site::Anchor, anchors);
  first -= std::min(first, back);
  return {std::min(first, device.size_sectors - length), length};
}

Operation TraceWriter::choose_io(const MadeDevice& device) {
  Operation io;
  // A write below the origin would go past it (R75): no snapshot could be judged any more.
  const bool is_below_origin = device.name == world_.origin_disk;
  const bool writes = dice_.chance(Site::Action, write_percent_) && !is_below_origin;
  io.kind = writes ? Kind::Write : Kind::Read;
  io.device = device.name;
  io.range = choose_range(device);
  const u32 flag = dice_.pick(Site::Flag, 100);
  if (io.kind == Kind::Write && flag < 12) io.flags.set(OperationFlag::Fua);
  if (io.kind == Kind::Write && flag < 4) io.flags.set(OperationFlag::Preflush);
  if (flag >= 96) io.flags.set(OperationFlag::Nowait);
  return io;
}

void TraceWriter::set_up() {
  for (const Operation& operation : first_operations_) rehearsal_.append(0, operation);
  const std::vector<MadeDevice> made = world_.devices;
  for (const MadeDevice& device : made) {
    if (device.role == Role::Plain && !device.on_top) continue;
    Operation fill = dm_simple(Kind::Write, device.name);
    fill.range = {0, std::min(kHotSectors, device.size_sectors)};
    put(0, fill);
  }
  if (world_.find(Role::Origin) != nullptr) {
    const u32 most = std::min(2U, static_cast<u32>(world_.spare_cows.size()));
    const u32 first = dice_.pick(Site::Snapshots, most + 1);
    for (u32 i = 0; i < first; ++i) take_snapshot();
  }
  if (lanes() == 1) return;
  for (MadeDevice& device : world_.devices) device.shared = dice_.chance(Site::Snapshots, 75);
  const bool none = std::ranges::none_of(world_.devices, &MadeDevice::shared);
  if (none) world_.devices.back().shared = true;
  rehearsal_.trace().lanes[0].operations.back().label = "up";
  for (std::size_t lane = 1; lane < lanes(); ++lane) put_after(lane, "up");
}

void TraceWriter::end() {
  std::vector<std::string> last;
  for (std::size_t lane = 1; lane < lanes(); ++lane) {
    Operation read = dm_simple(Kind::Read, choose_device(lane).name);
    read.range = {0, 8};
    read.label = fmt::format("end{}", lane);
    last.push_back(read.label);
    rehearsal_.append(lane, read);
  }
  for (const std::string& label : last) put_after(0, label);
  for (const MadeDevice& device : world_.devices) {
    Operation read = dm_simple(Kind::Read, device.name);
    read.range = {0, std::min(kHotSectors + 32, device.size_sectors)};
    put(0, read);
    if (device.role == Role::Snapshot) put_dm(Kind::Status, device.name);
  }
}

void TraceWriter::add_holds() {
  if (!world_.controlled) return;
  Trace& trace = rehearsal_.trace();
  std::vector<const Operation*> candidates;
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      if (operation.async) candidates.push_back(&operation);
    }
  }
  for (u32 i = 0; i < 2 && !candidates.empty(); ++i) {
    const u32 chosen = dice_.pick(Site::Hold, static_cast<u32>(candidates.size()));
    DiskStep hold;
    hold.label = fmt::format("h{}", i);
    hold.disk = "d0";
    hold.request = candidates[chosen]->kind == Kind::Write ? DiskRequest::Write : DiskRequest::Read;
    hold.edge = {EdgeKind::Invoked, candidates[chosen]->label};
    DiskStep release;
    release.kind = DiskStepKind::Release;
    release.label = hold.label;
    release.edge.kind = EdgeKind::Quiet;
    trace.disk_script.push_back(hold);
    trace.disk_script.push_back(release);
    candidates.erase(candidates.begin() + chosen);
  }
}

}  // namespace bioscope

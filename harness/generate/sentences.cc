// SPDX-License-Identifier: Apache-2.0
// What lanes say: sentences of operations that belong together, and mistakes.
#include "harness/generate/writer.h"

#include <fmt/format.h>

#include <algorithm>

namespace bioscope {

using Kind = OperationKind;

void TraceWriter::say(std::size_t lane, Sentence sentence) {
  switch (sentence) {
    case Sentence::Io:
      put(lane, choose_io(choose_device(lane)));
      return;
    case Sentence::Depth:
      say_depth(lane);
      return;
    case Sentence::Flush:
      put(lane, dm_simple(Kind::Flush, choose_device(lane).name));
      return;
    case Sentence::Query:
      say_query();
      return;
    case Sentence::Suspend:
      say_suspend();
      return;
    case Sentence::Swap:
      say_swap();
      return;
    case Sentence::TakeSnapshot:
      take_snapshot();
      return;
    case Sentence::DropSnapshot:
      drop_snapshot();
      return;
    case Sentence::Merge:
      say_merge();
      return;
    case Sentence::Checkpoint:
      say_checkpoint();
      return;
  }
}

std::string TraceWriter::put_async(std::size_t lane, Operation io) {
  io.flags = OperationFlags(io.flags.bits() & ~static_cast<u32>(OperationFlag::Nowait));
  io.async = true;
  io.label = world_.next_name("x");
  return put(lane, io) ? io.label : "";
}

void TraceWriter::say_depth(std::size_t lane) {
  std::vector<std::string> labels;
  const MadeDevice& device = choose_device(lane);
  const u32 depth = 2 + dice_.pick(Site::Size, 2);
  for (u32 i = 0; i < depth; ++i) {
    const std::string label = put_async(lane, choose_io(device));
    if (!label.empty()) labels.push_back(label);
  }
  for (const std::string& label : labels) put_wait(lane, label);
}

void TraceWriter::say_query() {
  const Kind kind =
      dice_.one_of<Kind>(Site::Query, {Kind::Status, Kind::Table, Kind::Deps, Kind::Info});
  put_dm(kind, choose_device(0).name);
}

void TraceWriter::say_suspend() {
  const MadeDevice device = choose_device(0);
  Operation suspend = dm_simple(Kind::Suspend, device.name);
  if (dice_.chance(Site::Flag, 25)) suspend.flags.set(OperationFlag::NoFlush);
  if (!put(0, suspend)) return;
  const std::string label = put_async(0, choose_io(device));
  if (dice_.chance(Site::Query, 30)) put_dm(Kind::Info, device.name);
  rehearsal_.append(0, dm_simple(Kind::Resume, device.name));
  if (!label.empty()) put_wait(0, label);
}

void TraceWriter::say_swap() {
  std::vector<std::size_t> possible;
  for (std::size_t i = 0; i < world_.devices.size(); ++i) {
    if (!world_.devices[i].other_table.empty()) possible.push_back(i);
  }
  if (possible.empty()) return;
  MadeDevice& device = world_.devices[dice_.one_of(Site::DeviceOf, possible)];
  const bool load_first = device.role != Role::Era && dice_.chance(Site::Broken, 50);  // G4
  const Operation load = dm_load(device.name, device.other_table);
  if (load_first && !put(0, load)) return;
  if (!put_dm(Kind::Suspend, device.name)) return;
  if (!load_first) put(0, load);
  rehearsal_.append(0, dm_simple(Kind::Resume, device.name));
  std::swap(device.table, device.other_table);
}

void TraceWriter::take_snapshot() {
  const MadeDevice* origin = world_.find(Role::Origin);
  if (origin == nullptr || world_.spare_cows.empty()) return;
  const std::string origin_name = origin->name;
  MadeDevice snapshot = choose_snapshot(dice_, world_, *origin);
  const bool suspends = !dice_.chance(Site::Broken, options_.broken_percent);
  if (!put(0, dm_create(snapshot.name))) return;
  if (suspends) put_dm(Kind::Suspend, origin_name);
  const bool loaded = put(0, dm_load(snapshot.name, snapshot.table));
  if (loaded) put_dm(Kind::Resume, snapshot.name);
  if (suspends) rehearsal_.append(0, dm_simple(Kind::Resume, origin_name));
  if (loaded) world_.devices.push_back(std::move(snapshot));
}

std::vector<MadeDevice>::iterator TraceWriter::choose_own_snapshot(bool persistent) {
  return std::ranges::find_if(world_.devices, [&](const MadeDevice& device) {
    return device.role == Role::Snapshot && !device.shared && (!persistent || device.store != "N");
  });
}

void TraceWriter::drop_snapshot() {
  const MadeDevice* origin = world_.find(Role::Origin);
  const auto snapshot = choose_own_snapshot(false);
  if (origin == nullptr || snapshot == world_.devices.end()) return;
  const std::string origin_name = origin->name;
  if (!put_dm(Kind::Suspend, origin_name)) return;
  const bool removed = put_dm(Kind::Remove, snapshot->name);
  if (removed) world_.devices.erase(snapshot);
  rehearsal_.append(0, dm_simple(Kind::Resume, origin_name));
}

void TraceWriter::say_merge() {
  MadeDevice* origin = world_.find(Role::Origin);
  const auto snapshot = choose_own_snapshot(true);
  if (origin == nullptr || snapshot == world_.devices.end()) return;
  const std::string name = origin->name;
  const std::string table = fmt::format("0 {} snapshot-merge {} {} P {}", origin->size_sectors,
                                        world_.origin_disk, snapshot->cow, snapshot->chunk_sectors);
  if (!put_dm(Kind::Suspend, name)) return;
  bool merging = put_dm(Kind::Remove, snapshot->name);
  if (merging) {
    world_.devices.erase(snapshot);
    merging = put(0, dm_load(name, table));
  }
  rehearsal_.append(0, dm_simple(Kind::Resume, name));
  if (merging) world_.find(Role::Origin)->role = Role::Merging;
}

void TraceWriter::say_checkpoint() {
  const MadeDevice* era = world_.find(Role::Era);
  if (era == nullptr) return;
  Operation message = dm_simple(Kind::Message, era->name);
  message.number = 0;
  message.text = "checkpoint";
  put(0, message);
}

void TraceWriter::say_mistake() {
  const MadeDevice device = choose_device(0);
  switch (dice_.pick(Site::MistakeKind, 9)) {
    case 0:
      put_refused(dm_create(device.name));
      return;
    case 1:
      put_refused(dm_load(device.name, "0 8 linear d0 0; 16 8 linear d0 16"));
      return;
    case 2:
      put_refused(dm_load(device.name, "0 0 linear d0 0"));
      return;
    case 3:
      put_refused(dm_load(device.name, "0 8 nosuchtype d0 0"));
      return;
    case 4:
      put_refused(dm_simple(
          dice_.one_of<Kind>(Site::Query, {Kind::Suspend, Kind::Resume, Kind::Remove, Kind::Table}),
          "ghost"));
      return;
    case 5: {
      Operation past = dm_simple(Kind::Write, device.name);
      past.range = {device.size_sectors, 8};
      put_refused(past);
      return;
    }
    case 6:
      if (!put(0, dm_simple(Kind::Open, device.name))) return;
      put_refused(dm_simple(Kind::Remove, device.name));
      rehearsal_.append(0, dm_simple(Kind::Close, device.name));
      return;
    case 7: {
      Operation message = dm_simple(Kind::Message, device.name);
      message.number = 0;
      message.text = "nosuch";
      put_refused(message);
      return;
    }
    default:
      put_refused(choose_io(device));
      return;  // whatever it meets
  }
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "harness/repro/names.h"
#include "harness/repro/stages.h"
#include "models/trace/syntax.h"
#include "models/trace/table.h"

namespace bioscope {
namespace {

Edit whole(Trace trace) {
  Edit edit;
  edit.whole = std::move(trace);
  return edit;
}

// Within one lane an `after` on what stands before it has no sense any more, and one on what stands
// behind it would wait for ever.
void drop_edges_within(Lane& lane) {
  Names labels;
  for (const Operation& operation : lane.operations) {
    if (!operation.label.empty()) labels.insert(operation.label);
  }
  std::erase_if(lane.operations, [&](const Operation& operation) {
    return operation.kind == OperationKind::After && operation.edge.kind != EdgeKind::Held &&
           labels.contains(operation.edge.label);
  });
}

// The operations of `from` stand in lane `to`, before its operation `place`.
Edit with_lane_in(const Trace& trace, std::size_t from, std::size_t to, std::size_t place) {
  Trace joined = trace;
  auto& operations = joined.lanes[to].operations;
  const auto& others = trace.lanes[from].operations;
  operations.insert(operations.begin() + static_cast<std::ptrdiff_t>(place), others.begin(),
                    others.end());
  drop_edges_within(joined.lanes[to]);
  joined.lanes.erase(joined.lanes.begin() + static_cast<std::ptrdiff_t>(from));
  return whole(std::move(joined));
}

// Behind what the lane's first operation waits for, if that stands in the other lane.
std::optional<std::size_t> place_of_edge(const Lane& from, const Lane& to) {
  if (from.operations.empty()) return std::nullopt;
  const Operation& first = from.operations.front();
  if (first.kind != OperationKind::After || first.edge.kind == EdgeKind::Held) return std::nullopt;
  const auto named = std::ranges::find(to.operations, first.edge.label, &Operation::label);
  if (named == to.operations.end()) return std::nullopt;
  return static_cast<std::size_t>(std::distance(to.operations.begin(), named)) + 1;
}

// What the first table of the device stands upon.
std::optional<std::string> device_below(const Trace& trace, const std::string& device) {
  const Names known = names_in(trace);
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      if (operation.kind != OperationKind::Load || operation.device != device) continue;
      for (const TargetWords& line : split_table(operation.text)) {
        const auto below = std::ranges::find_if(
            line, [&](const std::string& word) { return word != device && known.contains(word); });
        if (below != line.end()) return *below;
      }
    }
  }
  return std::nullopt;
}

// Where a target keeps data of its own: what else is written there would spoil it, and the finding
// would be another one under the same signature.
struct Store {
  std::string_view target;
  std::size_t word;  // of the target line
};
constexpr std::array<Store, 4> kStores{
    {{"snapshot", 4}, {"snapshot-merge", 4}, {"era", 3}, {"log-writes", 4}}};

bool is_store(const TargetWords& line, std::string_view disk) {
  return std::ranges::any_of(kStores, [&](const Store& store) {
    return line.size() > store.word && line[2] == store.target && line[store.word] == disk;
  });
}

// Neither is a store, and no table stands upon both.
bool may_be_one(const Trace& trace, std::string_view first, std::string_view second) {
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      if (operation.kind != OperationKind::Load) continue;
      if (text_names(operation.text, first) && text_names(operation.text, second)) return false;
      for (const TargetWords& line : split_table(operation.text)) {
        if (is_store(line, first) || is_store(line, second)) return false;
      }
    }
  }
  return true;
}

bool is_done_to_mapped_device(const Operation& operation) {
  return syntax_of(operation.kind).needs == Capability::DeviceMapper;
}

bool is_named_by_step(const Trace& trace, const std::string& label) {
  return std::ranges::any_of(trace.disk_script,
                             [&](const DiskStep& step) { return step.edge.label == label; });
}

}  // namespace

std::vector<Edit> merge_lanes(const Trace& trace) {
  std::vector<Edit> edits;
  for (std::size_t to = 0; to < trace.lanes.size(); ++to) {
    for (std::size_t from = 0; from < trace.lanes.size(); ++from) {
      if (from == to) continue;
      if (const auto place = place_of_edge(trace.lanes[from], trace.lanes[to])) {
        edits.push_back(with_lane_in(trace, from, to, *place));
      }
      edits.push_back(with_lane_in(trace, from, to, trace.lanes[to].operations.size()));
    }
  }
  return edits;
}

std::vector<Edit> merge_disks(const Trace& trace) {
  std::vector<Edit> edits;
  for (std::size_t gone = trace.disks.size(); gone-- > 0;) {
    for (std::size_t stays = 0; stays < trace.disks.size(); ++stays) {
      if (stays == gone) continue;
      if (!may_be_one(trace, trace.disks[gone].name, trace.disks[stays].name)) continue;
      Trace one = trace;
      replace_name(one, trace.disks[gone].name, trace.disks[stays].name);
      one.disks.erase(one.disks.begin() + static_cast<std::ptrdiff_t>(gone));
      edits.push_back(whole(std::move(one)));
    }
  }
  return edits;
}

std::vector<Edit> bypass_devices(const Trace& trace) {
  std::vector<Edit> edits;
  Names created;
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      if (operation.kind == OperationKind::Create) created.insert(operation.device);
    }
  }
  for (const std::string& device : created) {
    const auto below = device_below(trace, device);
    if (!below) continue;
    Trace without = trace;
    for (Lane& lane : without.lanes) {
      std::erase_if(lane.operations, [&](const Operation& operation) {
        return operation.device == device && is_done_to_mapped_device(operation);
      });
    }
    replace_name(without, device, *below);
    edits.push_back(whole(std::move(without)));
  }
  return edits;
}

std::vector<Edit> simplify_disks(const Trace& trace) {
  std::vector<Edit> edits;
  for (std::size_t i = 0; i < trace.disks.size(); ++i) {
    const Disk& disk = trace.disks[i];
    const auto add = [&](auto change) {
      Edit edit;
      edit.disks[i] = disk;
      change(*edit.disks[i]);
      if (!(*edit.disks[i] == disk)) edits.push_back(std::move(edit));
    };
    add([](Disk& copy) {
      Disk plain;
      plain.name = copy.name;
      plain.size_sectors = copy.size_sectors;
      copy = plain;
    });
    add([](Disk& copy) { copy.kind = DiskKind::Null; });
    add([](Disk& copy) { copy.logical_block_bytes = kSectorBytes; });
    add([](Disk& copy) { copy.cache = CacheMode::None; });
    add([](Disk& copy) { copy.read_only = false; });
    for (const auto limit : {&Disk::physical_block_bytes, &Disk::max_sectors, &Disk::chunk_sectors,
                             &Disk::discard_granularity_sectors, &Disk::discard_alignment_sectors,
                             &Disk::max_discard_sectors, &Disk::max_write_zeroes_sectors}) {
      add([&](Disk& copy) { copy.*limit = 0; });
    }
  }
  return edits;
}

std::vector<Edit> drop_labels(const Trace& trace) {
  Names named;
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) named.insert(operation.edge.label);
  }
  Edit edit;
  OperationId id = 0;
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      const std::string& label = operation.label;
      if (!label.empty() && !named.contains(label) && !is_named_by_step(trace, label)) {
        edit.operations[id] = operation;
        edit.operations[id]->label.clear();
      }
      ++id;
    }
  }
  if (edit.operations.empty()) return {};
  return {std::move(edit)};
}

std::vector<Edit> lower_seed(const Trace& trace) {
  if (trace.seed <= 1) return {};
  Edit edit;
  edit.seed = 1;
  return {std::move(edit)};
}

}  // namespace bioscope

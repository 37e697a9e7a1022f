// SPDX-License-Identifier: Apache-2.0
#include "models/trace/lower.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "models/trace/check.h"
#include "models/trace/table.h"

namespace bioscope {
namespace {

constexpr std::string_view kPrefix = "[interpose]";
constexpr std::string_view kPlacedLabel = "layers-placed";

using Lowered = Result<void>;

class Lowering {
 public:
  explicit Lowering(const Trace& trace) : trace_(trace) {}

  Result<Trace> run() {
    if (auto found = find_interposers(); !found) return std::unexpected(found.error());
    if (disk_of_.empty()) return trace_;
    for (Lane& lane : trace_.lanes) {
      std::vector<Operation> operations;
      for (Operation& operation : lane.operations) {
        if (auto done = lower(operation, operations); !done) return std::unexpected(done.error());
      }
      lane.operations = std::move(operations);
    }
    place_layers();
    if (const auto problem = check(trace_)) {
      return could_not_judge("the lowered trace is too large: " + problem->message);
    }
    return std::move(trace_);
  }

 private:
  Lowered find_interposers() {
    for (const Lane& lane : trace_.lanes) {
      for (const Operation& operation : lane.operations) {
        if (!operation.flags.has(OperationFlag::Interpose)) continue;
        auto disk = interposed_disk(operation.text);
        if (!disk) return std::unexpected(disk.error());
        const auto [known, fresh] = disk_of_.emplace(operation.device, *disk);
        if (!fresh && known->second != *disk) {
          return could_not_judge(
              fmt::format("'{}' interposes {} and {} in turn, which a layer cannot stand for",
                          operation.device, known->second, *disk));
        }
        if (fresh && !layered_.insert(*disk).second) {
          return could_not_judge(
              fmt::format("two interposers on {} cannot both be its layer", *disk));
        }
      }
    }
    return {};
  }

  Result<std::string> interposed_disk(const std::string& table) const {
    std::set<std::string> disks;
    for (const TargetWords& words : split_table(table)) {
      for (const std::string& word : words) {
        if (word.starts_with(kPrefix)) return word.substr(kPrefix.size());
        if (is_disk(word)) disks.insert(word);
      }
    }
    if (disks.size() == 1) return *disks.begin();
    return could_not_judge(
        fmt::format("the table \"{}\" does not say which one disk it interposes: mark it {}DISK",
                    table, kPrefix));
  }

  bool is_disk(std::string_view name) const {
    return std::ranges::find(trace_.disks, name, &Disk::name) != trace_.disks.end();
  }

  std::string linear_table(const std::string& disk) const {
    const auto found = std::ranges::find(trace_.disks, disk, &Disk::name);
    return fmt::format("0 {} linear {} 0", found->size_sectors, disk);
  }

  // The device that stands for `name` once the layers are there.
  std::string device_for(const std::string& name) const {
    if (const auto own = disk_of_.find(name); own != disk_of_.end()) {
      return layer_name(own->second);
    }
    return layered_.contains(name) ? layer_name(name) : name;
  }

  // An interposer's own table keeps the disk, and so does a snapshot's origin: both must name the
  // same block device (R75).
  std::string table_for(const Operation& load) const {
    const bool own = disk_of_.contains(load.device);
    std::vector<TargetWords> lines = split_table(load.text);
    for (TargetWords& words : lines) {
      for (std::size_t i = 3; i < words.size(); ++i) {
        if (words[i].starts_with(kPrefix)) words[i] = words[i].substr(kPrefix.size());
        const bool origin_of_snapshot = i == 3 && words[2].starts_with("snapshot");
        if (!own && !origin_of_snapshot) words[i] = device_for(words[i]);
      }
    }
    return join_table(lines);
  }

  Lowered lower(Operation operation, std::vector<Operation>& out) const {
    const auto own = disk_of_.find(operation.device);
    if (operation.kind == OperationKind::Load) {
      operation.text = table_for(operation);
      operation.flags =
          OperationFlags(operation.flags.bits() & ~static_cast<u32>(OperationFlag::Interpose));
    } else if (own != disk_of_.end() && operation.kind == OperationKind::Create) {
      Operation info;  // the layer is there already; the label keeps its place
      info.kind = OperationKind::Info;
      info.label = operation.label;
      info.async = operation.async;
      info.device = operation.device;
      operation = info;
    } else if (own != disk_of_.end() && operation.kind == OperationKind::Remove) {
      Operation load;
      load.kind = OperationKind::Load;
      load.device = layer_name(own->second);
      load.text = linear_table(own->second);
      out.push_back(load);
      operation.kind = OperationKind::Resume;
      operation.flags = {};
    } else if ((own != disk_of_.end() && operation.kind == OperationKind::Rename) ||
               (layered_.contains(operation.device) && changes_the_disk(operation.kind))) {
      return could_not_judge(
          fmt::format("an operation on {} itself has no layer to stand for it", operation.device));
    }
    operation.device = device_for(operation.device);
    out.push_back(std::move(operation));
    return {};
  }

  static bool changes_the_disk(OperationKind kind) {
    return kind == OperationKind::SetReadOnly || kind == OperationKind::Resize ||
           kind == OperationKind::HotRemove || kind == OperationKind::Partition ||
           kind == OperationKind::PowerCut || kind == OperationKind::Reopen;
  }

  void place_layers() {
    std::vector<Operation> placing;
    for (const std::string& disk : layered_) {
      Operation create;
      create.kind = OperationKind::Create;
      create.device = layer_name(disk);
      Operation load = create;
      load.kind = OperationKind::Load;
      load.text = linear_table(disk);
      Operation resume = create;
      resume.kind = OperationKind::Resume;
      placing.insert(placing.end(), {create, load, resume});
    }
    placing.back().label = kPlacedLabel;
    Operation after;
    after.kind = OperationKind::After;
    after.edge = {EdgeKind::Returned, std::string(kPlacedLabel)};
    for (std::size_t i = 0; i < trace_.lanes.size(); ++i) {
      auto& operations = trace_.lanes[i].operations;
      if (i == 0) {
        operations.insert(operations.begin(), placing.begin(), placing.end());
      } else {
        operations.insert(operations.begin(), after);
      }
    }
  }

  Trace trace_;
  std::map<std::string, std::string> disk_of_;  // interposer's name -> disk
  std::set<std::string> layered_;
};

}  // namespace

std::string layer_name(std::string_view disk) {
  return fmt::format("layer-{}", disk);
}

Result<Trace> lower_interpose(const Trace& trace) {
  return Lowering(trace).run();
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// A target for tests: linear, but it tells what is done to it and does what it is told to.
// "probe DEVICE START [max=N] [flush=N] [discard=N] [nowait=0|1]"
#pragma once

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "models/interposer/block/submit.h"
#include "models/interposer/dm/device_mapper.h"
#include "models/interposer/dm/table.h"

namespace bioscope::dm {

// Shared by all probes of a machine. One task's at a time, as in the simulation.
class Probes final : public Module {
 public:
  static Probes& of(DeviceMapper& mapper);
  // Sends what was held on its way.
  void release() {
    hold = false;
    for (blk::Bio* bio : std::exchange(held, {})) submit_bio_noacct(*bio);
  }
  std::vector<std::string> take_log() { return std::exchange(log, {}); }

  std::vector<std::string> log;           // of hooks: "resume 0", by the target's first sector
  std::vector<std::pair<u64, u64>> maps;  // sector and count, in the target's own sectors
  std::vector<u32> numbers;               // target_bio_number of each
  bool hold = false;
  std::vector<blk::Bio*> held;
  bool requeue = false;      // map() pushes back
  bool kill = false;         // map() says no
  u64 accept_sectors = 0;    // at most; 0: all
  int end_error = 0;         // what end_io() makes of a success
  bool requeue_end = false;  // end_io() pushes back
  int preresume_error = 0;
  u32 ended = 0;
};

class ProbeTarget final : public Target {
 public:
  ProbeTarget(const TargetArguments& arguments, Probes& probes, DmDev& device, u64 start_sector)
      : Target(arguments), probes_(probes), device_(device), start_sector_(start_sector) {
    num_flush_bios = 1;
    num_discard_bios = 1;
    nowait_supported = true;
  }

  MapResult map(blk::Bio& clone) override {
    probes_.maps.emplace_back(offset_of(clone.iter.sector), bio_sectors(clone));
    probes_.numbers.push_back(target_bio_number(clone));
    if (probes_.requeue) return MapResult::Requeue;
    if (probes_.kill) return MapResult::Kill;
    if (probes_.accept_sectors > 0 && probes_.accept_sectors < bio_sectors(clone)) {
      accept_partial_bio(clone, probes_.accept_sectors);
    }
    const bool flush = bio_is_empty_flush(clone);
    bio_set_dev(clone, device_.bdev);
    clone.iter.sector = flush ? 0 : start_sector_ + offset_of(clone.iter.sector);
    if (!probes_.hold) return MapResult::Remapped;
    probes_.held.push_back(&clone);
    return MapResult::Submitted;
  }
  EndResult end_io(blk::Bio&, int& error) override {
    ++probes_.ended;
    if (error == 0) error = probes_.end_error;
    return probes_.requeue_end ? EndResult::Requeue : EndResult::Done;
  }
  void presuspend() override { tell("presuspend"); }
  void presuspend_undo() override { tell("undo"); }
  void postsuspend() override {
    tell(table.owner().bios_inside() > 0 ? "postsuspend with bios inside" : "postsuspend");
  }
  int preresume() override {
    tell("preresume");
    return probes_.preresume_error;
  }
  void resume() override { tell("resume"); }
  std::string status(StatusType status_type) override {
    return status_type == StatusType::Info ? "probing"
                                    : device_.path + " " + std::to_string(start_sector_);
  }
  int message(std::span<const std::string> words, std::string& reply) override {
    reply = "heard " + words[0];
    return words[0] == "no" ? EIO : 0;
  }
  bool iterate_devices(const DeviceVisitor& visit) override {
    return visit(device_, start_sector_, count_sectors);
  }

 private:
  void tell(const char* hook) {
    probes_.log.push_back(std::string(hook) + " " + std::to_string(begin_sector));
  }
  Probes& probes_;
  DmDev& device_;
  const u64 start_sector_;
};

Constructed construct_probe(const TargetArguments& arguments);

inline const TargetType kProbeType{.name = "probe",
                                   .construct = construct_probe,
                                   .init_module = [](DeviceMapper&) -> std::unique_ptr<Module> {
                                     return std::make_unique<Probes>();
                                   }};
// The same, alone in its table; and one that nothing but itself replaces.
inline const TargetType kLonelyType{
    .name = "lonely", .singleton = true, .construct = construct_probe};
inline const TargetType kImmutableType{
    .name = "immutable", .immutable = true, .construct = construct_probe};

inline Probes& Probes::of(DeviceMapper& mapper) {
  return mapper.module<Probes>(kProbeType);
}

inline Constructed construct_probe(const TargetArguments& arguments) {
  DmDev* device = nullptr;
  if (const int error = arguments.table.get_device(arguments.words[0], device); error != 0) {
    return std::unexpected(ConstructError{error, "Device lookup failed"});
  }
  auto target =
      std::make_unique<ProbeTarget>(arguments, Probes::of(arguments.table.device_mapper()), *device,
                                    parse_number(arguments.words[1]).value());
  for (const std::string& word : arguments.words.subspan(2)) {
    const std::size_t equals = word.find('=');
    const u64 value = parse_number(std::string_view(word).substr(equals + 1)).value();
    if (word.starts_with("max=")) target->max_io_len_sectors = value;
    if (word.starts_with("flush=")) target->num_flush_bios = static_cast<u32>(value);
    if (word.starts_with("discard=")) target->num_discard_bios = static_cast<u32>(value);
    if (word.starts_with("nowait=")) target->nowait_supported = value != 0;
  }
  return target;
}

}  // namespace bioscope::dm

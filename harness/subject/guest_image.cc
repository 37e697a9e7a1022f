// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/guest_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "harness/kernel/modules.h"
#include "harness/vm/initramfs.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;

struct GuestModule {
  const char* name;
  const char* options;
};

// What the suites need; dependencies come by themselves. nbd: two disks fit sixteen times over.
constexpr std::array<GuestModule, 15> kModules{{
    {"configfs", ""},
    {"dm_mod", ""},
    {"dm_snapshot", ""},
    {"dm_era", ""},
    {"dm_flakey", ""},
    {"dm_delay", ""},
    {"dm_zero", ""},
    {"dm_log_writes", ""},
    {"null_blk", "nr_devices=0"},
    {"nbd", "nbds_max=16"},
    {"loop", "max_loop=0"},
    {"scsi_debug", ""},
    {"sd_mod", ""},
    {"ext4", ""},
    {"xfs", ""},
}};

struct GuestProgram {
  const char* guest_path;
  std::array<const char*, 2> host_paths;  // Debian's folders before and after the merge of /usr
};

constexpr std::array<GuestProgram, 5> kPrograms{{
    {"/sbin/mkfs.ext4", {"/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"}},
    {"/sbin/e2fsck", {"/usr/sbin/e2fsck", "/sbin/e2fsck"}},
    {"/sbin/mkfs.xfs", {"/usr/sbin/mkfs.xfs", "/sbin/mkfs.xfs"}},
    {"/sbin/xfs_repair", {"/usr/sbin/xfs_repair", "/sbin/xfs_repair"}},
    {"/usr/sbin/era_dump", {"/usr/sbin/era_dump", "/sbin/era_dump"}},
}};

Result<void> add_programs(Initramfs& initramfs) {
  for (const GuestProgram& program : kPrograms) {
    const auto found =
        std::ranges::find_if(program.host_paths, [](const char* path) { return fs::exists(path); });
    if (found == program.host_paths.end()) {
      return could_not_judge(
          fmt::format("the guest needs {} and this machine does not have it; run ci/setup",
                      program.host_paths[0]));
    }
    if (auto added = initramfs.add_executable(program.guest_path, *found); !added) return added;
  }
  return {};
}

// A module for another kernel would not load; without the probe the gate still runs.
bool probe_fits(const GuestParts& parts) {
  if (!fs::exists(parts.probe)) return false;
  const auto probe = read_module(parts.probe);
  return probe && probe->release() == parts.kernel.release;
}

std::string options_of(const Module& module) {
  for (const GuestModule& wanted : kModules) {
    if (module.name == wanted.name) return wanted.options;
  }
  return "";
}

Result<void> add_modules(const GuestParts& parts, Initramfs& initramfs,
                         std::vector<std::string>& replaced) {
  auto tree = ModuleTree::open(parts.kernel, parts.modules_dir);
  if (!tree) return std::unexpected(tree.error());
  std::vector<std::string> wanted;
  for (const GuestModule& module : kModules) wanted.emplace_back(module.name);
  auto order = tree->load_order(wanted);
  if (!order) return std::unexpected(order.error());
  std::string list;
  for (const Module& module : *order) {
    const std::string path = fmt::format("/modules/{}.ko", module.name);
    auto bytes = module_without_signature(module.file);
    if (!bytes) return std::unexpected(bytes.error());
    initramfs.add_bytes(path, std::move(*bytes));
    const std::string options = options_of(module);
    list += options.empty() ? path + "\n" : fmt::format("{} {}\n", path, options);
    if (module.overridden) replaced.push_back(module.name);
  }
  if (probe_fits(parts)) {
    const std::string path = "/modules/bioscope_probe.ko";
    if (auto added = initramfs.add_file(path, parts.probe); !added) return added;
    list += path + "\n";
  }
  if (parts.modules_dir && replaced.empty()) {
    return could_not_judge(
        fmt::format("none of the modules in {} is one that the guest loads, so the kernel that was "
                    "meant would not be judged",
                    parts.modules_dir->string()));
  }
  initramfs.add_bytes("/modules.list", list);
  return {};
}

Capabilities can_with(bool has_probe) {
  Capabilities can;
  for (const Capability capability :
       {Capability::BlockIo, Capability::DeviceMapper, Capability::RawIoctl, Capability::EraDump,
        Capability::FileSystems, Capability::NullDisk, Capability::ControlledDisk,
        Capability::ScsiDisk, Capability::LoopDisk, Capability::ReadOnlySwitch,
        Capability::HotRemove, Capability::Signals, Capability::Clock, Capability::PowerCut,
        Capability::Schedule, Capability::LogDump}) {
    can.add(capability);
  }
  if (has_probe) can.add(Capability::Probe);
  return can;
}

}  // namespace

Result<GuestImage> build_guest_image(const GuestParts& parts) {
  Initramfs initramfs;
  if (!fs::exists(parts.agent)) {
    return could_not_judge(
        fmt::format("the guest's agent {} is missing; build the target "
                    "bioscope-agent, or run ci/gate, which does",
                    parts.agent.string()));
  }
  if (auto added = initramfs.add_executable("/init", parts.agent); !added) {
    return std::unexpected(added.error());
  }
  if (auto added = add_programs(initramfs); !added) return std::unexpected(added.error());
  GuestImage image;
  if (auto added = add_modules(parts, initramfs, image.replaced_modules); !added) {
    return std::unexpected(added.error());
  }
  auto archive = initramfs.build();
  if (!archive) return std::unexpected(archive.error());
  image.archive = std::move(*archive);
  image.can_at_most = can_with(probe_fits(parts));
  return image;
}

}  // namespace bioscope

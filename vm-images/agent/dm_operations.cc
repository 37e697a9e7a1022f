// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/dm_operations.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libdevmapper.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <memory>
#include <mutex>

namespace bioscope {
namespace {

std::mutex library_mutex;
thread_local bool inside_library = false;

// The calling thread is in libdevmapper as long as one lives.
class InLibrary {
 public:
  InLibrary() {
    library_mutex.lock();
    inside_library = true;
  }
  InLibrary(const InLibrary&) = delete;
  InLibrary& operator=(const InLibrary&) = delete;
  ~InLibrary() {
    inside_library = false;
    library_mutex.unlock();
  }
};

}  // namespace
}  // namespace bioscope

// Takes the place of libc's for libdevmapper, too: see the head of dm_operations.h.
extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  const bool inside = bioscope::inside_library;
  if (inside) bioscope::library_mutex.unlock();
  const long result = syscall(SYS_ioctl, fd, request, argument);
  const int error = errno;
  if (inside) bioscope::library_mutex.lock();
  errno = error;
  return static_cast<int>(result);
}

namespace bioscope {
namespace {

struct DestroyTask {
  void operator()(dm_task* task) const { dm_task_destroy(task); }
};
using Task = std::unique_ptr<dm_task, DestroyTask>;

void drop_log(int, const char*, int, int, const char*, ...) {}

// 0 or the kernel's errno.
int run(dm_task* task) {
  if (dm_task_run(task) != 0) return 0;
  const int error = dm_task_get_errno(task);
  return error != 0 ? error : EIO;
}

Task task_for(int type, const std::string& name) {
  Task task(dm_task_create(type));
  if (task != nullptr && !name.empty() && dm_task_set_name(task.get(), name.c_str()) == 0) {
    return nullptr;
  }
  return task;
}

// libdevmapper takes ENXIO for an answer where it only asks; R27 wants to see it.
int run_query(dm_task* task) {
  const int error = run(task);
  if (error != 0) return error;
  dm_info info{};
  if (dm_task_get_info(task, &info) == 0 || info.exists == 0) return ENXIO;
  return 0;
}

Outcome create(const Operation& operation, DeviceTable& devices) {
  const Task task = task_for(DM_DEVICE_CREATE, operation.device);
  if (task == nullptr) return failed(EINVAL);
  if (!operation.text.empty()) dm_task_set_uuid(task.get(), operation.text.c_str());
  if (operation.number != kNoNumber) {
    dm_task_set_major_minor(task.get(), 253, static_cast<int>(operation.number), 1);
  }
  if (const int error = run(task.get()); error != 0) return failed(error);
  dm_info info{};
  if (dm_task_get_info(task.get(), &info) == 0) return failed(EIO);
  devices.add(
      {operation.device, fmt::format("/dev/dm-{}", info.minor), info.major, info.minor, false});
  return {};
}

Outcome load(const Operation& operation, const DeviceTable& devices) {
  const Task task = task_for(DM_DEVICE_RELOAD, operation.device);
  const auto lines = parse_table(operation.text);
  if (task == nullptr || !lines) return failed(EINVAL);
  for (const TargetLine& line : *lines) {
    const std::string parameters = devices.to_kernel(line.parameters);
    if (dm_task_add_target(task.get(), line.start_sector, line.length_sectors, line.type.c_str(),
                           parameters.c_str()) == 0) {
      return failed(ENOMEM);
    }
  }
  if (operation.flags.has(OperationFlag::ReadOnly)) dm_task_set_ro(task.get());
  return failed(run(task.get()));
}

Outcome change_state(int type, const Operation& operation) {
  const Task task = task_for(type, operation.device);
  if (task == nullptr) return failed(EINVAL);
  if (operation.flags.has(OperationFlag::NoFlush)) dm_task_no_flush(task.get());
  if (operation.flags.has(OperationFlag::NoLockfs)) dm_task_skip_lockfs(task.get());
  return failed(run(task.get()));
}

Outcome remove(const Operation& operation, DeviceTable& devices) {
  const Task task = task_for(DM_DEVICE_REMOVE, operation.device);
  if (task == nullptr) return failed(EINVAL);
  const bool deferred = operation.flags.has(OperationFlag::Deferred);
  if (deferred) dm_task_deferred_remove(task.get());
  const int error = run(task.get());
  // A deferred removal leaves the device usable until its last close.
  if (error == 0 && !deferred) devices.remove(operation.device);
  return failed(error);
}

Outcome rename(const Operation& operation, DeviceTable& devices) {
  const Task task = task_for(DM_DEVICE_RENAME, operation.device);
  if (task == nullptr) return failed(EINVAL);
  if (!operation.text.empty()) {
    if (dm_task_set_newuuid(task.get(), operation.text.c_str()) == 0) return failed(EINVAL);
  } else if (dm_task_set_newname(task.get(), operation.word.c_str()) == 0) {
    return failed(EINVAL);
  }
  const int error = run(task.get());
  if (error == 0 && operation.text.empty()) devices.rename(operation.device, operation.word);
  return failed(error);
}

Outcome message(const Operation& operation) {
  const Task task = task_for(DM_DEVICE_TARGET_MSG, operation.device);
  if (task == nullptr) return failed(EINVAL);
  const u64 sector = operation.number == kNoNumber ? 0 : static_cast<u64>(operation.number);
  if (dm_task_set_sector(task.get(), sector) == 0 ||
      dm_task_set_message(task.get(), operation.text.c_str()) == 0) {
    return failed(EINVAL);
  }
  const int error = run(task.get());
  if (error != 0) return failed(error);
  const char* response = dm_task_get_message_response(task.get());
  return Outcome{0, 0, {}, response == nullptr ? std::string() : std::string(response)};
}

Outcome target_lines(int type, const Operation& operation, const DeviceTable& devices) {
  const Task task = task_for(type, operation.device);
  if (task == nullptr) return failed(EINVAL);
  if (operation.flags.has(OperationFlag::NoFlush)) dm_task_no_flush(task.get());
  if (const int error = run_query(task.get()); error != 0) return failed(error);
  std::vector<std::string> lines;
  void* next = nullptr;
  do {
    uint64_t start = 0;
    uint64_t length = 0;
    char* target = nullptr;
    char* parameters = nullptr;
    next = dm_get_next_target(task.get(), next, &start, &length, &target, &parameters);
    if (target == nullptr) break;  // no live table
    lines.push_back(
        tidy_words(fmt::format("{} {} {} {}", start, length, target,
                               devices.from_kernel(parameters == nullptr ? "" : parameters))));
  } while (next != nullptr);
  return Outcome{0, 0, {}, fmt::format("{}", fmt::join(lines, "; "))};
}

Outcome deps(const Operation& operation, const DeviceTable& devices) {
  const Task task = task_for(DM_DEVICE_DEPS, operation.device);
  if (task == nullptr) return failed(EINVAL);
  if (const int error = run_query(task.get()); error != 0) return failed(error);
  const dm_deps* list = dm_task_get_deps(task.get());
  if (list == nullptr) return failed(EIO);
  std::vector<std::string> names;
  for (u32 i = 0; i < list->count; ++i) {
    const u32 major = static_cast<u32>((list->device[i] & 0xfff00) >> 8);
    const u32 minor =
        static_cast<u32>((list->device[i] & 0xff) | ((list->device[i] >> 12) & 0xfff00));
    const std::string name = devices.name_of(major, minor);
    names.push_back(name.empty() ? fmt::format("{}:{}", major, minor) : name);
  }
  std::ranges::sort(names);
  return Outcome{0, 0, {}, fmt::format("{}", fmt::join(names, " "))};
}

Outcome info_text(const Operation& operation) {
  const Task task = task_for(DM_DEVICE_INFO, operation.device);
  if (task == nullptr) return failed(EINVAL);
  if (const int error = run_query(task.get()); error != 0) return failed(error);
  dm_info info{};
  if (dm_task_get_info(task.get(), &info) == 0) return failed(EIO);
  const char* uuid = dm_task_get_uuid(task.get());
  return Outcome{
      0,
      0,
      {},
      fmt::format("state={} live={} inactive={} open={} targets={} readonly={} deferred={} uuid={}",
                  info.suspended != 0 ? "suspended" : "active", info.live_table != 0 ? 1 : 0,
                  info.inactive_table != 0 ? 1 : 0, info.open_count, info.target_count,
                  info.read_only != 0 ? 1 : 0, info.deferred_remove != 0 ? 1 : 0,
                  uuid == nullptr ? "" : uuid)};
}

int run_plain(int type, const std::string& name) {
  const Task task = task_for(type, name);
  return task == nullptr ? EINVAL : run(task.get());
}

}  // namespace

void start_device_mapper() {
  // Without udev the library would wait for cookies that nobody completes.
  setenv("DM_DISABLE_UDEV", "1", 1);
  const InLibrary monitor;
  dm_log_with_errno_init(drop_log);
  dm_udev_set_sync_support(0);
  dm_set_name_mangling_mode(DM_STRING_MANGLING_NONE);
}

bool device_mapper_works() {
  const InLibrary monitor;
  return run_plain(DM_DEVICE_LIST, "") == 0;
}

std::vector<std::string> device_mapper_targets() {
  const InLibrary monitor;
  std::vector<std::string> targets;
  const Task task = task_for(DM_DEVICE_LIST_VERSIONS, "");
  if (task == nullptr || run(task.get()) != 0) return targets;
  const dm_versions* version = dm_task_get_versions(task.get());
  while (version != nullptr) {
    targets.emplace_back(version->name);
    if (version->next == 0) break;
    version = reinterpret_cast<const dm_versions*>(reinterpret_cast<const char*>(version) +
                                                   version->next);
  }
  return targets;
}

Outcome perform_dm(const Operation& operation, DeviceTable& devices) {
  const InLibrary monitor;
  switch (operation.kind) {
    case OperationKind::Create:
      return create(operation, devices);
    case OperationKind::Load:
      return load(operation, devices);
    case OperationKind::Clear:
      return failed(run_plain(DM_DEVICE_CLEAR, operation.device));
    case OperationKind::Suspend:
      return change_state(DM_DEVICE_SUSPEND, operation);
    case OperationKind::Resume:
      return change_state(DM_DEVICE_RESUME, operation);
    case OperationKind::Remove:
      return remove(operation, devices);
    case OperationKind::Rename:
      return rename(operation, devices);
    case OperationKind::Message:
      return message(operation);
    case OperationKind::Status:
      return target_lines(DM_DEVICE_STATUS, operation, devices);
    case OperationKind::Table:
      return target_lines(DM_DEVICE_TABLE, operation, devices);
    case OperationKind::Deps:
      return deps(operation, devices);
    case OperationKind::Info:
      return info_text(operation);
    default:
      return failed(ENOSYS);
  }
}

std::optional<std::vector<MappedDevice>> list_mapped_devices() {
  const InLibrary monitor;
  std::vector<MappedDevice> devices;
  const Task task = task_for(DM_DEVICE_LIST, "");
  if (task == nullptr || run(task.get()) != 0) return std::nullopt;
  const dm_names* entry = dm_task_get_names(task.get());
  if (entry == nullptr) return std::nullopt;
  if (entry->dev == 0) return devices;
  for (;;) {
    const u32 major = static_cast<u32>((entry->dev & 0xfff00) >> 8);
    const u32 minor = static_cast<u32>((entry->dev & 0xff) | ((entry->dev >> 12) & 0xfff00));
    devices.push_back({entry->name, major, minor});
    if (entry->next == 0) return devices;
    entry = reinterpret_cast<const dm_names*>(reinterpret_cast<const char*>(entry) + entry->next);
  }
}

int remove_mapped_device(const std::string& name) {
  const InLibrary monitor;
  return run_plain(DM_DEVICE_REMOVE, name);
}

int resume_mapped_device(const std::string& name) {
  const InLibrary monitor;
  const Task task = task_for(DM_DEVICE_INFO, name);
  if (task == nullptr) return EINVAL;
  if (const int error = run_query(task.get()); error != 0) return error;
  dm_info info{};
  if (dm_task_get_info(task.get(), &info) == 0 || info.suspended == 0) return 0;
  if (info.inactive_table != 0) run_plain(DM_DEVICE_CLEAR, name);
  return run_plain(DM_DEVICE_RESUME, name);
}

void bounce_mapped_device(const std::string& name) {
  const InLibrary monitor;
  Operation operation;
  operation.device = name;
  operation.flags.set(OperationFlag::NoFlush);
  operation.flags.set(OperationFlag::NoLockfs);
  change_state(DM_DEVICE_SUSPEND, operation);
  change_state(DM_DEVICE_RESUME, operation);
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/raw_ioctl.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <string_view>
#include <utility>

#include "vm-images/agent/operations.h"

namespace bioscope {
namespace {

constexpr std::size_t kSpareBytes = 4096;  // for answers

constexpr std::array<std::pair<std::string_view, u32>, 18> kCommands{{
    {"version", DM_VERSION_CMD},
    {"remove-all", DM_REMOVE_ALL_CMD},
    {"list", DM_LIST_DEVICES_CMD},
    {"create", DM_DEV_CREATE_CMD},
    {"remove", DM_DEV_REMOVE_CMD},
    {"rename", DM_DEV_RENAME_CMD},
    {"suspend", DM_DEV_SUSPEND_CMD},
    {"status", DM_DEV_STATUS_CMD},
    {"wait", DM_DEV_WAIT_CMD},
    {"load", DM_TABLE_LOAD_CMD},
    {"clear", DM_TABLE_CLEAR_CMD},
    {"deps", DM_TABLE_DEPS_CMD},
    {"table", DM_TABLE_STATUS_CMD},
    {"list-versions", DM_LIST_VERSIONS_CMD},
    {"message", DM_TARGET_MSG_CMD},
    {"set-geometry", DM_DEV_SET_GEOMETRY_CMD},
    {"arm-poll", DM_DEV_ARM_POLL_CMD},
    {"get-target-version", DM_GET_TARGET_VERSION_CMD},
}};

constexpr std::array<std::pair<std::string_view, u32>, 13> kFlags{{
    {"readonly", DM_READONLY_FLAG},
    {"suspend", DM_SUSPEND_FLAG},
    {"persistent-dev", DM_PERSISTENT_DEV_FLAG},
    {"status-table", DM_STATUS_TABLE_FLAG},
    {"skip-bdget", DM_SKIP_BDGET_FLAG},
    {"skip-lockfs", DM_SKIP_LOCKFS_FLAG},
    {"noflush", DM_NOFLUSH_FLAG},
    {"query-inactive-table", DM_QUERY_INACTIVE_TABLE_FLAG},
    {"uuid", DM_UUID_FLAG},
    {"secure-data", DM_SECURE_DATA_FLAG},
    {"deferred", DM_DEFERRED_REMOVE},
    {"internal-suspend", DM_INTERNAL_SUSPEND_FLAG},
    {"ima", DM_IMA_MEASUREMENT_FLAG},
}};

std::optional<u32> parse_number(std::string_view text) {
  u32 value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

template <std::size_t N>
std::optional<u32> find(const std::array<std::pair<std::string_view, u32>, N>& words,
                        std::string_view word) {
  for (const auto& [name, value] : words) {
    if (name == word) return value;
  }
  return std::nullopt;
}

using Fields = std::map<std::string, std::string>;

Fields split_fields(const std::string& text) {
  Fields fields;
  const std::size_t table = text.find("table=");
  const bool has_table = table != std::string::npos && (table == 0 || text[table - 1] == ' ');
  for (const std::string& word : words_of(text.substr(0, has_table ? table : text.size()))) {
    const std::size_t equals = word.find('=');
    const bool named = equals != std::string::npos;
    fields[word.substr(0, equals)] = named ? word.substr(equals + 1) : "";
  }
  if (has_table) fields["table"] = text.substr(table + std::strlen("table="));
  return fields;
}

std::string field(const Fields& fields, const std::string& key) {
  const auto found = fields.find(key);
  return found == fields.end() ? std::string() : found->second;
}

void append(std::vector<u8>& bytes, const void* from, std::size_t count) {
  const auto* first = static_cast<const u8*>(from);
  bytes.insert(bytes.end(), first, first + count);
}

// struct dm_target_spec and its parameters, each line 8-aligned.
void append_targets(std::vector<u8>& bytes, const std::vector<TargetLine>& lines,
                    const DeviceTable& devices) {
  for (const TargetLine& line : lines) {
    const std::string parameters = devices.to_kernel(line.parameters);
    dm_target_spec spec{};
    spec.sector_start = line.start_sector;
    spec.length = line.length_sectors;
    spec.next = static_cast<u32>((sizeof(spec) + parameters.size() + 1 + 7) / 8 * 8);
    std::strncpy(spec.target_type, line.type.c_str(), sizeof(spec.target_type) - 1);
    const std::size_t start = bytes.size();
    append(bytes, &spec, sizeof(spec));
    append(bytes, parameters.c_str(), parameters.size() + 1);
    bytes.resize(start + spec.next, 0);
  }
}

bool set_device(dm_ioctl& header, const Fields& fields, const DeviceTable& devices) {
  u32 major = 0;
  u32 minor = 0;
  if (const std::string name = field(fields, "device"); !name.empty()) {
    const auto device = devices.find(name);
    if (!device) return false;
    major = device->major;
    minor = device->minor;
  } else if (const std::string number = field(fields, "dev"); !number.empty()) {
    const std::size_t colon = number.find(':');
    if (colon == std::string::npos) return false;
    const auto first = parse_number(std::string_view(number).substr(0, colon));
    const auto second = parse_number(std::string_view(number).substr(colon + 1));
    if (!first || !second) return false;
    major = *first;
    minor = *second;
  }
  header.dev = (minor & 0xff) | (major << 8) | ((minor & ~0xffU) << 12);  // huge_encode_dev
  return true;
}

bool set_version(dm_ioctl& header, const std::string& text) {
  std::string words = text.empty() ? "4.0.0" : text;
  std::ranges::replace(words, '.', ' ');
  const std::vector<std::string> parts = words_of(words);
  if (parts.size() != 3) return false;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto part = parse_number(parts[i]);
    if (!part) return false;
    header.version[i] = *part;
  }
  return true;
}

}  // namespace

Result<RawIoctl> build_raw_ioctl(const std::string& text, const DeviceTable& devices) {
  const Fields fields = split_fields(text);
  const std::string word = field(fields, "command");
  auto command = find(kCommands, word);
  if (!command) command = parse_number(word);
  if (!command) return bad_input(fmt::format("ioctl: command={} is no command", word));

  dm_ioctl header{};
  if (!set_version(header, field(fields, "version"))) return bad_input("ioctl: version=A.B.C");
  if (!set_device(header, fields, devices)) return bad_input("ioctl: no such device");
  std::strncpy(header.name, field(fields, "name").c_str(), sizeof(header.name) - 1);
  std::strncpy(header.uuid, field(fields, "uuid").c_str(), sizeof(header.uuid) - 1);
  std::string flags = field(fields, "flags");
  std::ranges::replace(flags, ',', ' ');
  for (const std::string& name : words_of(flags)) {
    const auto flag = find(kFlags, name);
    if (!flag) return bad_input(fmt::format("ioctl: {} is no flag", name));
    header.flags |= *flag;
  }

  std::vector<u8> payload;
  const std::string table = field(fields, "table");
  if (*command == DM_TABLE_LOAD_CMD) {
    const auto lines = parse_table(table);
    if (!lines) return bad_input("ioctl: a table's line is START LENGTH TYPE ..");
    append_targets(payload, *lines, devices);
    header.target_count = static_cast<u32>(lines->size());
  } else if (*command == DM_TARGET_MSG_CMD) {
    const dm_target_msg sector{};
    append(payload, &sector, sizeof(sector));
    append(payload, table.c_str(), table.size() + 1);
  } else if (*command == DM_DEV_RENAME_CMD) {
    append(payload, table.c_str(), table.size() + 1);
  }
  if (const auto targets = parse_number(field(fields, "targets"))) header.target_count = *targets;
  header.data_start = sizeof(dm_ioctl);
  payload.resize(payload.size() + kSpareBytes, 0);
  header.data_size = static_cast<u32>(sizeof(dm_ioctl) + payload.size());
  if (const auto size = parse_number(field(fields, "data-size"))) header.data_size = *size;

  RawIoctl built;
  built.command = *command;
  built.uid = parse_number(field(fields, "uid"));
  append(built.bytes, &header, sizeof(header));
  append(built.bytes, payload.data(), payload.size());
  return built;
}

Outcome perform_raw_ioctl(Stage& stage, const Operation& operation) {
  Result<RawIoctl> built = build_raw_ioctl(operation.text, stage.devices);
  if (!built) return Outcome{EINVAL, 0, {}, built.error().message};
  const File control(open("/dev/mapper/control", O_RDWR | O_CLOEXEC));
  if (!control.is_open()) return failed(errno);
  // The raw system call changes this thread alone, and its capabilities come back with its uid.
  if (built->uid) syscall(SYS_setresuid, -1, *built->uid, -1);
  const unsigned long request =
      _IOC(_IOC_READ | _IOC_WRITE, DM_IOCTL, built->command, sizeof(dm_ioctl));
  const int error = ioctl(control.fd(), request, built->bytes.data()) == 0 ? 0 : errno;
  if (built->uid) syscall(SYS_setresuid, -1, 0, -1);
  if (error != 0) return failed(error);

  dm_ioctl answer{};
  std::memcpy(&answer, built->bytes.data(), sizeof(answer));
  const u32 minor = static_cast<u32>((answer.dev & 0xff) | ((answer.dev >> 12) & 0xfff00));
  const u32 major = static_cast<u32>((answer.dev & 0xfff00) >> 8);
  if (built->command == DM_DEV_CREATE_CMD) {
    stage.devices.add({answer.name, fmt::format("/dev/dm-{}", minor), major, minor, false});
  } else if (built->command == DM_DEV_REMOVE_CMD) {
    stage.devices.remove(answer.name);
  }
  return {};
}

}  // namespace bioscope

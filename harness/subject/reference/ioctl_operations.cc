// SPDX-License-Identifier: Apache-2.0
// A raw ioctl: what ctl_ioctl(), check_version(), copy_params() and validate_params() of
// drivers/md/dm-ioctl.c say before the command itself is asked (R26-R28).
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>

#include "harness/subject/reference/perform.h"
#include "harness/subject/reference/table_text.h"

namespace bioscope::reference {
namespace {

// By their numbers, DM_VERSION_CMD is 0.
constexpr std::array<std::string_view, 19> kCommands{
    "version", "remove-all",    "list",    "create",       "remove",   "rename",
    "suspend", "status",        "wait",    "load",         "clear",    "deps",
    "table",   "list-versions", "message", "set-geometry", "arm-poll", "get-target-version",
    ""};
constexpr u64 kKnownCommands = 18;
constexpr u64 kMostTargets = 1048576;  // dm_table_create()
constexpr u64 kHeaderBytes = 305;      // offsetof(struct dm_ioctl, data)
constexpr u64 kMapperMajor = 253;      // as the guest's kernel numbers it
constexpr i64 kNoSuchMinor = 1LL << 40;

std::optional<u64> number_of(std::string_view text) {
  u64 value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

class Fields {
 public:
  explicit Fields(const std::string& text) {
    constexpr std::string_view kTable = "table=";
    std::size_t table = text.find(kTable);
    while (table != std::string::npos && table > 0 && text[table - 1] != ' ') {
      table = text.find(kTable, table + 1);
    }
    for (const std::string& word : split_words(std::string_view(text).substr(0, table))) {
      const std::size_t equals = word.find('=');
      values_[word.substr(0, equals)] =
          equals == std::string::npos ? std::string() : word.substr(equals + 1);
    }
    if (table != std::string::npos) values_["table"] = text.substr(table + kTable.size());
  }

  const std::string& operator[](const char* key) const {
    static const std::string kEmpty;
    const auto found = values_.find(key);
    return found == values_.end() ? kEmpty : found->second;
  }

  bool has_flag(std::string_view flag) const {
    std::string flags = (*this)["flags"];
    std::ranges::replace(flags, ',', ' ');
    const auto words = split_words(flags);
    return std::ranges::find(words, flag) != words.end();
  }

 private:
  std::map<std::string, std::string> values_;
};

std::optional<u64> command_of(const Fields& fields) {
  const std::string& word = fields["command"];
  const auto* found = std::ranges::find(kCommands, word);
  if (found != kCommands.end() && !word.empty()) {
    return static_cast<u64>(found - kCommands.begin());
  }
  return number_of(word);
}

// The major version has to be the kernel's, the minor one not above it.
int check_version(const Fields& fields) {
  const std::string& text = fields["version"];
  if (text.empty()) return 0;
  const std::string_view major = std::string_view(text).substr(0, text.find('.'));
  constexpr u64 kMajor = 4;
  return number_of(major) == kMajor ? 0 : EINVAL;
}

// dm_ioctl.dev, huge_decode_dev()d.
i64 minor_of(dm::DeviceMapper& mapper, const Fields& fields) {
  if (const std::string& name = fields["device"]; !name.empty()) {
    dm::DeviceInfo device;
    dm::DeviceId id;
    id.name = name;
    return mapper.info(id, device) == 0 ? device.minor : kNoSuchMinor;
  }
  const std::string& text = fields["dev"];
  if (text.empty()) return -1;
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return kNoSuchMinor;
  const auto major = number_of(std::string_view(text).substr(0, colon));
  const auto minor = number_of(std::string_view(text).substr(colon + 1));
  return major == kMapperMajor && minor ? static_cast<i64>(*minor) : kNoSuchMinor;
}

int load(dm::DeviceMapper& mapper, const dm::DeviceId& id, const Fields& fields) {
  auto lines = parse_table(fields["table"]);
  if (!lines) return EINVAL;
  const u64 count = number_of(fields["targets"]).value_or(lines->size());
  dm::DeviceInfo device;
  if (const int error = mapper.info(id, device); error != 0) return error;
  if (count > kMostTargets) return EOVERFLOW;
  if (count > lines->size()) return EINVAL;
  lines->resize(count);
  std::string why;
  return mapper.load(id, *lines, {.read_only = fields.has_flag("readonly")}, why);
}

int ask_status(dm::DeviceMapper& mapper, const dm::DeviceId& id, const Fields& fields) {
  std::vector<dm::TargetStatus> targets;
  const dm::StatusType type =
      fields.has_flag("status-table") ? dm::StatusType::Table : dm::StatusType::Info;
  return mapper.status(id, type, {.no_flush = fields.has_flag("noflush")}, targets);
}

int remove_all(dm::DeviceMapper& mapper) {
  for (const std::string& name : mapper.names()) {
    dm::DeviceId id;
    id.name = name;
    static_cast<void>(mapper.remove(id, {}));  // what is in use stays (dm_hash_remove_all)
  }
  return 0;
}

int command(dm::DeviceMapper& mapper, std::string_view word, const Fields& fields) {
  dm::DeviceId id{fields["name"], fields["uuid"], minor_of(mapper, fields)};
  const dm::IoctlFlags flags{.no_flush = fields.has_flag("noflush"),
                             .skip_lockfs = fields.has_flag("skip-lockfs"),
                             .deferred = fields.has_flag("deferred")};
  if (word == "create") {
    if (id.name.empty()) return EINVAL;
    return mapper.create(id.name, id.uuid, fields.has_flag("persistent-dev") ? id.minor : -1);
  }
  if (!id.name.empty() && !id.uuid.empty()) return EINVAL;  // validate_params()
  dm::DeviceInfo device;
  std::vector<std::string> names;
  std::string reply;
  if (word == "remove") return mapper.remove(id, flags);
  if (word == "rename") {
    return fields.has_flag("uuid") ? mapper.set_uuid(id, fields["table"])
                                   : mapper.rename(id, fields["table"]);
  }
  if (word == "suspend") {
    return fields.has_flag("suspend") ? mapper.suspend(id, flags) : mapper.resume(id, flags);
  }
  if (word == "status") return mapper.info(id, device);
  if (word == "wait") return mapper.wait_event(id, 0, device);
  if (word == "load") return load(mapper, id, fields);
  if (word == "clear") return mapper.clear(id);
  if (word == "deps") return mapper.deps(id, names);
  if (word == "table") return ask_status(mapper, id, fields);
  if (word == "message") return mapper.message(id, 0, split_words(fields["table"]), reply);
  if (word == "set-geometry") {
    const int error = mapper.info(id, device);
    return error != 0 ? error : EINVAL;  // four numbers would have to follow
  }
  return 0;  // list, list-versions, arm-poll, get-target-version
}

}  // namespace

Outcome perform_ioctl(Stage& stage, const Operation& operation) {
  const Fields fields(operation.text);
  const auto number = command_of(fields);
  if (!number) return Outcome{EINVAL, 0, {}, "ioctl: command= is no command"};
  if (const std::string& uid = fields["uid"]; !uid.empty() && uid != "0") return failed(EACCES);
  if (const int error = check_version(fields); error != 0) return failed(error);
  if (*number == 0) return {};  // DM_VERSION
  if (*number >= kKnownCommands) return failed(ENOTTY);
  if (const auto bytes = number_of(fields["data-size"]); bytes && *bytes < kHeaderBytes) {
    return failed(EINVAL);
  }
  const std::string_view word = kCommands[*number];
  if (word == "remove-all") return failed(remove_all(*stage.mapper));
  return failed(command(*stage.mapper, word, fields));
}

}  // namespace bioscope::reference

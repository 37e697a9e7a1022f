// SPDX-License-Identifier: Apache-2.0
// DM ioctls past libdevmapper (R26 to R28): what they amount to, or what refuses them.
#include <cerrno>
#include <map>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

std::map<std::string, std::string> fields_of(const std::string& text) {
  std::map<std::string, std::string> fields;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text.compare(at, 6, "table=") == 0) {
      fields["table"] = text.substr(at + 6);
      return fields;
    }
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (!word.empty()) {
      const std::size_t equals = word.find('=');
      fields[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
    }
    at = end + 1;
  }
  return fields;
}

std::string field(const std::map<std::string, std::string>& fields, const std::string& key) {
  const auto found = fields.find(key);
  return found == fields.end() ? std::string() : found->second;
}

}  // namespace

// What is neither refused nor a plain operation stays a raw ioctl whose outcome is not described.
Machine::Plain Machine::as_plain(const Operation& raw) const {
  Plain result;
  result.operation = &raw;
  if (raw.kind == OperationKind::Ioctl) {
    result.made = std::make_unique<const Operation>(unwrap(raw, result.refused));
    result.operation = result.made.get();
  }
  return result;
}

Operation Machine::unwrap(const Operation& raw, LegalSet& refused) const {
  const auto fields = fields_of(raw.text);
  const std::string command = field(fields, "command");
  const std::string name = field(fields, "name");
  const std::string uuid = field(fields, "uuid");
  const std::string device = field(fields, "device");
  const std::string version = field(fields, "version");
  const std::string uid = field(fields, "uid");
  const auto refuse_with = [&](RuleId rule, std::initializer_list<int> errors) {
    refused.rule = rule;
    allow(refused, errors);
  };
  Operation plain = raw;
  if (!uid.empty() && uid != "0") {  // R28
    refuse_with(rule(28), {EACCES});
    return plain;
  }
  const bool number =
      !command.empty() && command.find_first_not_of("0123456789") == std::string::npos;
  constexpr u64 kLastCommand = 18;
  if (number && parse_number(command).value_or(0) > kLastCommand) refuse_with(rule(28), {ENOTTY});
  if (!version.empty() && version.substr(0, version.find('.')) != "4") {
    refuse_with(rule(28), {EINVAL});
  }
  if (!refused.errors.empty()) return plain;
  if (command == "create") {
    if (name.empty() || name.find('/') != std::string::npos) {  // R26
      refuse_with(rule(26), {EINVAL});
      return plain;
    }
    plain.kind = OperationKind::Create;
    plain.device = name;
    plain.text = uuid;
    return plain;
  }
  const bool on_device = command == "status" || command == "load" || command == "clear" ||
                         command == "remove" || command == "table" || command == "deps" ||
                         command == "suspend";
  if (!on_device) return plain;
  // R27: one identifier; a name goes before a device number, never with it.
  if (!name.empty() && !uuid.empty()) refuse_with(rule(27), {EINVAL});
  if ((!name.empty() || !uuid.empty()) && !device.empty()) refuse_with(rule(27), {ENXIO, EINVAL});
  if (!refused.errors.empty()) return plain;
  DeviceId id = kNone;
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    if (!devices_[i].exists || !devices_[i].mapped) continue;
    if ((!name.empty() && devices_[i].name == name) ||
        (!device.empty() && devices_[i].name == device) ||
        (!uuid.empty() && devices_[i].uuid == uuid)) {
      id = static_cast<DeviceId>(i);
    }
  }
  if (id == kNone) {
    refuse_with(rule(27), {ENXIO});
    return plain;
  }
  if (command == "load") {
    const std::string targets = field(fields, "targets");
    constexpr u64 kMostTargets = 1048576;
    if (targets == "0") {
      refuse_with(rule(29), {EINVAL});
    } else if (parse_number(targets).value_or(0) > kMostTargets) {
      refuse_with(rule(29), {EOVERFLOW});
    } else {
      plain.kind = OperationKind::Load;
      plain.device = devices_[id].name;
      plain.text = field(fields, "table");
    }
    return plain;
  }
  if (command == "status" || command == "table" || command == "deps") {
    refuse_with(rule(27), {0});
    return plain;
  }
  if (command == "clear") plain.kind = OperationKind::Clear;
  if (command == "remove") plain.kind = OperationKind::Remove;
  if (plain.kind != OperationKind::Ioctl) {
    plain.device = devices_[id].name;
    plain.text.clear();
  }
  return plain;
}

}  // namespace bioscope::spec

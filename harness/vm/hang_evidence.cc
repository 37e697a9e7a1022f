// SPDX-License-Identifier: Apache-2.0
#include "harness/vm/hang_evidence.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace bioscope {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kReplyLimit = std::chrono::seconds(3);
constexpr auto kFirstLineLimit = std::chrono::seconds(4);
constexpr auto kQuiet =
    std::chrono::milliseconds(700);  // a dump is over when nothing came for so long
constexpr auto kDumpLimit = std::chrono::seconds(15);
constexpr int kWaitMs = 50;

bool stopped(QemuProcess& process, const Interrupt* interrupt) {
  return process.ended().has_value() || (interrupt != nullptr && interrupt->raised());
}

// Sends one QMP command and waits for its reply, which is the only line with "return" or "error".
std::string command(QemuProcess& process, const Interrupt* interrupt, const nlohmann::json& text) {
  const std::size_t start = process.control_output().size();
  process.send_control(text.dump() + "\n");
  const Clock::time_point limit = Clock::now() + kReplyLimit;
  std::size_t at = start;
  while (Clock::now() < limit && !stopped(process, interrupt)) {
    const std::string& output = process.control_output();
    const std::size_t end = output.find('\n', at);
    if (end == std::string::npos) {
      process.wait(-1, kWaitMs);
      continue;
    }
    const nlohmann::json reply =
        nlohmann::json::parse(output.substr(at, end - at), nullptr, /*allow_exceptions=*/false);
    at = end + 1;
    if (!reply.is_object()) continue;
    if (reply.contains("error")) return {};
    if (reply.contains("return")) {
      return reply["return"].is_string() ? reply["return"].get<std::string>() : std::string();
    }
  }
  return {};
}

// What the console says until it falls quiet.
std::string listen(QemuProcess& process, const Interrupt* interrupt) {
  std::string heard;
  const Clock::time_point start = Clock::now();
  Clock::time_point last = start;
  while (!stopped(process, interrupt)) {
    process.wait(-1, kWaitMs);
    const std::string more = process.new_console();
    const Clock::time_point now = Clock::now();
    heard += more;
    if (!more.empty()) last = now;
    if (now - start > kDumpLimit) break;
    if (heard.empty() ? now - start > kFirstLineLimit : now - last > kQuiet) break;
  }
  return heard;
}

nlohmann::json sysrq(const char* key) {
  nlohmann::json keys = nlohmann::json::array();
  for (const char* code : {"alt", "sysrq", key})
    keys.push_back({{"type", "qcode"}, {"data", code}});
  return {{"execute", "send-key"}, {"arguments", {{"keys", keys}}}};
}

}  // namespace

std::string collect_hang_evidence(QemuProcess& process, const Interrupt* interrupt) {
  command(process, interrupt, {{"execute", "qmp_capabilities"}});
  const std::string registers = command(process, interrupt,
                                        {{"execute", "human-monitor-command"},
                                         {"arguments", {{"command-line", "info registers -a"}}}});
  std::string evidence = "---- registers ----\n" + registers;
  std::string heard;
  for (const char* key : {"w", "t"}) {
    evidence += fmt::format("\n---- sysrq-{} ----\n", key);
    command(process, interrupt, sysrq(key));
    heard = listen(process, interrupt);
    evidence += heard;
    if (heard.empty()) break;
  }
  if (heard.empty()) {
    evidence += "the guest does not react to keys\n---- NMI ----\n";
    command(process, interrupt, {{"execute", "inject-nmi"}});
    evidence += listen(process, interrupt);
  }
  return evidence;
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "harness/report/write.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "harness/report/json.h"
#include "harness/report/junit.h"
#include "harness/report/ktap.h"
#include "harness/report/text.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 6> kFiles{"results.json", "results.ktap", "junit.xml",
                                            "report.txt",   "console.log",  "evidence.log"};

std::unexpected<Error> cannot_write(const fs::path& path, const char* why) {
  return could_not_judge(
      fmt::format("{} cannot be written ({}); make room or name another folder with --out",
                  path.string(), why));
}

bool write_all(int descriptor, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t written = ::write(descriptor, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    contents.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// The texts of all boots, each under its heading.
std::string log_of(const RunReport& report, std::string BootResult::* part, bool even_if_empty) {
  std::string text;
  for (std::size_t i = 0; i < report.boots.size(); ++i) {
    const BootResult& boot = report.boots[i];
    if ((boot.*part).empty() && !even_if_empty) continue;
    text += fmt::format("==== boot {} profile {} initramfs {} traces {} ending {}\n", i,
                        boot.profile, boot.initramfs.hex(), boot.traces, boot.ending);
    text += boot.*part;
    if (!(boot.*part).ends_with('\n')) text += '\n';
  }
  return text;
}

}  // namespace

Result<void> write_whole_file(const fs::path& path, std::string_view contents) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) return cannot_write(path, std::strerror(errno));
  const bool whole = write_all(descriptor, contents);
  const int error = errno;
  // Some file systems report a full disk only here.
  const bool closed = ::close(descriptor) == 0;
  if (whole && closed) return {};
  ::unlink(path.c_str());
  return cannot_write(path, std::strerror(whole ? errno : error));
}

Result<void> prepare_out(const fs::path& out) {
  std::error_code error;
  fs::create_directories(out, error);
  if (error) return cannot_write(out, error.message().c_str());
  for (const char* file : kFiles) fs::remove(out / file, error);
  fs::remove_all(out / "repro", error);
  const fs::path trial = out / "results.json";
  if (auto written = write_whole_file(trial, "{}\n"); !written) return written;
  fs::remove(trial, error);
  return {};
}

Result<void> write_reports(const RunReport& report, std::span<const Bundle> bundles,
                           const ReplayCommand& command, const fs::path& out) {
  for (const Bundle& bundle : bundles) {
    const fs::path folder = out / "repro" / bundle.finding.id;
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return cannot_write(folder, error.message().c_str());
    for (const auto& [name, contents] : bundle_files(report, bundle, command)) {
      if (auto written = write_whole_file(folder / name, contents); !written) return written;
    }
    if (bundle.finding.is_of_a_trace && ::chmod((folder / "run.sh").c_str(), 0755) != 0) {
      return cannot_write(folder / "run.sh", std::strerror(errno));
    }
  }
  // results.json comes last: where it stands, the rest is whole.
  const std::array<std::string, 6> contents{to_json(report),
                                            to_ktap(report),
                                            to_junit(report),
                                            report_text(report),
                                            log_of(report, &BootResult::console, true),
                                            log_of(report, &BootResult::evidence, false)};
  for (std::size_t i = kFiles.size(); i-- > 0;) {
    if (auto written = write_whole_file(out / kFiles[i], contents[i]); !written) return written;
  }
  return {};
}

}  // namespace bioscope

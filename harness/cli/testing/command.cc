// SPDX-License-Identifier: Apache-2.0
#include "harness/cli/testing/command.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace bioscope {
namespace {

namespace fs = std::filesystem;

std::string contents_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The parent's process id from /proc/PID/stat, whose second field may hold anything in brackets.
pid_t parent_of(pid_t pid) {
  const std::string stat = contents_of("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t bracket = stat.rfind(')');
  if (bracket == std::string::npos) return 0;
  std::istringstream rest(stat.substr(bracket + 1));
  std::string state;
  pid_t parent = 0;
  rest >> state >> parent;
  return parent;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) {
      pids.push_back(static_cast<pid_t>(std::stol(name)));
    }
  }
  return pids;
}

// A full disk without root: a small tmpfs in a mount namespace that only this process has.
bool put_small_disk_on(const fs::path& folder) {
  const int spaces = ::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS;
  return ::unshare(spaces) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=16k") == 0;
}

[[noreturn]] void become_bioscope(const std::vector<std::string>& arguments,
                                  const CommandSetting& setting, int out, int err) {
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  for (const auto& [name, value] : setting.environment) ::setenv(name.c_str(), value.c_str(), 1);
  if (!setting.small_disk.empty() && !put_small_disk_on(setting.small_disk)) ::_exit(125);
  if (!setting.directory.empty() && ::chdir(setting.directory.c_str()) != 0) ::_exit(126);
  std::vector<char*> argv;
  std::string program = setting.program.empty() ? BIOSCOPE_PROGRAM : setting.program.string();
  argv.push_back(program.data());
  std::vector<std::string> copies = arguments;
  for (std::string& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

CommandEnd run_bioscope(const std::vector<std::string>& arguments, const CommandSetting& setting) {
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) return {};
  const pid_t pid = ::fork();
  if (pid == 0) become_bioscope(arguments, setting, out[1], err[1]);
  ::close(out[1]);
  ::close(err[1]);
  CommandEnd end;
  bool called = !setting.then;
  std::array<pollfd, 2> files{{{out[0], POLLIN, 0}, {err[0], POLLIN, 0}}};
  while (files[0].fd >= 0 || files[1].fd >= 0) {
    if (::poll(files.data(), files.size(), -1) < 0) break;
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (files[i].fd < 0 || files[i].revents == 0) continue;
      std::array<char, 4096> bytes{};
      const ssize_t count = ::read(files[i].fd, bytes.data(), bytes.size());
      if (count <= 0) {
        files[i].fd = -1;
        continue;
      }
      (i == 0 ? end.out : end.err).append(bytes.data(), static_cast<std::size_t>(count));
    }
    if (!called && end.err.contains(setting.until)) {
      called = true;
      setting.then(pid);
    }
  }
  ::close(out[0]);
  ::close(err[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  end.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return end;
}

std::vector<pid_t> descendants(pid_t ancestor, const std::string& name) {
  std::vector<pid_t> found;
  for (const pid_t pid : all_processes()) {
    if (!contents_of("/proc/" + std::to_string(pid) + "/comm").starts_with(name)) continue;
    for (pid_t above = pid; above > 1; above = parent_of(above)) {
      if (above != ancestor) continue;
      found.push_back(pid);
      break;
    }
  }
  return found;
}

}  // namespace bioscope

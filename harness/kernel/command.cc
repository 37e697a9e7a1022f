// SPDX-License-Identifier: Apache-2.0
#include "harness/kernel/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace bioscope {
namespace {

constexpr int kCouldNotStart = 127;

[[noreturn]] void run_child(const std::vector<std::string>& arguments, const std::string& directory,
                            int out_fd, int err_fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null_fd >= 0) dup2(null_fd, 0);
  dup2(out_fd, 1);
  dup2(err_fd, 2);
  setenv("LC_ALL", "C", 1);
  if (directory.empty() || chdir(directory.c_str()) == 0) execvp(argv[0], argv.data());
  _exit(kCouldNotStart);
}

// Reads both pipes to their ends; returns when the child has closed them.
void drain(int out_fd, int err_fd, CommandOutput& output) {
  std::array<pollfd, 2> fds = {pollfd{out_fd, POLLIN, 0}, pollfd{err_fd, POLLIN, 0}};
  int open_count = 2;
  std::array<char, 65536> buffer;
  while (open_count > 0) {
    if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
    for (pollfd& item : fds) {
      if (item.fd < 0 || item.revents == 0) continue;
      const ssize_t count = read(item.fd, buffer.data(), buffer.size());
      if (count > 0) {
        (item.fd == out_fd ? output.out : output.err)
            .append(buffer.data(), static_cast<std::size_t>(count));
      } else if (count == 0 || errno != EINTR) {
        item.fd = -1;
        --open_count;
      }
    }
  }
}

}  // namespace

Result<CommandOutput> run_command(const std::vector<std::string>& arguments,
                                  const std::string& directory) {
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  if (pipe2(out.data(), O_CLOEXEC) != 0) {
    return could_not_judge(fmt::format("no pipe for {}: {}", arguments[0], std::strerror(errno)));
  }
  if (pipe2(err.data(), O_CLOEXEC) != 0) {
    const int error = errno;
    close(out[0]);
    close(out[1]);
    return could_not_judge(fmt::format("no pipe for {}: {}", arguments[0], std::strerror(error)));
  }
  const pid_t pid = fork();
  if (pid == 0) run_child(arguments, directory, out[1], err[1]);
  const int fork_error = errno;
  close(out[1]);
  close(err[1]);
  CommandOutput output;
  int status = 0;
  if (pid > 0) {
    drain(out[0], err[0], output);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
  }
  close(out[0]);
  close(err[0]);
  if (pid < 0) {
    return could_not_judge(
        fmt::format("cannot start {}: {}", arguments[0], std::strerror(fork_error)));
  }
  output.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (output.status == kCouldNotStart && output.out.empty() && output.err.empty()) {
    return could_not_judge(fmt::format("{} is not installed; run ci/setup", arguments[0]));
  }
  return output;
}

}  // namespace bioscope

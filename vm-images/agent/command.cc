// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "vm-images/agent/files.h"

namespace bioscope {

CommandResult run_command(const std::vector<std::string>& arguments) {
  constexpr std::size_t kMostBytes = 1 << 20;
  CommandResult result;
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) return result;
  const File reader(pipe_ends[0]);
  File writer(pipe_ends[1]);

  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  // A fixed environment: a file system's image must not depend on anything outside.
  std::array<char*, 3> environment{const_cast<char*>("PATH=/usr/sbin:/usr/bin:/sbin:/bin"),
                                   const_cast<char*>("E2FSPROGS_FAKE_TIME=1767225600"), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, writer.fd(), 1);
  posix_spawn_file_actions_adddup2(&actions, writer.fd(), 2);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  writer = File();
  if (error != 0) {
    result.output = "cannot be started";
    return result;
  }
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = read(reader.fd(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    if (result.output.size() < kMostBytes) {
      result.output.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  return result;
}

}  // namespace bioscope

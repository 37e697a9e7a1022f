// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/disk_server.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "vm-images/agent/nbd_service.h"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

namespace bioscope {

Result<DiskServer> DiskServer::start() {
  int commands[2];
  int notices[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, commands) != 0 ||
      socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, notices) != 0) {
    return could_not_judge(fmt::format("the guest gives no socket pair: {}", strerror(errno)));
  }
  void* shared = mmap(nullptr, sizeof(std::atomic<u64>), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return could_not_judge("the guest has no memory for the disk server");
  auto* activity = new (shared) std::atomic<u64>(0);

  const pid_t pid = fork();
  if (pid < 0) return could_not_judge(fmt::format("fork failed: {}", strerror(errno)));
  if (pid == 0) {
    close(commands[0]);
    close(notices[0]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
    prctl(PR_SET_NAME, "bioscope-disks");
    mlockall(MCL_CURRENT | MCL_FUTURE);
    NbdService(commands[1], notices[1], *activity).run();
    _exit(0);
  }
  close(commands[1]);
  close(notices[1]);
  DiskServer server;
  server.commands_ = File(commands[0]);
  server.notices_ = File(notices[0]);
  server.activity_ = activity;
  server.pid_ = pid;
  return server;
}

DiskServer::DiskServer(DiskServer&& other) noexcept
    : commands_(std::move(other.commands_)),
      notices_(std::move(other.notices_)),
      activity_(other.activity_),
      pid_(other.pid_) {}

bool DiskServer::command(const DiskCommand& command, int socket) {
  const std::lock_guard lock(mutex_);
  iovec part{const_cast<DiskCommand*>(&command), sizeof(command)};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (socket >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &socket, sizeof(int));
  }
  if (sendmsg(commands_.fd(), &message, MSG_NOSIGNAL) < 0) return false;
  u8 done = 0;
  ssize_t count = 0;
  do {
    count = recv(commands_.fd(), &done, sizeof(done), 0);
  } while (count < 0 && errno == EINTR);
  return count == 1;
}

std::optional<ServerNotice> DiskServer::next_notice() {
  ServerNotice notice;
  ssize_t count = 0;
  do {
    count = recv(notices_.fd(), &notice, sizeof(notice), 0);
  } while (count < 0 && errno == EINTR);
  if (count != sizeof(notice)) return std::nullopt;
  return notice;
}

}  // namespace bioscope

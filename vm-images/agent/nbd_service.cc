// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/nbd_service.h"

#include <endian.h>
#include <linux/nbd.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace bioscope {
namespace {

// What nbd_request of linux/nbd.h is on the wire, for the parts of `type` that matter here.
constexpr u32 kCommandMask = 0xffff;

bool receive_all(int socket, void* to, std::size_t count) {
  auto* bytes = static_cast<u8*>(to);
  while (count > 0) {
    const ssize_t got = recv(socket, bytes, count, MSG_WAITALL);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    count -= static_cast<std::size_t>(got);
  }
  return true;
}

bool send_all(int socket, const void* from, std::size_t count) {
  const auto* bytes = static_cast<const u8*>(from);
  while (count > 0) {
    const ssize_t sent = send(socket, bytes, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes += sent;
    count -= static_cast<std::size_t>(sent);
  }
  return true;
}

DiskStep step_of(const DiskCommand& command) {
  DiskStep step;
  step.kind = command.step_kind;
  step.request = command.request;
  step.range = {command.first_sector, command.count_sectors};
  step.occurrence = command.occurrence;
  step.error = command.error;
  return step;
}

}  // namespace

NbdService::NbdService(int commands, int notices, std::atomic<u64>& activity)
    : commands_(commands), notices_(notices), activity_(activity), slots_(kMaxControlledDisks) {}

void NbdService::run() {
  for (;;) {
    std::vector<pollfd> polled{{commands_.fd(), POLLIN, 0}};
    std::vector<u32> polled_slots;
    for (u32 slot = 0; slot < slots_.size(); ++slot) {
      if (!slots_[slot].socket.is_open()) continue;
      polled.push_back({slots_[slot].socket.fd(), POLLIN, 0});
      polled_slots.push_back(slot);
    }
    if (poll(polled.data(), polled.size(), -1) < 0) continue;
    // A command first: what the agent has armed counts for requests that it issued afterwards.
    if (polled[0].revents != 0 && !take_command()) return;
    for (std::size_t i = 0; i < polled_slots.size(); ++i) {
      if (polled[i + 1].revents == 0) continue;
      Slot& slot = slots_[polled_slots[i]];
      if (slot.socket.is_open() && !take_request(polled_slots[i])) slot.socket = File();
    }
  }
}

bool NbdService::take_command() {
  DiskCommand command;
  iovec part{&command, sizeof(command)};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t count = recvmsg(commands_.fd(), &message, MSG_CMSG_CLOEXEC);
  if (count < 0 && errno == EINTR) return true;
  if (count != sizeof(command)) return false;
  File socket;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    socket = File(fd);
  }
  obey(command, std::move(socket));
  const u8 done = 1;
  return send(commands_.fd(), &done, sizeof(done), MSG_NOSIGNAL) == 1;
}

void NbdService::obey(const DiskCommand& command, File socket) {
  activity_.fetch_add(1);
  Slot& slot = slots_[command.slot];
  switch (command.kind) {
    case DiskCommand::Kind::Attach: {
      Disk disk;
      disk.kind = DiskKind::Controlled;
      disk.size_sectors = command.size_sectors;
      disk.cache = command.cache;
      disk.read_only = command.read_only;
      slot.socket = std::move(socket);
      slot.disk = std::make_unique<ControlledDisk>(disk);
      return;
    }
    case DiskCommand::Kind::Reset:
      react(command.slot, slot.disk->release_all());
      slot.disk->reset();
      return;
    case DiskCommand::Kind::Arm:
      slot.disk->arm(command.step, step_of(command));
      return;
    case DiskCommand::Kind::Release:
      react(command.slot, slot.disk->release(command.step));
      return;
    case DiskCommand::Kind::ReleaseAll:
      react(command.slot, slot.disk->release_all());
      return;
    case DiskCommand::Kind::PowerCut: {
      Chooser chooser(command.seed);
      react(command.slot, slot.disk->power_cut(chooser));
      return;
    }
    case DiskCommand::Kind::Reopen:
      slot.disk->reopen();
      return;
  }
}

bool NbdService::take_request(u32 slot) {
  nbd_request request{};
  if (!receive_all(slots_[slot].socket.fd(), &request, sizeof(request))) return false;
  if (be32toh(request.magic) != NBD_REQUEST_MAGIC) return false;
  const u32 type = be32toh(request.type);
  const u32 length_bytes = be32toh(request.len);
  DiskCall call;
  std::memcpy(&call.handle, request.handle, sizeof(call.handle));
  call.range = {be64toh(request.from) / kSectorBytes, length_bytes / kSectorBytes};
  call.fua = (type & NBD_CMD_FLAG_FUA) != 0;
  switch (type & kCommandMask) {
    case NBD_CMD_READ:
      call.request = DiskRequest::Read;
      break;
    case NBD_CMD_WRITE:
      call.request = DiskRequest::Write;
      call.data.resize(length_bytes);
      if (!receive_all(slots_[slot].socket.fd(), call.data.data(), length_bytes)) return false;
      break;
    case NBD_CMD_FLUSH:
      call.request = DiskRequest::Flush;
      break;
    case NBD_CMD_TRIM:
      call.request = DiskRequest::Discard;
      break;
    default:
      return false;  // NBD_CMD_DISC: the kernel lets go of the disk
  }
  activity_.fetch_add(1);
  react(slot, slots_[slot].disk->submit(std::move(call)));
  return true;
}

void NbdService::react(u32 slot, const DiskReaction& reaction) {
  activity_.fetch_add(1);
  for (const DiskNotice& notice : reaction.notices) {
    const ServerNotice told{slot, notice.kind, notice.step};
    send(notices_.fd(), &told, sizeof(told), MSG_NOSIGNAL);
  }
  for (const DiskAnswer& answer : reaction.answers) {
    nbd_reply reply{};
    reply.magic = htobe32(NBD_REPLY_MAGIC);
    reply.error = htobe32(static_cast<u32>(answer.error));
    std::memcpy(reply.handle, &answer.handle, sizeof(answer.handle));
    std::vector<u8> bytes(sizeof(reply) + answer.data.size());
    std::memcpy(bytes.data(), &reply, sizeof(reply));
    std::memcpy(bytes.data() + sizeof(reply), answer.data.data(), answer.data.size());
    if (!send_all(slots_[slot].socket.fd(), bytes.data(), bytes.size())) return;
  }
}

}  // namespace bioscope

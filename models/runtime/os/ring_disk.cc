// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/os/ring_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "models/runtime/os/ring.h"
#include "models/runtime/thread.h"

namespace bioscope::rt::os {
namespace {

std::atomic<u64> last_disk_number{0};

void read_event(int event) {
  u64 count = 0;
  (void)!::read(event, &count, sizeof count);
}

}  // namespace

struct RingDisk::State {
  ~State() {
    for (const int descriptor : {file, poll, stop}) {
      if (descriptor >= 0) ::close(descriptor);
    }
  }

  Ring* my_ring();
  void reap();

  const u64 number = ++last_disk_number;  // a disk made at the same address is another one
  RingDiskOptions options;
  int file = -1;
  int poll = -1;
  int stop = -1;
  u64 size_sectors = 0;
  std::mutex lock;
  std::vector<std::unique_ptr<Ring>> rings;
  Thread reaper;
};

// The calling thread's ring; null if it could not be made.
Ring* RingDisk::State::my_ring() {
  struct Mine {
    u64 disk_number;
    Ring* ring;
  };
  thread_local std::vector<Mine> mine;
  for (const Mine& each : mine) {
    if (each.disk_number == number) return each.ring;
  }
  Result<std::unique_ptr<Ring>> ring = Ring::open(file, options.depth, options.buffer);
  if (!ring) return nullptr;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = ring->get();
  if (epoll_ctl(poll, EPOLL_CTL_ADD, (*ring)->event(), &event) < 0) return nullptr;
  mine.push_back({number, ring->get()});
  const std::lock_guard guard(lock);
  rings.push_back(std::move(*ring));
  return rings.back().get();
}

void RingDisk::State::reap() {
  for (;;) {
    epoll_event event{};
    if (epoll_wait(poll, &event, 1, -1) != 1) continue;
    auto* ring = static_cast<Ring*>(event.data.ptr);
    if (ring == nullptr) return;
    read_event(ring->event());
    ring->reap();
  }
}

Result<std::unique_ptr<RingDisk>> RingDisk::open(const std::string& path,
                                                 const RingDiskOptions& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  state->file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | (options.direct ? O_DIRECT : 0));
  if (state->file < 0) return bad_input(fmt::format("{}: {}", path, std::strerror(errno)));
  const off_t bytes = ::lseek(state->file, 0, SEEK_END);
  if (bytes < 0) return bad_input(fmt::format("{}: {}", path, std::strerror(errno)));
  state->size_sectors = static_cast<u64>(bytes) / kSectorBytes;
  state->poll = epoll_create1(EPOLL_CLOEXEC);
  state->stop = eventfd(0, EFD_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  if (state->poll < 0 || state->stop < 0 ||
      epoll_ctl(state->poll, EPOLL_CTL_ADD, state->stop, &event) < 0) {
    return could_not_judge(fmt::format("epoll: {}", std::strerror(errno)));
  }
  if (Result<std::unique_ptr<Ring>> probe = Ring::open(state->file, 1, {}); !probe) {
    return std::unexpected(std::move(probe.error()));
  }
  State* serving = state.get();
  state->reaper = Thread("ring_disk", [serving] { serving->reap(); });
  return std::unique_ptr<RingDisk>(new RingDisk(std::move(state)));
}

RingDisk::RingDisk(std::unique_ptr<State> state) : state_(std::move(state)) {}

RingDisk::~RingDisk() {
  const u64 one = 1;
  (void)!::write(state_->stop, &one, sizeof one);
  state_->reaper.join();
}

u64 RingDisk::size_sectors() const {
  return state_->size_sectors;
}

void RingDisk::submit(DiskIo& io) {
  int error = check_io(io, state_->size_sectors);
  if (error == 0 && io.count_sectors == 0 && io.operation != DiskOperation::Flush) {
    io.done(io, 0);
    return;
  }
  Ring* ring = error == 0 ? state_->my_ring() : nullptr;
  if (ring == nullptr) {
    io.done(io, error != 0 ? error : ENOMEM);
    return;
  }
  ring->submit(io);
}

bool RingDisk::buffer_registered() {
  const Ring* ring = state_->my_ring();
  return ring != nullptr && ring->buffer_registered();
}

}  // namespace bioscope::rt::os

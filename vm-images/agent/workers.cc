// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/workers.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cassert>
#include <chrono>
#include <utility>

#include "vm-images/agent/thread_priority.h"

namespace bioscope {

void Unmap::operator()(u8* address) const {
  munmap(address, bytes);
}

Result<Ring*> Worker::ring() {
  if (!ring_) {
    Result<Ring> made = Ring::create();
    if (!made) return std::unexpected(made.error());
    ring_.emplace(std::move(*made));
    ring_->on_submitted([this] { tell_submitted(); });
  }
  return &*ring_;
}

void Worker::tell_submitted() {
  if (const auto call = std::exchange(on_submitted_, nullptr)) call();
}

std::span<u8> Worker::buffer(std::size_t bytes) {
  constexpr std::size_t kStepBytes = 64 * 1024;
  if (buffer_ == nullptr || buffer_.get_deleter().bytes < bytes) {
    const std::size_t length = (bytes / kStepBytes + 1) * kStepBytes;
    buffer_.reset();
    void* address = mmap(nullptr, length, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (address == MAP_FAILED) return {};
    buffer_ = std::unique_ptr<u8, Unmap>(static_cast<u8*>(address), Unmap{length});
  }
  return {buffer_.get(), bytes};
}

bool WorkerPool::start(Job job) {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) {
    if (workers_.size() == kMaxWorkers) return false;
    Worker& worker = workers_.emplace_back();
    worker.job_ = std::move(job);
    std::thread([this, &worker] { run(worker); }).detach();
    return true;
  }
  Worker* worker = free_.back();
  free_.pop_back();
  worker->job_ = std::move(job);
  worker->wake_.notify_one();
  return true;
}

void WorkerPool::run(Worker& worker) {
  // Not that of whoever started it.
  set_priority(0, kOrdinaryPriority);
  worker.tid_ = static_cast<pid_t>(syscall(SYS_gettid));
  std::unique_lock lock(mutex_);
  for (;;) {
    worker.wake_.wait(lock, [&worker] { return worker.job_ != nullptr; });
    lock.unlock();
    worker.job_(worker);
    // The next trace finds every worker as a new one.
    set_priority(0, kOrdinaryPriority);
    lock.lock();
    worker.job_ = nullptr;
    free_.push_back(&worker);
    idle_changed_.notify_all();
  }
}

bool WorkerPool::wait_idle(u64 at_most_ns) {
  std::unique_lock lock(mutex_);
  return idle_changed_.wait_for(lock, std::chrono::nanoseconds(at_most_ns),
                                [this] { return free_.size() == workers_.size(); });
}

void WorkerPool::wait_until(const std::function<bool()>& condition, u64 at_most_ns) {
  std::unique_lock lock(mutex_);
  idle_changed_.wait_for(lock, std::chrono::nanoseconds(at_most_ns), condition);
}

std::size_t WorkerPool::busy() const {
  const std::lock_guard lock(mutex_);
  return workers_.size() - free_.size();
}

void WorkerPool::for_each_busy(const std::function<void(Worker&)>& visit) {
  const std::lock_guard lock(mutex_);
  for (Worker& worker : workers_) {
    if (worker.job_ != nullptr) visit(worker);
  }
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// A disk for tests: memory that keeps a log, holds completions back and fails what it is told to.
#pragma once

#include <cerrno>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "models/runtime/disk.h"
#include "models/runtime/mutex.h"
#include "models/runtime/thread.h"

namespace bioscope::blk::testing {

class TestDisk final : public rt::Disk {
 public:
  explicit TestDisk(u64 size_sectors) : bytes_(size_sectors * kSectorBytes) {}

  u64 size_sectors() const override { return bytes_.size() / kSectorBytes; }

  void submit(rt::DiskIo& io) override {
    int error = rt::check_io(io, size_sectors());
    {
      const std::lock_guard guard(lock_);
      log_.push_back(describe(io));
      if (holding_) {
        held_.push_back(&io);
        return;
      }
    }
    if (error == 0) error = transfer(io);
    finish(io, error);
  }

  // What comes from now on waits for release().
  void hold() {
    const std::lock_guard guard(lock_);
    holding_ = true;
  }
  // Lets go what is held, and holds nothing more.
  void release() {
    for (;;) {
      rt::DiskIo* io = nullptr;
      {
        const std::lock_guard guard(lock_);
        holding_ = false;
        if (held_.empty()) return;
        io = held_.front();
        held_.pop_front();
      }
      int error = rt::check_io(*io, size_sectors());
      if (error == 0) error = transfer(*io);
      finish(*io, error);
    }
  }
  // What comes from now on passes; what is held stays so.
  void pass() {
    const std::lock_guard guard(lock_);
    holding_ = false;
  }
  std::size_t held() {
    const std::lock_guard guard(lock_);
    return held_.size();
  }

  // Lines like "write 8+4", "write 0+1 fua", "flush", "discard 0+8", in the order of arrival.
  std::vector<std::string> take_log() {
    const std::lock_guard guard(lock_);
    finished_ = 0;
    return std::exchange(log_, {});
  }
  // Until so many requests have ended since the log was taken.
  void wait_until_ended(u32 count) {
    for (;;) {
      {
        const std::lock_guard guard(lock_);
        if (finished_ >= count) return;
      }
      rt::yield();
    }
  }

  // The status of each request, asked as it is carried out; null: 0.
  std::function<int(const rt::DiskIo&)> fails;

  u8 byte(u64 sector) const { return bytes_[sector * kSectorBytes]; }

 private:
  void finish(rt::DiskIo& io, int error) {
    io.done(io, error);
    const std::lock_guard guard(lock_);
    ++finished_;
  }

  static std::string describe(const rt::DiskIo& io) {
    static constexpr const char* kNames[] = {"read", "write", "flush", "discard", "zeroes"};
    std::string line = kNames[static_cast<int>(io.operation)];
    if (io.operation != rt::DiskOperation::Flush) {
      line += " " + std::to_string(io.first_sector) + "+" + std::to_string(io.count_sectors);
    }
    return io.fua ? line + " fua" : line;
  }

  int transfer(rt::DiskIo& io) {
    if (fails) {
      if (const int error = fails(io); error != 0) return error;
    }
    const std::span<u8> range = std::span<u8>(bytes_).subspan(io.first_sector * kSectorBytes,
                                                              io.count_sectors * kSectorBytes);
    switch (io.operation) {
      case rt::DiskOperation::Read:
        rt::scatter(range, io);
        break;
      case rt::DiskOperation::Write:
        rt::gather(io, range);
        break;
      case rt::DiskOperation::Discard:
      case rt::DiskOperation::WriteZeroes:
        std::memset(range.data(), 0, range.size());
        break;
      case rt::DiskOperation::Flush:
        break;
    }
    return 0;
  }

  rt::Mutex lock_{"test_disk"};
  bool holding_ = false;
  std::deque<rt::DiskIo*> held_;
  std::vector<std::string> log_;
  u32 finished_ = 0;
  std::vector<u8> bytes_;
};

}  // namespace bioscope::blk::testing

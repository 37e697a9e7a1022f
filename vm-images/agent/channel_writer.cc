// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/channel_writer.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/io.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "vm-images/agent/boot.h"
#include "vm-images/agent/files.h"

namespace bioscope {
namespace {

// The folder of the PCI device that is the window; empty without one.
std::string find_window() {
  const std::string all = "/sys/bus/pci/devices/";
  const std::string vendor = fmt::format("{:#06x}\n", kWindowPciVendor);
  const std::string device = fmt::format("{:#06x}\n", kWindowPciDevice);
  DIR* directory = opendir(all.c_str());
  std::string found;
  while (const dirent* entry = directory == nullptr ? nullptr : readdir(directory)) {
    const std::string folder = all + entry->d_name;
    if (read_file(folder + "/vendor") == vendor && read_file(folder + "/device") == device) {
      found = folder;
      break;
    }
  }
  if (directory != nullptr) closedir(directory);
  return found;
}

}  // namespace

Result<void> ChannelWriter::open_port() {
  if (ioperm(kChannelPort, 1, 1) == 0) return {};
  return could_not_judge(
      fmt::format("the guest forbids port {:#x} ({}); it needs CONFIG_X86_IOPL_IOPERM",
                  kChannelPort, strerror(errno)));
}

void ChannelWriter::open_window() {
  const std::string folder = find_window();
  if (folder.empty()) return;
  write_file(folder + "/enable", "1");
  const File file(open((folder + "/resource2").c_str(), O_RDWR | O_CLOEXEC));
  if (!file.is_open()) return;
  void* address = mmap(nullptr, kWindowBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd(), 0);
  if (address == MAP_FAILED) return;
  window_ = static_cast<u8*>(address);
  const u64 magic = kWindowMagic;
  std::memcpy(window_ + offsetof(WindowHeader, magic), &magic, sizeof(magic));
}

void ChannelWriter::write_port(std::span<const u8> bytes) {
  const u8* from = bytes.data();
  std::size_t count = bytes.size();
  asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(kChannelPort) : "memory");
}

void ChannelWriter::send(FrameType type, std::span<const u8> payload) {
  const std::vector<u8> bytes = encode_frame(type, payload);
  const std::lock_guard lock(mutex_);
  if (window_ == nullptr) {
    write_port(bytes);
    return;
  }
  const auto* count = reinterpret_cast<const u64*>(window_ + offsetof(WindowHeader, written_bytes));
  const u64 before = *count;  // written by this class alone, under the lock
  if (bytes.size() > kWindowCapacityBytes - kWindowLastWordBytes - before) {
    const std::string why = "the window to the host is full; assign fewer traces to one boot";
    mark(why);
    append_to_window(before,
                     encode_frame(FrameType::Trouble,
                                  std::span(reinterpret_cast<const u8*>(why.data()), why.size())));
    power_off_now();
  }
  append_to_window(before, bytes);
}

void ChannelWriter::append_to_window(u64 before, std::span<const u8> bytes) {
  std::memcpy(window_ + kWindowDataOffset + before, bytes.data(), bytes.size());
  auto* count = reinterpret_cast<u64*>(window_ + offsetof(WindowHeader, written_bytes));
  std::atomic_ref<u64>(*count).store(before + bytes.size(), std::memory_order_release);
  const u8 wake = 0;
  write_port({&wake, 1});
}

void ChannelWriter::begin(u32 index) {
  const std::array<u8, 4> bytes{static_cast<u8>(index), static_cast<u8>(index >> 8),
                                static_cast<u8>(index >> 16), static_cast<u8>(index >> 24)};
  send(FrameType::Begin, bytes);
}

void ChannelWriter::trouble(const std::string& why) {
  send(FrameType::Trouble,
       std::span<const u8>(reinterpret_cast<const u8*>(why.data()), why.size()));
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// A file that exists only as long as somebody has it open: nothing is left behind, however a run
// ends.
#pragma once

#include <string>
#include <string_view>

#include "models/base/result.h"
#include "models/base/types.h"

namespace bioscope {

class MemoryFile {
 public:
  // Could not judge: no memory or no file descriptors.
  static Result<MemoryFile> create(const std::string& name, std::string_view contents = {});

  MemoryFile(MemoryFile&& other) noexcept;
  MemoryFile& operator=(MemoryFile&& other) noexcept;
  ~MemoryFile();

  int fd() const { return fd_; }  // close-on-exec, above 20 so that dup2 to low numbers is safe
  // Could not judge: no memory. The file reads as zeroes up to `size_bytes`.
  Result<void> resize(u64 size_bytes);
  // What was written at and behind `offset_bytes`.
  std::string read_from(u64 offset_bytes) const;
  // Exactly `size_bytes` from `offset_bytes` on, or less where the file ends.
  std::string read_part(u64 offset_bytes, u64 size_bytes) const;

 private:
  explicit MemoryFile(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace bioscope

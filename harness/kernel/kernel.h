// SPDX-License-Identifier: Apache-2.0
// What a kernel to be judged consists of, wherever it came from.
#pragma once

#include <filesystem>
#include <string>

#include "models/base/hash.h"

namespace bioscope {

struct Kernel {
  std::filesystem::path bzimage;
  // What QEMU is given: the ELF image inside bzimage when it can be entered through PVH, which
  // saves the guest decompressing itself; bzimage itself otherwise.
  std::filesystem::path boot_image;
  std::filesystem::path modules_dir;  // lib/modules/RELEASE; empty when the kernel came without
  std::string release;                // uname -r, e.g. 6.1.0-56-cloud-amd64
  std::string version;                // Debian's package version, e.g. 6.1.192-2; empty otherwise
  Hash hash;                          // of bzimage's bytes
};

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// Reads a bzImage by the x86 boot protocol (Documentation/x86/boot.rst).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "harness/kernel/kernel.h"
#include "models/base/result.h"

namespace bioscope {

// Bad files are what the user handed in, yet nothing was judged: could_not_judge throughout.

// The release (uname -r) that the image says it is. Could not judge: it is no bzImage, is cut
// short, or is older than boot protocol 2.08, which is the first to say where the ELF image lies.
Result<std::string> kernel_release(std::string_view bzimage, const std::string& name);

// The ELF image that the bzImage would decompress itself to; nothing when the packing is one that
// libarchive cannot undo or when the kernel cannot be entered through PVH.
std::optional<std::string> pvh_image(std::string_view bzimage);

// The whole of a file. Could not judge: it cannot be read.
Result<std::string> read_whole_file(const std::filesystem::path& path);

// A kernel given as a file. Its modules are those beside it (../lib/modules/RELEASE, as a package
// unpacks) or those installed (/lib/modules/RELEASE); without either, modules_dir stays empty. The
// image that boots is kept in the cache.
Result<Kernel> open_kernel_file(const std::filesystem::path& bzimage);

// Fills in what follows from kernel.bzimage: release, hash and boot_image, which is written to
// `folder` when the kernel can be entered through PVH.
Result<void> describe_image(Kernel& kernel, const std::filesystem::path& folder);

}  // namespace bioscope

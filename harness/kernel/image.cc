// SPDX-License-Identifier: Apache-2.0
#include "harness/kernel/image.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

#include "harness/kernel/cache.h"
#include "models/base/types.h"

namespace bioscope {
namespace fs = std::filesystem;
namespace {

// Offsets in the setup header.
constexpr std::size_t kSetupSectors = 0x1f1;
constexpr std::size_t kMagic = 0x202;
constexpr std::size_t kProtocol = 0x206;
constexpr std::size_t kVersionPointer = 0x20e;  // less 0x200
constexpr std::size_t kPayloadOffset = 0x248;
constexpr std::size_t kPayloadLength = 0x24c;
constexpr std::size_t kHeaderEnd = 0x250;
constexpr u32 kFirstProtocolWithPayload = 0x0208;
constexpr std::size_t kImageBytesMax = std::size_t{1} << 30;
constexpr std::size_t kReleaseBytesMax = 64;  // __NEW_UTS_LEN

u32 little_endian(std::string_view bytes, std::size_t offset, std::size_t width) {
  u32 value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    value |= static_cast<u32>(static_cast<u8>(bytes[offset + i])) << (8 * i);
  }
  return value;
}

bool is_bzimage(std::string_view bytes) {
  return bytes.size() > kHeaderEnd && bytes.substr(kMagic, 4) == "HdrS" &&
         little_endian(bytes, kProtocol, 2) >= kFirstProtocolWithPayload;
}

std::size_t setup_bytes(std::string_view bzimage) {
  const std::size_t sectors = static_cast<u8>(bzimage[kSetupSectors]);
  return ((sectors == 0 ? 4 : sectors) + 1) * kSectorBytes;
}

struct ArchiveFree {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

std::optional<std::string> decompress(std::string_view packed) {
  const std::unique_ptr<archive, ArchiveFree> reader(archive_read_new());
  archive_read_support_filter_all(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_memory(reader.get(), packed.data(), packed.size()) != ARCHIVE_OK ||
      archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK) {
    return std::nullopt;
  }
  std::string image;
  const auto buffer = std::make_unique<std::array<char, 1 << 20>>();
  while (true) {
    const la_ssize_t count = archive_read_data(reader.get(), buffer->data(), buffer->size());
    if (count == 0) return image;
    if (count < 0 || image.size() > kImageBytesMax) return std::nullopt;
    image.append(buffer->data(), static_cast<std::size_t>(count));
  }
}

// XEN_ELFNOTE_PHYS32_ENTRY, the note that makes a kernel enterable through PVH: name "Xen",
// type 18.
bool has_pvh_note(std::string_view elf) {
  static constexpr std::string_view kNameAndType("\x04\0\0\0\x08\0\0\0\x12\0\0\0Xen\0", 16);
  static constexpr std::string_view kNarrow("\x04\0\0\0\x04\0\0\0\x12\0\0\0Xen\0", 16);
  return elf.find(kNameAndType) != std::string_view::npos ||
         elf.find(kNarrow) != std::string_view::npos;
}

fs::path modules_of(const fs::path& bzimage, const std::string& release) {
  std::error_code ignored;
  for (const fs::path& root : {bzimage.parent_path() / "..", fs::path("/")}) {
    const fs::path candidate = root / "lib/modules" / release;
    if (fs::is_directory(candidate / "kernel", ignored)) return candidate.lexically_normal();
  }
  return {};
}

}  // namespace

Result<std::string> read_whole_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return could_not_judge(fmt::format("cannot read {}: {}", path.string(),
                                       errno != 0 ? std::strerror(errno) : "it is empty"));
  }
  return std::move(text).str();
}

Result<std::string> kernel_release(std::string_view bzimage, const std::string& name) {
  if (!is_bzimage(bzimage)) {
    return could_not_judge(fmt::format(
        "{} is no kernel: a bzImage has the mark HdrS at byte 514; give --kernel the path of an "
        "x86-64 bzImage, for example arch/x86/boot/bzImage or /boot/vmlinuz-*",
        name));
  }
  const std::size_t start = little_endian(bzimage, kVersionPointer, 2) + 0x200;
  std::string_view release;
  if (start > 0x200 && start < bzimage.size()) {
    release = bzimage.substr(start, kReleaseBytesMax + 1);
    release = release.substr(0, release.find_first_of(std::string_view(" \0", 2)));
  }
  if (release.empty() || release.size() > kReleaseBytesMax) {
    return could_not_judge(fmt::format(
        "{} is no whole kernel: it does not say which release it is; build or copy it again",
        name));
  }
  const u64 end = u64{setup_bytes(bzimage)} + little_endian(bzimage, kPayloadOffset, 4) +
                  little_endian(bzimage, kPayloadLength, 4);
  if (end > bzimage.size()) {
    return could_not_judge(
        fmt::format("{} is cut short: its header promises at least {} bytes and it has {}; build "
                    "or copy it again",
                    name, end, bzimage.size()));
  }
  return std::string(release);
}

std::optional<std::string> pvh_image(std::string_view bzimage) {
  if (!is_bzimage(bzimage)) return std::nullopt;
  const std::size_t length = little_endian(bzimage, kPayloadLength, 4);
  const u64 start = u64{setup_bytes(bzimage)} + little_endian(bzimage, kPayloadOffset, 4);
  if (length <= 4 || start + length > bzimage.size()) return std::nullopt;
  // The build appends the unpacked size, four bytes, to whatever the packer wrote; gzip has its
  // own.
  std::optional<std::string> elf = decompress(bzimage.substr(start, length - 4));
  if (!elf) elf = decompress(bzimage.substr(start, length));
  if (!elf ||
      !elf->starts_with("\x7f"
                        "ELF") ||
      !has_pvh_note(*elf))
    return std::nullopt;
  return elf;
}

Result<void> describe_image(Kernel& kernel, const fs::path& folder) {
  const Result<std::string> bytes = read_whole_file(kernel.bzimage);
  if (!bytes) return std::unexpected(bytes.error());
  Result<std::string> release = kernel_release(*bytes, kernel.bzimage.string());
  if (!release) return std::unexpected(release.error());
  kernel.release = std::move(*release);
  kernel.hash = Hash::of(*bytes);
  const fs::path image = folder / "vmlinux";
  std::error_code ignored;
  if (!fs::exists(image, ignored)) {
    const std::optional<std::string> elf = pvh_image(*bytes);
    if (!elf) {
      kernel.boot_image = kernel.bzimage;
      return {};
    }
    std::ofstream file(image, std::ios::binary);
    file.write(elf->data(), static_cast<std::streamsize>(elf->size()));
    file.close();
    if (!file) {
      return could_not_judge(fmt::format("cannot write {}: is the disk full?", image.string()));
    }
  }
  kernel.boot_image = image;
  return {};
}

Result<Kernel> open_kernel_file(const fs::path& bzimage) {
  std::error_code error;
  if (!fs::is_regular_file(bzimage, error)) {
    return could_not_judge(fmt::format(
        "there is no kernel file {}; give --kernel the path of a bzImage, or leave it out to use "
        "Debian's kernel",
        bzimage.string()));
  }
  Kernel kernel;
  kernel.bzimage = fs::absolute(bzimage);
  const Result<std::string> bytes = read_whole_file(bzimage);
  if (!bytes) return std::unexpected(bytes.error());
  const Result<std::string> release = kernel_release(*bytes, bzimage.string());
  if (!release) return std::unexpected(release.error());
  const Result<fs::path> cache = cache_directory();
  if (!cache) return std::unexpected(cache.error());
  const fs::path entry = *cache / "images" / Hash::of(*bytes).hex();
  const Result<fs::path> folder = cached_folder(entry, [&](const fs::path& fresh) {
    Kernel scratch = kernel;
    return describe_image(scratch, fresh);
  });
  if (!folder) return std::unexpected(folder.error());
  const Result<void> described = describe_image(kernel, *folder);
  if (!described) return std::unexpected(described.error());
  kernel.modules_dir = modules_of(kernel.bzimage, kernel.release);
  return kernel;
}

}  // namespace bioscope

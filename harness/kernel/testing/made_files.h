// SPDX-License-Identifier: Apache-2.0
// Small files that look like kernels and modules, for tests that have neither.
#pragma once

#include <elf.h>
#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace bioscope {

// A folder that is gone with its owner.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "bioscope-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, std::string_view bytes) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }

 private:
  std::filesystem::path path_;
};

// An ELF object whose only section with contents is .modinfo; entries are "key=value".
inline std::string made_module(std::initializer_list<std::string_view> entries) {
  std::string modinfo;
  for (const std::string_view entry : entries) modinfo.append(entry).push_back('\0');
  static constexpr std::string_view kNames("\0.modinfo\0.shstrtab\0", 20);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof header;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shstrndx = 2;
  Elf64_Shdr sections[3] = {};
  sections[1].sh_name = 1;
  sections[1].sh_type = SHT_PROGBITS;
  sections[1].sh_offset = sizeof header;
  sections[1].sh_size = modinfo.size();
  sections[1].sh_addralign = 1;
  sections[2].sh_name = 10;
  sections[2].sh_type = SHT_STRTAB;
  sections[2].sh_offset = sizeof header + modinfo.size();
  sections[2].sh_size = kNames.size();
  sections[2].sh_addralign = 1;
  std::string padding((8 - (modinfo.size() + kNames.size()) % 8) % 8, '\0');
  header.e_shoff = sizeof header + modinfo.size() + kNames.size() + padding.size();
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + modinfo +
         std::string(kNames) + padding +
         std::string(reinterpret_cast<const char*>(sections), sizeof sections);
}

// A bzImage of boot protocol 2.15 that says it is `release` and carries `payload`.
inline std::string made_bzimage(std::string_view release, std::string_view payload) {
  constexpr std::size_t kSetupBytes = 2 * 512;  // the boot sector and one more
  std::string bytes(kSetupBytes, '\0');
  const auto put = [&bytes](std::size_t offset, std::size_t value, int width) {
    for (int i = 0; i < width; ++i) bytes[offset + i] = static_cast<char>(value >> (8 * i));
  };
  constexpr std::size_t kReleaseAt = 0x300;
  put(0x1f1, 1, 1);
  bytes.replace(0x202, 4, "HdrS");
  put(0x206, 0x020f, 2);
  put(0x20e, kReleaseAt - 0x200, 2);
  put(0x248, 0, 4);
  put(0x24c, payload.size(), 4);
  bytes.replace(kReleaseAt, release.size(), release);
  return bytes + std::string(payload);
}

}  // namespace bioscope

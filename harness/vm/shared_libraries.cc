// SPDX-License-Identifier: Apache-2.0
#include "harness/vm/shared_libraries.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>

namespace bioscope {
namespace fs = std::filesystem;
namespace {

constexpr const char* kStandardFolders[] = {"/lib/x86_64-linux-gnu",
                                            "/usr/lib/x86_64-linux-gnu",
                                            "/lib64",
                                            "/usr/lib64",
                                            "/lib",
                                            "/usr/lib"};

struct Needs {
  std::string interpreter;
  std::vector<std::string> libraries;
  std::vector<std::string> search;  // RUNPATH and RPATH, $ORIGIN replaced
};

struct ElfEnd {
  void operator()(Elf* elf) const { elf_end(elf); }
};
struct FdClose {
  int fd;
  ~FdClose() {
    if (fd >= 0) close(fd);
  }
};

void split_search_path(std::string_view list, const fs::path& origin, Needs& needs) {
  while (!list.empty()) {
    const std::size_t end = list.find(':');
    std::string folder(list.substr(0, end));
    for (const std::string_view variable : {"${ORIGIN}", "$ORIGIN"}) {
      const std::size_t at = folder.find(variable);
      if (at != std::string::npos) folder.replace(at, variable.size(), origin.string());
    }
    if (!folder.empty()) needs.search.push_back(std::move(folder));
    if (end == std::string_view::npos) break;
    list.remove_prefix(end + 1);
  }
}

void read_dynamic(Elf* elf, Elf_Scn* section, const GElf_Shdr& header, const fs::path& origin,
                  Needs& needs) {
  Elf_Data* data = elf_getdata(section, nullptr);
  if (data == nullptr || header.sh_entsize == 0) return;
  const int count = static_cast<int>(header.sh_size / header.sh_entsize);
  for (int i = 0; i < count; ++i) {
    GElf_Dyn entry;
    if (gelf_getdyn(data, i, &entry) == nullptr) return;
    const bool has_text =
        entry.d_tag == DT_NEEDED || entry.d_tag == DT_RUNPATH || entry.d_tag == DT_RPATH;
    const char* text = has_text ? elf_strptr(elf, header.sh_link, entry.d_un.d_val) : nullptr;
    if (text == nullptr) continue;
    if (entry.d_tag == DT_NEEDED) {
      needs.libraries.emplace_back(text);
    } else {
      split_search_path(text, origin, needs);
    }
  }
}

Result<Needs> read_needs(const fs::path& file) {
  elf_version(EV_CURRENT);
  const FdClose fd{open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (fd.fd < 0) return could_not_judge(fmt::format("cannot read {}", file.string()));
  const std::unique_ptr<Elf, ElfEnd> elf(elf_begin(fd.fd, ELF_C_READ, nullptr));
  if (elf == nullptr || elf_kind(elf.get()) != ELF_K_ELF) {
    return could_not_judge(fmt::format("{} is no ELF program; build it again", file.string()));
  }
  Needs needs;
  std::size_t headers = 0;
  elf_getphdrnum(elf.get(), &headers);
  std::size_t file_size = 0;
  const char* bytes = elf_rawfile(elf.get(), &file_size);
  for (int i = 0; i < static_cast<int>(headers); ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf.get(), i, &segment) == nullptr || segment.p_type != PT_INTERP) continue;
    if (bytes == nullptr || segment.p_filesz == 0) continue;
    if (segment.p_offset + segment.p_filesz > file_size) continue;
    needs.interpreter.assign(bytes + segment.p_offset, segment.p_filesz - 1);
  }
  Elf_Scn* section = nullptr;
  while ((section = elf_nextscn(elf.get(), section)) != nullptr) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_DYNAMIC) continue;
    read_dynamic(elf.get(), section, header, fs::absolute(file).parent_path(), needs);
  }
  return needs;
}

std::optional<fs::path> find_library(const std::string& name, const Needs& needs) {
  std::error_code ignored;
  for (const std::string& folder : needs.search) {
    if (fs::exists(fs::path(folder) / name, ignored)) return fs::path(folder) / name;
  }
  for (const char* folder : kStandardFolders) {
    if (fs::exists(fs::path(folder) / name, ignored)) return fs::path(folder) / name;
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<fs::path>> shared_libraries_of(const fs::path& program) {
  std::set<fs::path> found;
  std::vector<fs::path> waiting = {program};
  while (!waiting.empty()) {
    const fs::path file = waiting.back();
    waiting.pop_back();
    const Result<Needs> needs = read_needs(file);
    if (!needs) return std::unexpected(needs.error());
    if (!needs->interpreter.empty()) found.insert(needs->interpreter);
    for (const std::string& name : needs->libraries) {
      const std::optional<fs::path> library = find_library(name, *needs);
      if (!library) {
        return could_not_judge(
            fmt::format("{} needs the library {}, which is not installed", file.string(), name));
      }
      if (found.insert(*library).second) waiting.push_back(*library);
    }
  }
  return std::vector<fs::path>(found.begin(), found.end());
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "harness/kernel/modules.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <system_error>

#include "harness/kernel/image.h"
#include "models/base/types.h"

namespace bioscope {
namespace fs = std::filesystem;
namespace {

constexpr int kDepthMax = 64;  // modules nest a handful deep; more is a cycle

struct ElfEnd {
  void operator()(Elf* elf) const { elf_end(elf); }
};

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<Error> no_module(const fs::path& file) {
  return could_not_judge(fmt::format(
      "{} is no kernel module: it has no .modinfo; build it again or take it away", file.string()));
}

std::string section_contents(Elf* elf, std::string_view wanted) {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return {};
  Elf_Scn* section = nullptr;
  while ((section = elf_nextscn(elf, section)) != nullptr) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) continue;
    const char* name = elf_strptr(elf, names, header.sh_name);
    if (name == nullptr || wanted != name) continue;
    const Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr || data->d_buf == nullptr) return {};
    return {static_cast<const char*>(data->d_buf), data->d_size};
  }
  return {};
}

std::vector<std::string> module_names(std::string_view list, char separator) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const std::size_t end = list.find(separator);
    if (end != 0) names.push_back(module_name(list.substr(0, end)));
    if (end == std::string_view::npos) break;
    list.remove_prefix(end + 1);
  }
  return names;
}

// "pre: a b post: c": what should be there before, if it exists.
std::vector<std::string> softdep_pre(std::string_view value) {
  constexpr std::string_view kPre = "pre:";
  constexpr std::string_view kPost = "post:";
  const std::size_t start = value.find(kPre);
  if (start == std::string_view::npos) return {};
  value.remove_prefix(start + kPre.size());
  return module_names(value.substr(0, value.find(kPost)), ' ');
}

void take_entry(std::string_view entry, ModuleInfo& info) {
  const std::size_t equals = entry.find('=');
  if (equals == std::string_view::npos) return;
  const std::string_view key = entry.substr(0, equals);
  const std::string_view value = entry.substr(equals + 1);
  if (key == "name") info.name = module_name(value);
  if (key == "vermagic") info.vermagic = value;
  if (key == "depends") info.depends = module_names(value, ',');
  if (key == "softdep") {
    for (std::string& name : softdep_pre(value)) info.softdep_pre.push_back(std::move(name));
  }
}

}  // namespace

std::string_view ModuleInfo::release() const {
  return std::string_view(vermagic).substr(0, vermagic.find(' '));
}

std::string module_name(std::string_view spelling) {
  spelling = spelling.substr(spelling.rfind('/') + 1);
  std::string name(spelling.substr(0, spelling.find('.')));
  std::ranges::replace(name, '-', '_');
  return name;
}

Result<ModuleInfo> read_module(const fs::path& file) {
  elf_version(EV_CURRENT);
  const FileDescriptor fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return could_not_judge(fmt::format("cannot read {}", file.string()));
  const std::unique_ptr<Elf, ElfEnd> elf(elf_begin(fd.get(), ELF_C_READ, nullptr));
  if (elf == nullptr || elf_kind(elf.get()) != ELF_K_ELF) return no_module(file);
  const std::string modinfo = section_contents(elf.get(), ".modinfo");
  ModuleInfo info;
  info.name = module_name(file.string());
  std::string_view rest = modinfo;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\0');
    take_entry(rest.substr(0, end), info);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (info.vermagic.empty()) return no_module(file);
  return info;
}

Result<std::string> module_without_signature(const fs::path& file) {
  constexpr std::string_view kMark = "~Module signature appended~\n";
  constexpr std::size_t kTrailerBytes = 12;  // struct module_signature; its last 4: sig_len, BE
  Result<std::string> bytes = read_whole_file(file);
  if (!bytes || !bytes->ends_with(kMark)) return bytes;
  const std::size_t end = bytes->size() - kMark.size();
  u32 signature_bytes = 0;
  for (std::size_t i = 4; end >= kTrailerBytes && i > 0; --i) {
    signature_bytes = signature_bytes << 8 | static_cast<u8>((*bytes)[end - i]);
  }
  if (end < kTrailerBytes || signature_bytes > end - kTrailerBytes) {
    return could_not_judge(fmt::format(
        "the signature of module {} is cut off; fetch the kernel again", file.string()));
  }
  bytes->resize(end - kTrailerBytes - signature_bytes);
  return bytes;
}

Result<ModuleTree> ModuleTree::open(const Kernel& kernel,
                                    const std::optional<fs::path>& override_dir) {
  ModuleTree tree;
  tree.release_ = kernel.release;
  tree.has_modules_dir_ = !kernel.modules_dir.empty();
  std::error_code error;
  if (tree.has_modules_dir_) {
    std::ifstream builtin(kernel.modules_dir / "modules.builtin");
    for (std::string line; std::getline(builtin, line);) tree.builtin_[module_name(line)] = true;
    const fs::path root = kernel.modules_dir / "kernel";
    for (const fs::directory_entry& item : fs::recursive_directory_iterator(root, error)) {
      if (item.path().extension() != ".ko") continue;
      std::string name = module_name(item.path().filename().string());
      tree.files_[name] = Module{.name = name, .file = item.path()};
    }
    if (error) {
      return could_not_judge(
          fmt::format("cannot list the modules in {}: {}", root.string(), error.message()));
    }
  }
  if (!override_dir) return tree;
  bool any = false;
  for (const fs::directory_entry& item : fs::directory_iterator(*override_dir, error)) {
    if (item.path().extension() != ".ko") continue;
    const Result<ModuleInfo> info = read_module(item.path());
    if (!info) return std::unexpected(info.error());
    if (info->release() != kernel.release) {
      return could_not_judge(fmt::format(
          "{} was built for kernel {}, but the kernel to be judged is {}; build it against "
          "linux-headers-{}",
          item.path().string(), info->release(), kernel.release, kernel.release));
    }
    any = true;
    tree.files_[info->name] = Module{.name = info->name, .file = item.path(), .overridden = true};
  }
  if (error || !any) {
    return could_not_judge(fmt::format("--modules {}: {}; give a folder that holds .ko files",
                                       override_dir->string(),
                                       error ? error.message() : "there is no .ko file in it"));
  }
  return tree;
}

bool ModuleTree::is_builtin(std::string_view name) const {
  return builtin_.contains(module_name(name));
}

std::optional<Module> ModuleTree::find(std::string_view name) const {
  const auto found = files_.find(module_name(name));
  if (found == files_.end()) return std::nullopt;
  return found->second;
}

Result<std::vector<Module>> ModuleTree::load_order(const std::vector<std::string>& wanted) const {
  std::vector<Module> order;
  for (const std::string& name : wanted) {
    const Result<void> visited = visit(module_name(name), "the guest", 0, order);
    if (!visited) return std::unexpected(visited.error());
  }
  return order;
}

Result<void> ModuleTree::visit(const std::string& name, const std::string& wanted_by, int depth,
                               std::vector<Module>& order) const {
  if (std::ranges::find(order, name, &Module::name) != order.end()) return {};
  const auto found = files_.find(name);
  if (found == files_.end()) {
    if (is_builtin(name) || !has_modules_dir_) return {};
    return could_not_judge(fmt::format(
        "the module {}, which {} needs, is neither built into kernel {} nor among its modules; "
        "take a kernel that has it, or put it in with --modules",
        name, wanted_by, release_));
  }
  if (depth > kDepthMax) {
    return could_not_judge(fmt::format("the module {} depends on itself; build it again", name));
  }
  const Result<ModuleInfo> info = read_module(found->second.file);
  if (!info) return std::unexpected(info.error());
  for (const std::string& needed : info->depends) {
    const Result<void> visited = visit(needed, name, depth + 1, order);
    if (!visited) return visited;
  }
  for (const std::string& useful : info->softdep_pre) {
    if (!files_.contains(useful)) continue;
    const Result<void> visited = visit(useful, name, depth + 1, order);
    if (!visited) return visited;
  }
  order.push_back(found->second);
  return {};
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "harness/vm/initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <memory>

#include "harness/kernel/image.h"
#include "harness/vm/shared_libraries.h"

namespace bioscope {
namespace fs = std::filesystem;
namespace {

constexpr i64 kFirstInode = 1;
// Behind every inode of the first archive: equal numbers would look like hard links to the kernel.
constexpr i64 kFirstTracesInode = 1'000'000;

struct ArchiveFree {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct EntryFree {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

la_ssize_t append_to_string(archive* /*writer*/, void* self, const void* data, std::size_t size) {
  static_cast<std::string*>(self)->append(static_cast<const char*>(data), size);
  return static_cast<la_ssize_t>(size);
}

}  // namespace

Initramfs::Initramfs() {
  for (const char* folder : {"/dev", "/proc", "/sys"}) add_directory(folder);
  add_directory("/tmp", 01777);
  add("/dev/console", {Entry::Kind::CharacterDevice, 0600, {}, 5, 1});
  add("/dev/null", {Entry::Kind::CharacterDevice, 0666, {}, 1, 3});
}

void Initramfs::add(const std::string& guest_path, Entry entry) {
  for (std::size_t slash = guest_path.find('/', 1); slash != std::string::npos;
       slash = guest_path.find('/', slash + 1)) {
    entries_.try_emplace(guest_path.substr(0, slash),
                         Entry{Entry::Kind::Directory, 0755, {}, 0, 0});
  }
  entries_.insert_or_assign(guest_path, std::move(entry));
}

void Initramfs::add_directory(const std::string& guest_path, u32 mode) {
  add(guest_path, {Entry::Kind::Directory, mode, {}, 0, 0});
}

void Initramfs::add_bytes(const std::string& guest_path, std::string bytes, u32 mode) {
  add(guest_path, {Entry::Kind::File, mode, std::move(bytes), 0, 0});
}

void Initramfs::add_symlink(const std::string& guest_path, const std::string& target) {
  add(guest_path, {Entry::Kind::Symlink, 0777, target, 0, 0});
}

Result<void> Initramfs::add_file(const std::string& guest_path, const fs::path& host_path,
                                 u32 mode) {
  Result<std::string> bytes = read_whole_file(host_path);
  if (!bytes) return std::unexpected(bytes.error());
  add_bytes(guest_path, std::move(*bytes), mode);
  return {};
}

Result<void> Initramfs::add_executable(const std::string& guest_path, const fs::path& host_path) {
  const Result<std::vector<fs::path>> libraries = shared_libraries_of(host_path);
  if (!libraries) return std::unexpected(libraries.error());
  for (const fs::path& library : *libraries) {
    const Result<void> added = add_file(library.string(), library, 0755);
    if (!added) return added;
  }
  return add_file(guest_path, host_path, 0755);
}

Result<std::string> Initramfs::archive_of(const std::map<std::string, Entry>& entries,
                                          i64 first_inode) {
  std::string bytes;
  const std::unique_ptr<archive, ArchiveFree> writer(archive_write_new());
  archive_write_set_format_cpio_newc(writer.get());
  archive_write_set_bytes_per_block(writer.get(), 0);
  const auto failed = [&] {
    const char* reason = archive_error_string(writer.get());
    return could_not_judge(fmt::format("cannot build the initramfs: {}",
                                       reason != nullptr ? reason : "libarchive fails"));
  };
  if (archive_write_open(writer.get(), &bytes, nullptr, append_to_string, nullptr) != ARCHIVE_OK) {
    return failed();
  }
  i64 inode = first_inode;
  for (const auto& [path, entry] : entries) {
    const std::unique_ptr<archive_entry, EntryFree> header(archive_entry_new());
    archive_entry_set_pathname(header.get(), path.c_str() + 1);  // relative to the guest's root
    archive_entry_set_perm(header.get(), entry.mode);
    archive_entry_set_ino64(header.get(), inode++);
    archive_entry_set_nlink(header.get(), 1);
    archive_entry_set_mtime(header.get(), 0, 0);
    archive_entry_set_size(header.get(), 0);
    switch (entry.kind) {
      case Entry::Kind::Directory:
        archive_entry_set_filetype(header.get(), AE_IFDIR);
        break;
      case Entry::Kind::Symlink:
        archive_entry_set_filetype(header.get(), AE_IFLNK);
        archive_entry_set_symlink(header.get(), entry.contents.c_str());
        break;
      case Entry::Kind::CharacterDevice:
        archive_entry_set_filetype(header.get(), AE_IFCHR);
        archive_entry_set_rdevmajor(header.get(), entry.device_major);
        archive_entry_set_rdevminor(header.get(), entry.device_minor);
        break;
      case Entry::Kind::File:
        archive_entry_set_filetype(header.get(), AE_IFREG);
        archive_entry_set_size(header.get(), static_cast<i64>(entry.contents.size()));
        break;
    }
    if (archive_write_header(writer.get(), header.get()) < ARCHIVE_WARN) return failed();
    if (entry.kind == Entry::Kind::File &&
        archive_write_data(writer.get(), entry.contents.data(), entry.contents.size()) < 0) {
      return failed();
    }
  }
  if (archive_write_close(writer.get()) != ARCHIVE_OK) return failed();
  return bytes;
}

Result<std::string> Initramfs::build() const {
  return archive_of(entries_, kFirstInode);
}

Result<std::string> Initramfs::build_traces(std::string_view traces) {
  const std::size_t steps = traces.size() / kTracesStepBytes + 1;
  std::string padded(traces);
  padded.resize(steps * kTracesStepBytes, '\0');
  return archive_of({{"/traces", Entry{Entry::Kind::File, 0444, std::move(padded), 0, 0}}},
                    kFirstTracesInode);
}

}  // namespace bioscope

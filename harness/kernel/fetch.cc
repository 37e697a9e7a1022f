// SPDX-License-Identifier: Apache-2.0
#include "harness/kernel/fetch.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <system_error>

#include "harness/kernel/cache.h"
#include "harness/kernel/command.h"
#include "harness/kernel/image.h"

namespace bioscope {
namespace fs = std::filesystem;
namespace {

constexpr const char* kAptLists = "/var/lib/apt/lists";
constexpr const char* kMetaPackage = "linux-image-cloud-amd64";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// The rest of the first line that starts, blanks aside, with `key`.
std::string value_after(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    if (line.starts_with(key)) return std::string(trimmed(line.substr(key.size())));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return {};
}

struct ArchiveRead {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, ArchiveRead>;

struct ArchiveWrite {
  void operator()(archive* writer) const { archive_write_free(writer); }
};

// Lets libarchive read the member of an archive as an archive of its own.
struct Member {
  archive* outer = nullptr;
  std::array<char, 65536> buffer{};

  static la_ssize_t read(archive* /*inner*/, void* self, const void** data) {
    Member& member = *static_cast<Member*>(self);
    *data = member.buffer.data();
    return archive_read_data(member.outer, member.buffer.data(), member.buffer.size());
  }
};

std::unexpected<Error> unpack_error(const fs::path& deb, archive* where) {
  const char* reason = archive_error_string(where);
  return could_not_judge(fmt::format("cannot unpack {}: {}; make room on the disk and try again",
                                     deb.filename().string(),
                                     reason != nullptr ? reason : "it is no Debian package"));
}

std::unexpected<Error> leaves_folder(const fs::path& deb, std::string_view name) {
  return could_not_judge(
      fmt::format("{} holds the path {}, which no kernel package does; remove it",
                  deb.filename().string(), name));
}

Result<void> unpack_tree(const fs::path& deb, archive* inner, const fs::path& folder) {
  const std::unique_ptr<archive, ArchiveWrite> disk(archive_write_disk_new());
  archive_entry* entry = nullptr;
  while (true) {
    const int next = archive_read_next_header(inner, &entry);
    if (next == ARCHIVE_EOF) return {};
    if (next < ARCHIVE_WARN) return unpack_error(deb, inner);
    std::string_view name = archive_entry_pathname(entry);
    if (name.starts_with("./")) name.remove_prefix(2);
    const bool wanted = name.starts_with("boot/") || name.starts_with("lib/modules/");
    if (!wanted || archive_entry_filetype(entry) != AE_IFREG) continue;
    if (name.find("..") != std::string_view::npos) return leaves_folder(deb, name);
    archive_entry_set_pathname(entry, (folder / name).c_str());
    if (archive_read_extract2(inner, entry, disk.get()) < ARCHIVE_WARN) {
      return unpack_error(deb, inner);
    }
  }
}

// The files of an unpacked image package.
Result<Kernel> open_unpacked(const fs::path& folder, const std::string& version) {
  std::error_code error;
  Kernel kernel;
  for (const fs::directory_entry& item : fs::directory_iterator(folder / "boot", error)) {
    if (item.path().filename().string().starts_with("vmlinuz-")) kernel.bzimage = item.path();
  }
  if (kernel.bzimage.empty()) {
    return could_not_judge(fmt::format(
        "{} holds no kernel image; remove that folder, it is fetched again", folder.string()));
  }
  const Result<void> described = describe_image(kernel, folder);
  if (!described) return std::unexpected(described.error());
  kernel.version = version;
  kernel.modules_dir = folder / "lib/modules" / kernel.release;
  return kernel;
}

Result<void> download(const std::string& package, const std::string& version,
                      const fs::path& folder) {
  const Result<CommandOutput> got = run_command(
      {"apt-get", "-q", "download", fmt::format("{}={}", package, version)}, folder.string());
  if (!got) return std::unexpected(got.error());
  std::error_code error;
  fs::path deb;
  for (const fs::directory_entry& item : fs::directory_iterator(folder, error)) {
    if (item.path().extension() == ".deb") deb = item.path();
  }
  if (got->status != 0 || deb.empty()) {
    const std::string_view lines = trimmed(got->err);
    return could_not_judge(fmt::format(
        "cannot download {} {}: {}; check the network, run apt-get update and try again", package,
        version, lines.substr(lines.rfind('\n') + 1)));
  }
  const Result<void> unpacked = unpack_deb(deb, folder);
  if (!unpacked) return unpacked;
  fs::remove(deb, error);
  const Result<Kernel> kernel = open_unpacked(folder, version);
  if (!kernel) return std::unexpected(kernel.error());
  return {};
}

// What apt cannot say any more was perhaps fetched when it could: the newest folder.
fs::path newest_cached(const fs::path& kernels) {
  std::error_code ignored;
  fs::path newest;
  fs::file_time_type newest_time{};
  for (const fs::directory_entry& item : fs::directory_iterator(kernels, ignored)) {
    if (item.path().filename().string().starts_with(".")) continue;
    const fs::file_time_type time = item.last_write_time(ignored);
    if (newest.empty() || time > newest_time) {
      newest = item.path();
      newest_time = time;
    }
  }
  return newest;
}

struct PackageVersion {
  std::string package;
  std::string version;
};

PackageVersion ask_apt() {
  PackageVersion found;
  const Result<CommandOutput> depends = run_command({"apt-cache", "depends", kMetaPackage});
  if (depends) found.package = image_package(depends->out);
  if (found.package.empty()) return found;
  const Result<CommandOutput> policy = run_command({"apt-cache", "policy", found.package});
  if (policy) found.version = candidate_version(policy->out);
  return found;
}

// apt's answer changes only with its lists, and asking takes a second or two where apt keeps no
// binary cache of them: so the answer is kept, with the time of the lists that it came from.
PackageVersion kernel_of_the_day(const fs::path& cache) {
  std::error_code error;
  const auto lists = fs::last_write_time(kAptLists, error);
  if (error) return ask_apt();
  const fs::path answer = cache / "kernel-of-the-day";
  const std::string time = fmt::format("{}", lists.time_since_epoch().count());
  PackageVersion kept;
  std::string kept_time;
  if (std::ifstream(answer) >> kept_time >> kept.package >> kept.version; kept_time == time) {
    return kept;
  }
  const PackageVersion found = ask_apt();
  if (found.version.empty()) return found;
  const fs::path fresh = fmt::format("{}.{}", answer.string(), getpid());
  fs::create_directories(cache, error);
  std::ofstream(fresh) << time << ' ' << found.package << ' ' << found.version << '\n';
  fs::rename(fresh, answer, error);  // whole or not at all; without it apt is asked again
  if (error) fs::remove(fresh, error);
  return found;
}

Result<std::string> package_version(const std::string& package) {
  const Result<CommandOutput> output =
      run_command({"dpkg-query", "-W", "-f=${db:Status-Status} ${Version}", package});
  if (!output) return std::unexpected(output.error());
  constexpr std::string_view kInstalled = "installed ";
  if (output->status != 0 || !output->out.starts_with(kInstalled)) return std::string();
  return std::string(trimmed(std::string_view(output->out).substr(kInstalled.size())));
}

}  // namespace

std::string image_package(std::string_view apt_cache_depends) {
  return value_after(apt_cache_depends, "Depends: linux-image-").empty()
             ? std::string()
             : "linux-image-" + value_after(apt_cache_depends, "Depends: linux-image-");
}

std::string candidate_version(std::string_view apt_cache_policy) {
  std::string version = value_after(apt_cache_policy, "Candidate:");
  return version == "(none)" ? std::string() : version;
}

Result<void> unpack_deb(const fs::path& deb, const fs::path& folder) {
  const Reader outer(archive_read_new());
  archive_read_support_format_ar(outer.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_filename(outer.get(), deb.c_str(), 65536) != ARCHIVE_OK) {
    return unpack_error(deb, outer.get());
  }
  while (archive_read_next_header(outer.get(), &entry) == ARCHIVE_OK) {
    if (!std::string_view(archive_entry_pathname(entry)).starts_with("data.tar")) continue;
    const auto member = std::make_unique<Member>(Member{.outer = outer.get()});
    const Reader inner(archive_read_new());
    archive_read_support_filter_all(inner.get());
    archive_read_support_format_tar(inner.get());
    if (archive_read_open(inner.get(), member.get(), nullptr, Member::read, nullptr) !=
        ARCHIVE_OK) {
      return unpack_error(deb, inner.get());
    }
    return unpack_tree(deb, inner.get(), folder);
  }
  return unpack_error(deb, outer.get());
}

Result<Kernel> fetch_debian_kernel(const std::function<void(std::string_view)>& say) {
  const Result<fs::path> cache = cache_directory();
  if (!cache) return std::unexpected(cache.error());
  const fs::path kernels = *cache / "kernels";
  const auto [package, version] = kernel_of_the_day(*cache);
  if (version.empty()) {
    const fs::path folder = newest_cached(kernels);
    if (!folder.empty()) return open_unpacked(folder, folder.filename().string());
    return could_not_judge(fmt::format(
        "apt knows no {}, so Debian's kernel cannot be fetched; on Debian run apt-get update, "
        "elsewhere give --kernel a bzImage",
        kMetaPackage));
  }
  const Result<fs::path> folder =
      cached_folder(kernels / version, [&](const fs::path& fresh) -> Result<void> {
        if (say) say(fmt::format("fetching {} {}", package, version));
        return download(package, version, fresh);
      });
  if (!folder) return std::unexpected(folder.error());
  return open_unpacked(*folder, version);
}

Result<void> check_build_packages(const Kernel& kernel) {
  if (kernel.version.empty()) return {};
  for (const std::string& package :
       {"linux-headers-" + kernel.release, std::string("linux-source-6.1")}) {
    const Result<std::string> version = package_version(package);
    if (!version) return std::unexpected(version.error());
    if (*version == kernel.version) continue;
    return could_not_judge(fmt::format(
        "image, headers and source of the kernel must be of one version, but linux-image-{} is {} "
        "and {} is {}; run apt-get update and apt-get install {}",
        kernel.release, kernel.version, package, version->empty() ? "not installed" : *version,
        package));
  }
  return {};
}

}  // namespace bioscope

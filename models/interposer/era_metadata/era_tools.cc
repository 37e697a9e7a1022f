// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/era_metadata/era_tools.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <pugixml.hpp>

namespace bioscope::dm {
namespace {

using Image = persistent_data::RecordingStore::Image;

class TemporaryFile {
 public:
  TemporaryFile() {
    const int fd = mkstemp(path_);
    if (fd >= 0) close(fd);
  }
  ~TemporaryFile() { unlink(path_); }
  const char* path() const { return path_; }

 private:
  char path_[32] = "/tmp/era-metadata-XXXXXX";
};

void write_image(const Image& image, const char* path) {
  std::ofstream out(path, std::ios::binary);
  for (const auto& block : image) {
    out.write(reinterpret_cast<const char*>(block.data()), std::ssize(block));
  }
}

// Output and whether the command ended with 0.
bool run(const std::string& command, std::string& output) {
  output.clear();
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return false;
  char buffer[4096];
  for (std::size_t got = 0; (got = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    output.append(buffer, got);
  }
  return pclose(pipe) == 0;
}

void append(std::vector<EraRun>& runs, u64 block, u32 era) {
  if (!runs.empty() && runs.back().end == block && runs.back().era == era) {
    ++runs.back().end;
  } else {
    runs.push_back({block, block + 1, era});
  }
}

}  // namespace

bool era_check_passes(const Image& image, std::string& said) {
  const TemporaryFile file;
  write_image(image, file.path());
  return run(fmt::format("/usr/sbin/era_check {}", file.path()), said);
}

std::optional<EraDump> run_era_dump(const Image& image) {
  const TemporaryFile file;
  write_image(image, file.path());
  std::string xml;
  if (!run(fmt::format("/usr/sbin/era_dump {}", file.path()), xml)) return std::nullopt;
  pugi::xml_document document;
  if (!document.load_string(xml.c_str())) return std::nullopt;
  const pugi::xml_node top = document.child("superblock");
  if (!top) return std::nullopt;

  EraDump dump;
  dump.superblock.data_block_size_sectors = top.attribute("block_size").as_uint();
  dump.superblock.nr_blocks = top.attribute("nr_blocks").as_uint();
  dump.superblock.current_era = top.attribute("current_era").as_uint();
  for (const pugi::xml_node node : top.children("writeset")) {
    ArchivedWriteset writeset{.era = node.attribute("era").as_uint(),
                              .nr_bits = node.attribute("nr_bits").as_uint()};
    for (const pugi::xml_node bit : node.children("bit")) {
      if (!bit.attribute("value").as_bool()) continue;
      append(writeset.marked, bit.attribute("block").as_ullong(), writeset.era);
    }
    dump.writesets.push_back(std::move(writeset));
  }
  for (const pugi::xml_node era : top.child("era_array").children("era")) {
    append(dump.era_array, era.attribute("block").as_ullong(), era.attribute("era").as_uint());
  }
  return dump;
}

std::optional<Image> run_era_restore(const std::string& xml, u64 blocks) {
  const TemporaryFile text;
  std::ofstream(text.path()) << xml;
  const TemporaryFile device;
  if (truncate(device.path(), static_cast<off_t>(blocks * persistent_data::kBlockBytes)) != 0) {
    return std::nullopt;
  }
  std::string said;
  if (!run(fmt::format("/usr/sbin/era_restore -q -i {} -o {}", text.path(), device.path()), said)) {
    return std::nullopt;
  }
  Image image(blocks);
  std::ifstream in(device.path(), std::ios::binary);
  for (auto& block : image) in.read(reinterpret_cast<char*>(block.data()), std::ssize(block));
  return in ? std::optional(std::move(image)) : std::nullopt;
}

}  // namespace bioscope::dm

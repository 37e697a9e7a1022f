// SPDX-License-Identifier: Apache-2.0
#include "models/trace/syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cerrno>

namespace bioscope {
namespace {

constexpr u32 bits(auto... flags) {
  return (0U | ... | static_cast<u32>(flags));
}

using F = OperationFlag;
constexpr FieldSyntax kDevice{Field::Device, "", "DEVICE"};
constexpr FieldSyntax kName{Field::Device, "", "NAME"};
constexpr FieldSyntax kPoint{Field::Device, "", "POINT"};
constexpr FieldSyntax kFile{Field::Device, "", "POINT/FILE"};
constexpr FieldSyntax kRange{Field::Range, "", "FIRST+COUNT"};
constexpr FieldSyntax kFileSystem{Field::Word, "", "FILESYSTEM"};
constexpr u32 kBioFlags =
    bits(F::Fua, F::Preflush, F::Nowait, F::Rahead, F::Sync, F::Meta, F::NoUnmap);

using K = OperationKind;
using C = Capability;
constexpr std::array<OperationSyntax, kOperationKinds> kTable{{
    {K::Wait,
     "wait",
     {FieldSyntax{Field::Label, "", "LABEL"}},
     0,
     C::BlockIo,
     "joins an async operation of this lane"},
    {K::After,
     "after",
     {FieldSyntax{Field::Edge, "", "invoked|returned|held LABEL"}},
     0,
     C::BlockIo,
     "waits until the labelled operation or hold got that far"},
    {K::Read, "read", {kDevice, kRange}, bits(F::Nowait, F::Rahead), C::BlockIo, "reads sectors"},
    {K::Write,
     "write",
     {kDevice, kRange},
     bits(F::Fua, F::Preflush, F::Nowait),
     C::BlockIo,
     "writes a stamp of this operation to each sector"},
    {K::Flush, "flush", {kDevice}, 0, C::BlockIo, "an empty flush"},
    {K::Discard, "discard", {kDevice, kRange}, 0, C::BlockIo, "REQ_OP_DISCARD"},
    {K::WriteZeroes,
     "write-zeroes",
     {kDevice, kRange},
     bits(F::NoUnmap),
     C::BlockIo,
     "REQ_OP_WRITE_ZEROES"},
    {K::SecureErase, "secure-erase", {kDevice, kRange}, 0, C::BlockIo, "REQ_OP_SECURE_ERASE"},
    {K::Bio,
     "bio",
     {kDevice, FieldSyntax{Field::Word, "", "OP"}, kRange,
      FieldSyntax{Field::Text, "segments", "SECTORS,.."}},
     kBioFlags,
     C::Probe,
     "one bio exactly as written"},
    {K::Create,
     "create",
     {kName, FieldSyntax{Field::Text, "uuid", "UUID"}, FieldSyntax{Field::Number, "minor", "N"}},
     0,
     C::DeviceMapper,
     "DM_DEV_CREATE"},
    {K::Load,
     "load",
     {kName, FieldSyntax{Field::Text, "", "TABLE"}},
     bits(F::ReadOnly, F::Interpose),
     C::DeviceMapper,
     "DM_TABLE_LOAD"},
    {K::Clear, "clear", {kName}, 0, C::DeviceMapper, "DM_TABLE_CLEAR"},
    {K::Suspend,
     "suspend",
     {kName},
     bits(F::NoFlush, F::NoLockfs),
     C::DeviceMapper,
     "DM_DEV_SUSPEND with DM_SUSPEND_FLAG"},
    {K::Resume,
     "resume",
     {kName},
     bits(F::NoFlush, F::NoLockfs),
     C::DeviceMapper,
     "DM_DEV_SUSPEND without it"},
    {K::Remove, "remove", {kName}, bits(F::Deferred), C::DeviceMapper, "DM_DEV_REMOVE"},
    {K::Rename,
     "rename",
     {kName, FieldSyntax{Field::Word, "to", "NAME"}, FieldSyntax{Field::Text, "uuid", "UUID"}},
     0,
     C::DeviceMapper,
     "DM_DEV_RENAME: a new name, or a first uuid"},
    {K::Message,
     "message",
     {kName, FieldSyntax{Field::Number, "", "SECTOR"}, FieldSyntax{Field::Text, "", "MESSAGE"}},
     0,
     C::DeviceMapper,
     "DM_TARGET_MSG"},
    {K::Status, "status", {kName}, bits(F::NoFlush), C::DeviceMapper, "DM_TABLE_STATUS"},
    {K::Table, "table", {kName}, 0, C::DeviceMapper, "DM_TABLE_STATUS with DM_STATUS_TABLE_FLAG"},
    {K::Deps, "deps", {kName}, 0, C::DeviceMapper, "DM_TABLE_DEPS"},
    {K::Info, "info", {kName}, 0, C::DeviceMapper, "DM_DEV_STATUS"},
    {K::Open,
     "open",
     {kDevice},
     bits(F::ReadOnly, F::Exclusive),
     C::BlockIo,
     "opens the device's node and keeps it open"},
    {K::Close, "close", {kDevice}, 0, C::BlockIo, "closes what was last opened on the device"},
    {K::Ioctl,
     "ioctl",
     {FieldSyntax{Field::Text, "", "KEY=VALUE .."}},
     0,
     C::RawIoctl,
     "a DM ioctl past libdevmapper"},
    {K::EraDump, "era-dump", {kDevice}, 0, C::EraDump, "the era of each block, from the metadata"},
    {K::Mkfs, "mkfs", {kDevice, kFileSystem}, 0, C::FileSystems, "makes a file system"},
    {K::Mount,
     "mount",
     {kDevice, FieldSyntax{Field::Word, "", "POINT"},
      FieldSyntax{Field::Text, "type", "FILESYSTEM"}},
     bits(F::ReadOnly),
     C::FileSystems,
     "mounts the device"},
    {K::Umount, "umount", {kPoint}, 0, C::FileSystems, "unmounts"},
    {K::Freeze,
     "freeze",
     {FieldSyntax{Field::Device, "", "POINT|DEVICE"}},
     0,
     C::FileSystems,
     "FIFREEZE on a mount point, freeze_bdev on a bare device (probe)"},
    {K::Thaw,
     "thaw",
     {FieldSyntax{Field::Device, "", "POINT|DEVICE"}},
     0,
     C::FileSystems,
     "FITHAW, or thaw_bdev on a bare device (probe)"},
    {K::FileWrite,
     "file-write",
     {kFile, kRange},
     0,
     C::FileSystems,
     "writes stamps to a file, O_DIRECT, created if need be"},
    {K::FileRead, "file-read", {kFile, kRange}, 0, C::FileSystems, "reads them"},
    {K::FileSync, "file-sync", {kFile}, 0, C::FileSystems, "fsync"},
    {K::FileRemove, "file-remove", {kFile}, 0, C::FileSystems, "unlink"},
    {K::Fsck,
     "fsck",
     {kDevice, kFileSystem},
     0,
     C::FileSystems,
     "checks the file system without changing it"},
    {K::SetReadOnly,
     "set-ro",
     {kDevice, FieldSyntax{Field::Number, "", "0|1"}},
     0,
     C::ReadOnlySwitch,
     "BLKROSET"},
    {K::Resize,
     "resize",
     {kDevice, FieldSyntax{Field::Number, "", "SECTORS"}},
     0,
     C::Resize,
     "changes a disk's size"},
    {K::HotRemove, "hot-remove", {kDevice}, 0, C::HotRemove, "del_gendisk under use"},
    {K::Partition,
     "partition",
     {kDevice, FieldSyntax{Field::Text, "", "FIRST+COUNT,.."}},
     0,
     C::Partitions,
     "partitions named DEVICEp1, DEVICEp2 .."},
    {K::Signal,
     "signal",
     {FieldSyntax{Field::Label, "", "LABEL"}, FieldSyntax{Field::Number, "", "SIGNAL"}},
     0,
     C::Signals,
     "sends a signal to the lane that runs the labelled operation"},
    {K::Clock,
     "clock",
     {FieldSyntax{Field::Number, "", "MILLISECONDS"}},
     0,
     C::Clock,
     "lets time pass"},
    {K::PowerCut, "power-cut", {kDevice}, 0, C::PowerCut, "drops what a disk's cache would lose"},
    {K::Reopen, "reopen", {kDevice}, 0, C::PowerCut, "the disk comes back after a power cut"},
    {K::LogDump, "log-dump", {kDevice}, 0, C::LogDump, "the entries of a log-writes log, in order"},
}};

constexpr bool table_is_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].kind) != i) return false;
  }
  return true;
}
static_assert(table_is_in_order());

constexpr std::array<std::string_view, kOperationFlags> kFlagWords{
    "fua",      "preflush", "nowait",    "rahead",   "sync",      "meta",    "noflush",
    "nolockfs", "readonly", "interpose", "deferred", "exclusive", "nounmap",
};
constexpr std::array<std::string_view, 4> kDiskKinds{"null", "controlled", "scsi", "loop"};
constexpr std::array<std::string_view, 2> kCacheModes{"none", "volatile"};
constexpr std::array<std::string_view, 4> kRequests{"read", "write", "flush", "discard"};
constexpr std::array<std::string_view, 5> kEdges{"", "invoked", "returned", "held", "quiet"};

constexpr std::array<FaultErrno, 8> kFaultErrnos{{
    {"EIO", EIO},
    {"ENOSPC", ENOSPC},
    {"ENOMEM", ENOMEM},
    {"EAGAIN", EAGAIN},
    {"ENODEV", ENODEV},
    {"EILSEQ", EILSEQ},
    {"EOPNOTSUPP", EOPNOTSUPP},
    {"ETIMEDOUT", ETIMEDOUT},
}};

template <typename Enum, std::size_t N>
std::optional<Enum> find_word(const std::array<std::string_view, N>& words, std::string_view word) {
  const auto found = std::ranges::find(words, word);
  if (word.empty() || found == words.end()) return std::nullopt;
  return static_cast<Enum>(found - words.begin());
}

}  // namespace

std::span<const OperationSyntax> operation_table() {
  return kTable;
}

const OperationSyntax& syntax_of(OperationKind kind) {
  return kTable[static_cast<std::size_t>(kind)];
}

const OperationSyntax* syntax_of(std::string_view keyword) {
  const auto found = std::ranges::find(kTable, keyword, &OperationSyntax::keyword);
  return found == kTable.end() ? nullptr : &*found;
}

std::string_view flag_word(OperationFlag flag) {
  for (std::size_t i = 0; i < kOperationFlags; ++i) {
    if (static_cast<u32>(flag) == 1U << i) return kFlagWords[i];
  }
  assert(false && "one flag, not a set");
  return "";
}

std::optional<OperationFlag> flag_of(std::string_view word) {
  for (std::size_t i = 0; i < kOperationFlags; ++i) {
    if (kFlagWords[i] == word) return static_cast<OperationFlag>(1U << i);
  }
  return std::nullopt;
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameBytes) return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/';
  });
}

bool is_text(std::string_view text) {
  return text.size() <= kMaxTextBytes &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~' && c != '"'; });
}

std::string_view word_of(DiskKind kind) {
  return kDiskKinds[static_cast<std::size_t>(kind)];
}
std::string_view word_of(CacheMode mode) {
  return kCacheModes[static_cast<std::size_t>(mode)];
}
std::string_view word_of(DiskRequest request) {
  return kRequests[static_cast<std::size_t>(request)];
}
std::string_view word_of(EdgeKind kind) {
  return kEdges[static_cast<std::size_t>(kind)];
}

std::optional<DiskKind> disk_kind_of(std::string_view word) {
  return find_word<DiskKind>(kDiskKinds, word);
}
std::optional<CacheMode> cache_mode_of(std::string_view word) {
  return find_word<CacheMode>(kCacheModes, word);
}
std::optional<DiskRequest> disk_request_of(std::string_view word) {
  return find_word<DiskRequest>(kRequests, word);
}
std::optional<EdgeKind> edge_kind_of(std::string_view word) {
  return find_word<EdgeKind>(kEdges, word);
}

std::span<const FaultErrno> fault_errnos() {
  return kFaultErrnos;
}

std::string errno_word(int error) {
  for (const auto& [word, value] : kFaultErrnos) {
    if (value == error) return std::string(word);
  }
  return fmt::format("{}", error);
}

std::optional<int> errno_of(std::string_view word) {
  for (const auto& [name, value] : kFaultErrnos) {
    if (name == word) return value;
  }
  return std::nullopt;
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
// The one table of operations: keyword, fields, flags and what a subject must be able to do. The
// text form, the codec, check() and docs/TRACE.md's grammar all read it, so they cannot disagree.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "models/trace/capability.h"
#include "models/trace/trace.h"

namespace bioscope {

enum class Field : u8 {
  None,
  Device,  // Operation::device, a name
  Range,   // Operation::range, first+count
  Text,    // Operation::text, quoted
  Word,    // Operation::word, a name
  Number,  // Operation::number, decimal
  Label,   // Operation::edge.label, with edge.kind Returned
  Edge,    // Operation::edge, "invoked|returned|held LABEL"
};

struct FieldSyntax {
  Field field = Field::None;
  std::string_view key;   // empty: positional and required; else KEY=VALUE, may be left out
  std::string_view name;  // what the documentation and error messages call it
};

inline constexpr std::size_t kMaxFields = 4;

struct OperationSyntax {
  OperationKind kind;
  std::string_view keyword;
  std::array<FieldSyntax, kMaxFields> fields;
  u32 flags;  // the OperationFlag bits that may stand after the fields
  Capability needs;
  std::string_view meaning;
};

std::span<const OperationSyntax> operation_table();
const OperationSyntax& syntax_of(OperationKind kind);
const OperationSyntax* syntax_of(std::string_view keyword);

// The word that stands for one flag, "fua", and back.
std::string_view flag_word(OperationFlag flag);
std::optional<OperationFlag> flag_of(std::string_view word);

// Characters of a name: letters, digits and _ - . / (the last for mount point/file).
bool is_name(std::string_view text);

// Text between quotes: printable ASCII without the quote itself.
bool is_text(std::string_view text);

std::string_view word_of(DiskKind kind);
std::string_view word_of(CacheMode mode);
std::string_view word_of(DiskRequest request);
std::string_view word_of(EdgeKind kind);
std::optional<DiskKind> disk_kind_of(std::string_view word);
std::optional<CacheMode> cache_mode_of(std::string_view word);
std::optional<DiskRequest> disk_request_of(std::string_view word);
std::optional<EdgeKind> edge_kind_of(std::string_view word);

// The errnos that a fault can be given, in an order that the codec relies on.
struct FaultErrno {
  std::string_view word;
  int error;
};
std::span<const FaultErrno> fault_errnos();

// "EIO"; a number for what no fault can be given.
std::string errno_word(int error);
std::optional<int> errno_of(std::string_view word);

}  // namespace bioscope

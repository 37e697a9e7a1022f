// SPDX-License-Identifier: Apache-2.0
// Hops: what bios did on their way down a stack, told by subjects that can watch it
// (Capability::Hops). Rules on splitting, on the order of submission and on what may pass an
// interposer are judged by them. Value types.
#pragma once

#include <string>
#include <string_view>

#include "models/trace/trace.h"

namespace bioscope {

enum class HopKind : u8 {
  Submit,  // submit_bio_noacct got it; it may have to wait behind the task's active one (R7)
  Enter,   // the driver of `device`, or the mapped device interposed on it, gets it now
  Leave,   // that driver's ->submit_bio has returned; bio is 0
  Split,   // `bio` is a new front with `range`, cut off `parent`, which goes on with the rest
  Clone,   // `bio` is a clone of `parent`
  End,     // it has ended with `error`
};
inline constexpr std::size_t kHopKinds = static_cast<std::size_t>(HopKind::End) + 1;

enum class HopOperation : u8 { Read, Write, Flush, Discard, SecureErase, WriteZeroes };
inline constexpr std::size_t kHopOperations =
    static_cast<std::size_t>(HopOperation::WriteZeroes) + 1;

inline constexpr OperationId kNoOperation = ~OperationId{0};

struct Hop {
  u64 tick = 0;  // of the first event of the history that came after it
  HopKind kind = HopKind::Submit;
  u32 task = 0;    // thread of the subject
  u32 bio = 0;     // its number, from 1; a clone and a front have numbers of their own
  u32 parent = 0;  // Split, Clone
  OperationId operation = kNoOperation;  // that it serves; none: a target's own I/O
  std::string device;
  // Submit, Enter: as the bio stands then, in the numbers of its own device. Enter of a mapped
  // device that interposes: in the numbers of the interposed one.
  HopOperation op = HopOperation::Read;
  OperationFlags flags;
  Range range;
  bool below = false;  // Submit, Enter: aimed below the interposer of `device`
  int error = 0;
  bool operator==(const Hop&) const = default;
};

std::string_view word_of(HopKind kind);
std::string_view word_of(HopOperation operation);

// One line: "enter d0 below write 8+8 fua bio 7 of op 3".
std::string to_text(const Hop& hop);

}  // namespace bioscope

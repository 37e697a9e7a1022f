// SPDX-License-Identifier: Apache-2.0
// Errors are values. A message is one sentence that says what happened, where, and what to do.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace bioscope {

// What the caller of the command has to hear; the numbers are the exit status of the contract.
enum class ErrorKind {
  BadInput = 2,     // usage, a malformed trace, a corrupted file
  CouldNotJudge = 3 // boot, build or host trouble: nothing was decided about the subject
};

struct Error {
  ErrorKind kind = ErrorKind::CouldNotJudge;
  std::string message;
};

template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> bad_input(std::string message) {
  return std::unexpected(Error{ErrorKind::BadInput, std::move(message)});
}

inline std::unexpected<Error> could_not_judge(std::string message) {
  return std::unexpected(Error{ErrorKind::CouldNotJudge, std::move(message)});
}

}  // namespace bioscope

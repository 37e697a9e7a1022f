// SPDX-License-Identifier: Apache-2.0
// Cuts the text form into tokens that know their line and column, both counted from 1.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/base/types.h"

namespace bioscope {

enum class TokenKind : u8 { Word, Quoted, Separator, LineEnd, End };

struct Token {
  TokenKind kind = TokenKind::End;
  std::string_view text;  // of the input; without the quotes
  u32 line = 1;
  u32 column = 1;
};

// The last token is End. A '#' that is followed by no digit starts a comment. A quote that is not
// closed on its line gives a Word that begins with the quote, which no rule of the grammar takes.
std::vector<Token> tokenize(std::string_view text);

// "'word'", "\"text\"", "the end of the line".
std::string describe(const Token& token);

}  // namespace bioscope

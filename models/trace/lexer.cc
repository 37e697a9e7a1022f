// SPDX-License-Identifier: Apache-2.0
#include "models/trace/lexer.h"

#include <fmt/format.h>

namespace bioscope {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        emit(TokenKind::LineEnd, at_, 1);
        ++at_;
        ++line_;
        line_start_ = at_;
      } else if (is_blank(c)) {
        ++at_;
      } else if (is_comment(at_)) {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == ';') {
        emit(TokenKind::Separator, at_, 1);
        ++at_;
      } else if (c == '"') {
        quoted();
      } else {
        word();
      }
    }
    emit(TokenKind::LineEnd, at_, 0);
    emit(TokenKind::End, at_, 0);
    return std::move(tokens_);
  }

 private:
  bool is_comment(std::size_t at) const {
    return text_[at] == '#' && (at + 1 == text_.size() || !is_digit(text_[at + 1]));
  }

  void emit(TokenKind kind, std::size_t from, std::size_t length) {
    tokens_.push_back(
        {kind, text_.substr(from, length), line_, static_cast<u32>(from - line_start_ + 1)});
  }

  void quoted() {
    const std::size_t close = text_.find_first_of("\"\n", at_ + 1);
    if (close == std::string_view::npos || text_[close] == '\n') {
      const std::size_t end = close == std::string_view::npos ? text_.size() : close;
      emit(TokenKind::Word, at_, end - at_);
      at_ = end;
      return;
    }
    tokens_.push_back({TokenKind::Quoted, text_.substr(at_ + 1, close - at_ - 1), line_,
                       static_cast<u32>(at_ - line_start_ + 1)});
    at_ = close + 1;
  }

  // A word ends at a blank, ';' or a comment; KEY="TEXT" ends at its '=' and the quote follows.
  void word() {
    const std::size_t from = at_;
    while (at_ < text_.size() && !is_blank(text_[at_]) && text_[at_] != '\n' && text_[at_] != ';' &&
           text_[at_] != '"') {
      ++at_;
    }
    emit(TokenKind::Word, from, at_ - from);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  u32 line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text) {
  return Lexer(text).run();
}

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::Word:
      return fmt::format("'{}'", token.text);
    case TokenKind::Quoted:
      return fmt::format("\"{}\"", token.text);
    case TokenKind::Separator:
      return "';'";
    case TokenKind::LineEnd:
      return "the end of the line";
    case TokenKind::End:
      return "the end of the file";
  }
  return {};
}

}  // namespace bioscope

// SPDX-License-Identifier: Apache-2.0
#include "models/trace/text.h"

#include <fmt/format.h>

#include <charconv>
#include <map>

#include "models/trace/check.h"
#include "models/trace/lexer.h"
#include "models/trace/syntax.h"

namespace bioscope {
namespace {

// The first thing that is wrong, thrown within this file only, so that the grammar reads as such.
struct SyntaxError {
  Token at;
  std::string message;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(tokenize(text)) {}

  Trace run() {
    skip_empty_lines();
    if (peek().text != kTraceMagic) expected("'bioscope-trace 1'");
    next();
    if (peek().text != "1") expected("version 1");
    next();
    end_of_line();
    while (peek().kind != TokenKind::End) statement();
    return std::move(trace_);
  }

  // Where problem `what` of the whole trace stands in the text.
  Token place_of(const Problem& problem) const {
    const auto& places = problem.place == Problem::Place::Disk        ? disks_
                         : problem.place == Problem::Place::Operation ? operations_
                         : problem.place == Problem::Place::DiskStep  ? steps_
                                                                      : nowhere_;
    return problem.index < places.size() ? places[problem.index] : Token{};
  }

 private:
  enum class Section : u8 { Head, Lane, DiskScript };

  const Token& peek() const { return tokens_[at_]; }
  Token next() { return tokens_[at_].kind == TokenKind::End ? tokens_[at_] : tokens_[at_++]; }
  bool at_line_end() const {
    return peek().kind == TokenKind::LineEnd || peek().kind == TokenKind::End;
  }
  void skip_empty_lines() {
    while (peek().kind == TokenKind::LineEnd || peek().kind == TokenKind::Separator) next();
  }
  void end_of_line() {
    if (!at_line_end()) expected("the end of the line");
    skip_empty_lines();
  }

  [[noreturn]] void fail(const Token& at, std::string message) const {
    throw SyntaxError{at, std::move(message)};
  }
  [[noreturn]] void expected(std::string_view what) const {
    fail(peek(), fmt::format("expected {}, got {}", what, describe(peek())));
  }

  std::string_view word(std::string_view what) {
    if (peek().kind != TokenKind::Word) expected(what);
    return next().text;
  }

  u64 number_in(std::string_view text, std::string_view what, u64 most) {
    u64 value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > most) {
      --at_;  // the token that held the number has been taken
      expected(most == ~0ULL ? std::string(what) : fmt::format("{} up to {}", what, most));
    }
    return value;
  }

  std::string name(std::string_view what) {
    if (peek().kind != TokenKind::Word || !is_name(peek().text)) expected(what);
    return std::string(next().text);
  }

  Range range() {
    constexpr std::string_view kWhat = "FIRST+COUNT in sectors";
    const std::string_view text = word(kWhat);
    const std::size_t plus = text.find('+');
    if (plus == std::string_view::npos) {
      --at_;
      expected(kWhat);
    }
    Range result;
    result.first_sector = number_in(text.substr(0, plus), kWhat, ~0ULL);
    result.count_sectors = number_in(text.substr(plus + 1), kWhat, ~0ULL);
    return result;
  }

  void statement() {
    const Token start = peek();
    if (start.text == "seed") {
      next();
      trace_.seed = number_in(word("a seed"), "a seed", ~0ULL);
      end_of_line();
    } else if (start.text == "disk") {
      next();
      disk(start);
      end_of_line();
    } else if (start.text == "choices") {
      next();
      choices();
      end_of_line();
    } else if (start.text == "lane") {
      next();
      lane();
      end_of_line();
    } else if (start.text == "disk-script") {
      next();
      section_ = Section::DiskScript;
      end_of_line();
    } else if (section_ == Section::Lane) {
      operations_of_line();
    } else if (section_ == Section::DiskScript) {
      step(start);
      end_of_line();
    } else {
      expected("seed, disk, choices, lane or disk-script");
    }
  }

  void lane() {
    section_ = Section::Lane;
    if (!trace_.disk_script.empty()) expected("no lane after the disk script");
    trace_.lanes.push_back({name("a lane name"), {}});
  }

  void choices() {
    const std::string_view kind = word("schedule, fault or crash");
    std::vector<u32>* list = kind == "schedule" ? &trace_.choices.schedule
                             : kind == "fault"  ? &trace_.choices.fault
                             : kind == "crash"  ? &trace_.choices.crash
                                                : nullptr;
    if (list == nullptr) {
      --at_;
      expected("schedule, fault or crash");
    }
    while (!at_line_end()) {
      list->push_back(static_cast<u32>(number_in(word("a choice"), "a choice", ~0U)));
    }
  }

  void disk(const Token& start) {
    Disk disk;
    disk.name = name("a disk name");
    const auto kind = disk_kind_of(word("null, controlled, scsi or loop"));
    if (!kind) {
      --at_;
      expected("null, controlled, scsi or loop");
    }
    disk.kind = *kind;
    const std::map<std::string_view, u32*> limits{
        {"lbs", &disk.logical_block_bytes},
        {"pbs", &disk.physical_block_bytes},
        {"max-sectors", &disk.max_sectors},
        {"chunk", &disk.chunk_sectors},
        {"discard-granularity", &disk.discard_granularity_sectors},
        {"discard-alignment", &disk.discard_alignment_sectors},
        {"max-discard", &disk.max_discard_sectors},
        {"max-write-zeroes", &disk.max_write_zeroes_sectors},
    };
    while (!at_line_end()) {
      const std::string_view option = word("KEY=VALUE");
      const std::size_t equals = option.find('=');
      const std::string_view key = option.substr(0, equals);
      const std::string_view value =
          equals == std::string_view::npos ? "" : option.substr(equals + 1);
      if (key == "size") {
        disk.size_sectors = number_in(value, "size= in sectors", ~0ULL);
      } else if (key == "cache" && cache_mode_of(value)) {
        disk.cache = *cache_mode_of(value);
      } else if (key == "ro" && value == "1") {
        disk.read_only = true;
      } else if (const auto limit = limits.find(key); limit != limits.end()) {
        *limit->second = static_cast<u32>(number_in(value, "a number", ~0U));
      } else {
        --at_;
        expected(
            "size=, lbs=, pbs=, cache=none|volatile, ro=1, max-sectors=, chunk=, "
            "discard-granularity=, discard-alignment=, max-discard= or max-write-zeroes=");
      }
    }
    trace_.disks.push_back(std::move(disk));
    disks_.push_back(start);
  }

  void operations_of_line() {
    for (;;) {
      operations_.push_back(peek());
      trace_.lanes.back().operations.push_back(operation());
      if (peek().kind != TokenKind::Separator) break;
      while (peek().kind == TokenKind::Separator) next();
      if (at_line_end()) break;
    }
    end_of_line();
  }

  std::string label_before_colon() {
    const std::string_view text = peek().text;
    if (peek().kind != TokenKind::Word || !text.ends_with(':')) return {};
    if (!is_name(text.substr(0, text.size() - 1))) expected("a label and ':'");
    next();
    return std::string(text.substr(0, text.size() - 1));
  }

  Operation operation() {
    Operation operation;
    operation.label = label_before_colon();
    if (peek().kind == TokenKind::Word && peek().text == "async") {
      next();
      operation.async = true;
    }
    const OperationSyntax* syntax =
        peek().kind == TokenKind::Word ? syntax_of(peek().text) : nullptr;
    if (syntax == nullptr) expected("an operation");
    next();
    operation.kind = syntax->kind;
    for (const FieldSyntax& field : syntax->fields) {
      if (field.field != Field::None && field.key.empty()) positional(field, operation);
    }
    while (peek().kind == TokenKind::Word) option_or_flag(*syntax, operation);
    if (peek().kind == TokenKind::Quoted) expected("a flag or the end of the operation");
    return operation;
  }

  void positional(const FieldSyntax& field, Operation& operation) {
    switch (field.field) {
      case Field::None:
        break;
      case Field::Device:
        operation.device = name(field.name);
        break;
      case Field::Range:
        operation.range = range();
        break;
      case Field::Text:
        if (peek().kind != TokenKind::Quoted || !is_text(peek().text)) {
          expected(fmt::format("{} in quotes", field.name));
        }
        operation.text = next().text;
        break;
      case Field::Word:
        operation.word = name(field.name);
        break;
      case Field::Number:
        operation.number = static_cast<i64>(number_in(word(field.name), field.name, ~0ULL >> 1));
        break;
      case Field::Label:
        operation.edge = {EdgeKind::Returned, name(field.name)};
        break;
      case Field::Edge:
        operation.edge = edge();
        break;
    }
  }

  Edge edge() {
    const auto kind = edge_kind_of(word("invoked, returned or held"));
    if (!kind || *kind == EdgeKind::Quiet) {
      --at_;
      expected("invoked, returned or held");
    }
    return {*kind, name("a label")};
  }

  void option_or_flag(const OperationSyntax& syntax, Operation& operation) {
    const std::string_view text = peek().text;
    if (const auto flag = flag_of(text)) {
      if ((syntax.flags & static_cast<u32>(*flag)) == 0 || operation.flags.has(*flag)) {
        fail(peek(), fmt::format("'{}' does not take '{}' here", syntax.keyword, text));
      }
      next();
      operation.flags.set(*flag);
      return;
    }
    const std::size_t equals = text.find('=');
    for (const FieldSyntax& field : syntax.fields) {
      if (field.key.empty() || equals == std::string_view::npos ||
          text.substr(0, equals) != field.key) {
        continue;
      }
      next();
      keyed(field, text.substr(equals + 1), operation);
      return;
    }
    expected(fmt::format("an option or flag of '{}' or the end of the operation", syntax.keyword));
  }

  void keyed(const FieldSyntax& field, std::string_view value, Operation& operation) {
    if (field.field == Field::Text && value.empty() && peek().kind == TokenKind::Quoted) {
      value = peek().text;
      next();
      if (!is_text(value)) fail(tokens_[at_ - 1], fmt::format("expected printable text"));
      operation.text = value;
      return;
    }
    if (field.field == Field::Number) {
      operation.number = static_cast<i64>(number_in(value, field.name, ~0ULL >> 1));
      return;
    }
    if (!is_name(value)) {
      --at_;
      expected(fmt::format("{}={}", field.key, field.name));
    }
    (field.field == Field::Text ? operation.text : operation.word) = value;
  }

  void step(const Token& start) {
    DiskStep step;
    step.label = label_before_colon();
    const bool labelled = !step.label.empty();
    const std::string_view verb = word("hold, release or fail");
    if (verb == "hold" && labelled) {
      step.kind = DiskStepKind::Hold;
      request(step);
    } else if (verb == "release" && !labelled) {
      step.kind = DiskStepKind::Release;
      step.label = name("the label of a hold");
    } else if (verb == "fail" && !labelled) {
      step.kind = DiskStepKind::Fail;
      request(step);
      const auto error = errno_of(word("an error such as EIO"));
      if (!error) {
        --at_;
        expected("an error such as EIO");
      }
      step.error = *error;
    } else {
      --at_;
      expected("'LABEL: hold', 'release' or 'fail'");
    }
    if (peek().text == "when") {
      next();
      if (word("quiet") != "quiet") {
        --at_;
        expected("quiet");
      }
      step.edge.kind = EdgeKind::Quiet;
    } else if (peek().text == "after") {
      next();
      step.edge = edge();
    }
    trace_.disk_script.push_back(std::move(step));
    steps_.push_back(start);
  }

  void request(DiskStep& step) {
    step.disk = name("a disk");
    const auto request = disk_request_of(word("read, write, flush or discard"));
    if (!request) {
      --at_;
      expected("read, write, flush or discard");
    }
    step.request = *request;
    if (peek().kind == TokenKind::Word && peek().text.find('+') != std::string_view::npos) {
      step.range = range();
    }
    if (peek().kind == TokenKind::Word && peek().text.starts_with('#')) {
      const std::string_view text = next().text;
      step.occurrence = static_cast<u32>(number_in(text.substr(1), "#OCCURRENCE", ~0U));
    }
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  Section section_ = Section::Head;
  Trace trace_;
  std::vector<Token> disks_;
  std::vector<Token> operations_;
  std::vector<Token> steps_;
  std::vector<Token> nowhere_;
};

std::unexpected<Error> error_at(std::string_view source, const Token& token,
                                std::string_view message) {
  return bad_input(fmt::format("{}:{}:{}: {}", source, token.line, token.column, message));
}

}  // namespace

Result<Trace> parse_trace(std::string_view text, std::string_view source) {
  Parser parser(text);
  try {
    Trace trace = parser.run();
    if (const auto problem = check(trace)) {
      return error_at(source, parser.place_of(*problem), problem->message);
    }
    return trace;
  } catch (const SyntaxError& error) {
    return error_at(source, error.at, error.message);
  }
}

}  // namespace bioscope

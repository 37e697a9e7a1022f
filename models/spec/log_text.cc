// SPDX-License-Identifier: Apache-2.0
#include "models/spec/log_text.h"

#include <fmt/format.h>

#include <charconv>

namespace bioscope::spec {
namespace {

constexpr std::string_view kMark = "mark=";

// Cuts `text` at the first `between`: what stands before it, and `text` becomes the rest.
std::string_view cut(std::string_view& text, char between) {
  const std::size_t end = text.find(between);
  const std::string_view front = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return front;
}

bool read_number(std::string_view word, u64& out, int base = 10) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out, base);
  return !word.empty() && error == std::errc{} && end == word.data() + word.size();
}

bool read_range(std::string_view word, Range& out) {
  const std::string_view first = cut(word, '+');
  return read_number(first, out.first_sector) && read_number(word, out.count_sectors);
}

// "op3@8*8", "0*2", "raw:0011223344556677*1"
bool read_run(std::string_view word, u64 seed, SectorRun& out) {
  std::string_view content = cut(word, '*');
  if (!read_number(word, out.count) || out.count == 0) return false;
  if (content == "0") {
    out.first = Zero{};
    return true;
  }
  if (content.starts_with("raw:")) {
    RawRef raw;
    out.first = raw;
    return read_number(content.substr(4), std::get<RawRef>(out.first).hash, 16);
  }
  if (!content.starts_with("op")) return false;
  Stamp stamp{0, 0, seed};
  u64 operation = 0;
  if (!read_number(cut(content, '@').substr(2), operation)) return false;
  if (!read_number(content, stamp.sector) || operation > 0xffffffff) return false;
  stamp.operation = static_cast<u32>(operation);
  out.first = stamp;
  return true;
}

bool read_mark(std::string_view name, std::string& out) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      out += name[i];
      continue;
    }
    u64 byte = 0;
    if (i + 2 >= name.size() || !read_number(name.substr(i + 1, 2), byte, 16)) return false;
    out += static_cast<char>(byte);
    i += 2;
  }
  return true;
}

bool read_entry(std::string_view word, u64 seed, LoggedEntry& out) {
  if (!read_range(cut(word, ':'), out.range)) return false;
  const std::string_view kind = cut(word, ',');
  if (kind.starts_with(kMark)) {
    out.kind = LoggedKind::Mark;
    if (!read_mark(kind.substr(kMark.size()), out.mark)) return false;
  } else if (kind == "discard") {
    out.kind = LoggedKind::Discard;
  } else if (kind == "flush") {
    out.kind = LoggedKind::Flush;
  } else if (kind != "write") {
    return false;
  }
  while (!word.empty()) {
    const std::string_view part = cut(word, ',');
    if (part == "fua") {
      out.fua = true;
    } else if (part == "meta") {
      out.meta = true;
    } else if (SectorRun run; read_run(part, seed, run)) {
      out.data.push_back(run);
    } else {
      return false;
    }
  }
  const u64 expected =
      out.kind == LoggedKind::Write || out.kind == LoggedKind::Flush ? out.range.count_sectors : 0;
  return count_sectors(out.data) == expected;
}

std::string escaped(std::string_view mark) {
  std::string text;
  for (const char c : mark) {
    if (c > ' ' && c <= '~' && c != ',' && c != '%') {
      text += c;
    } else {
      text += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
  }
  return text;
}

}  // namespace

std::optional<std::vector<LoggedEntry>> parse_log(std::string_view text, u64 seed) {
  constexpr std::string_view kEntries = "entries=";
  const std::string_view head = cut(text, ' ');
  u64 count = 0;
  if (!head.starts_with(kEntries) || !read_number(head.substr(kEntries.size()), count)) {
    return std::nullopt;
  }
  std::vector<LoggedEntry> entries;
  while (!text.empty()) {
    LoggedEntry entry;
    if (!read_entry(cut(text, ' '), seed, entry)) return std::nullopt;
    entries.push_back(std::move(entry));
  }
  if (entries.size() != count) return std::nullopt;
  return entries;
}

std::string print_log(const std::vector<LoggedEntry>& entries) {
  std::string text = fmt::format("entries={}", entries.size());
  for (const LoggedEntry& entry : entries) {
    text += fmt::format(" {}+{}:", entry.range.first_sector, entry.range.count_sectors);
    switch (entry.kind) {
      case LoggedKind::Write:
        text += "write";
        break;
      case LoggedKind::Discard:
        text += "discard";
        break;
      case LoggedKind::Flush:
        text += "flush";
        break;
      case LoggedKind::Mark:
        text += std::string(kMark) + escaped(entry.mark);
        break;
    }
    if (entry.fua) text += ",fua";
    if (entry.meta) text += ",meta";
    for (const SectorRun& run : entry.data) {
      text += fmt::format(",{}*{}", to_text(run.first), run.count);
    }
  }
  return text;
}

std::optional<std::string> mark_of_message(std::string_view message) {
  std::vector<std::string> words;
  bool within = false;
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message[i] == ' ') {
      within = false;
      continue;
    }
    if (!within) words.emplace_back();
    within = true;
    if (message[i] == '\\' && i + 1 < message.size()) ++i;
    words.back() += message[i];
  }
  if (words.size() != 2) return std::nullopt;
  for (char& c : words[0]) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (words[0] != "mark") return std::nullopt;
  return words[1];
}

}  // namespace bioscope::spec

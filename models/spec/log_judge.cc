// SPDX-License-Identifier: Apache-2.0
#include "models/spec/log_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "models/spec/ranges.h"

namespace bioscope::spec {
namespace {

// In half events: what the target's end puts into the log comes before its last mark, and both
// between the same two events.
struct Window {
  u64 begin = 0;
  u64 end = kNever;
};

constexpr u64 halves(u64 event) {
  return event == kNever ? kNever : 2 * event;
}

bool enters_late(const LogItem& item) {
  return item.kind == LoggedKind::Discard || (item.kind == LoggedKind::Write && !item.fua);
}

bool within(Range inner, Range outer) {
  return inner.first_sector >= outer.first_sector && inner.end_sector() <= outer.end_sector();
}

class LogJudge {
 public:
  LogJudge(const LogFacts& facts, const std::vector<LoggedEntry>& entries)
      : facts_(facts), entries_(entries) {}

  std::string run() {
    for (std::size_t i = 0; i < entries_.size() && wrong_.empty(); ++i) take(i);
    if (wrong_.empty()) check_missing();
    return wrong_;
  }

 private:
  template <typename... Parts>
  void wrong(fmt::format_string<Parts...> text, Parts&&... parts) {
    if (wrong_.empty()) wrong_ = fmt::format(text, std::forward<Parts>(parts)...);
  }

  Window window_of(const LogItem& item) const {
    if (!enters_late(item)) return {halves(item.invoked), halves(item.returned)};  // W1
    Window window{halves(facts_.going), kNever};
    if (item.returned < facts_.going) window.end = last_mark();
    for (const LogItem& flush : facts_.items) {  // W2
      if (flush.flushes_most > 0 && flush.returned > item.invoked) {
        window.begin = std::min(window.begin, halves(std::max(flush.invoked, item.invoked)));
      }
      if (flush.certain && flush.flushes_least > 0 && flush.invoked > item.returned) {
        window.end = std::min(window.end, halves(flush.returned));
      }
    }
    if (facts_.foreign) window.begin = halves(item.invoked);
    return window;
  }

  u64 last_mark() const { return facts_.going == kNever ? kNever : halves(facts_.going) + 1; }

  void take(std::size_t at) {
    const LoggedEntry& entry = entries_[at];
    switch (entry.kind) {
      case LoggedKind::Flush:
        ++flushes_;
        return;
      case LoggedKind::Mark:
        return take_mark(at, entry);
      case LoggedKind::Discard:
        return take_discard(at, entry);
      case LoggedKind::Write:
        return take_write(at, entry);
    }
  }

  void take_mark(std::size_t at, const LoggedEntry& entry) {
    if (entry.mark == kEndMark && facts_.going != kNever) {
      if (at + 1 != entries_.size()) return wrong("entry {} follows the last mark", at + 1);
      ended_ = true;
      return place(at, "the last mark", {last_mark(), halves(facts_.gone)}, facts_.gone);
    }
    // Marks of one name cannot be told apart.
    Window window{kNever, 0};
    u64 returned = 0;
    u64 may_be = 0;
    for (const LogItem& item : facts_.items) {
      if (item.kind != LoggedKind::Mark || item.mark != entry.mark) continue;
      ++may_be;
      window.begin = std::min(window.begin, halves(item.invoked));
      window.end = std::max(window.end, halves(item.returned));
      returned = std::max(returned, item.returned);
    }
    if (++marks_seen_[entry.mark] > may_be) {
      return wrong("entry {} is a mark {} that was not put", at, entry.mark);
    }
    place(at, "mark " + entry.mark, window, returned);
  }

  void take_discard(std::size_t at, const LoggedEntry& entry) {
    Window window{kNever, 0};
    u64 returned = 0;
    u32 may_be = 0;
    for (const LogItem& item : facts_.items) {
      if (item.kind != LoggedKind::Discard || !within(entry.range, item.range)) continue;
      ++may_be;
      const Window one = window_of(item);
      window.begin = std::min(window.begin, one.begin);
      window.end = std::max(window.end, one.end);
      returned = std::max(returned, item.returned);
      logged_[item.id].add(entry.range);
    }
    if (may_be == 0) {
      if (facts_.foreign) return;
      return wrong("entry {} is a discard of {}+{} that was not issued", at,
                   entry.range.first_sector, entry.range.count_sectors);
    }
    place(at,
          fmt::format("the discard of {}+{}", entry.range.first_sector, entry.range.count_sectors),
          window, returned);
  }

  void take_write(std::size_t at, const LoggedEntry& entry) {
    const auto* stamp =
        entry.data.empty() ? nullptr : std::get_if<Stamp>(&entry.data.front().first);
    const auto item = stamp == nullptr || entry.data.size() != 1
                          ? facts_.items.end()
                          : std::ranges::find_if(facts_.items, [&](const LogItem& each) {
                              return each.kind == LoggedKind::Write &&
                                     each.id == stamp->operation &&
                                     stamp->sector == entry.range.first_sector;
                            });
    const std::string told = fmt::format("entry {}, a write of {}+{},", at,
                                         entry.range.first_sector, entry.range.count_sectors);
    if (item == facts_.items.end() || !within(entry.range, item->range)) {
      if (facts_.foreign) return;
      return wrong("{} has data that no write of these sectors had", told);
    }
    if (entry.fua != item->fua) return wrong("{} has the wrong FUA flag", told);
    Ranges& logged = logged_[item->id];
    if (logged.overlaps(entry.range)) return wrong("{} is there twice", told);
    logged.add(entry.range);
    const Window window = window_of(*item);
    place(at, fmt::format("the write by operation {}", item->id), window, item->returned);
  }

  // `returned`: what it is did not complete later.
  void place(std::size_t at, const std::string& what, Window window, u64 returned) {
    if (window.begin == kNever) return wrong("entry {}, {}, was not flushed yet", at, what);
    if (window.end <= latest_begin_) {
      return wrong("entry {}, {}, stands behind {}, which came later", at, what, latest_);
    }
    if (window.begin >= latest_begin_) {
      latest_begin_ = window.begin;
      latest_ = what;
    }
    u64 least = 0;
    u64 most = 0;
    for (const LogItem& item : facts_.items) {
      if (item.certain && halves(item.returned) < window.begin) least += item.flushes_least;
      if (item.invoked < returned) most += item.flushes_most;  // W4
    }
    if (flushes_ < least) {
      return wrong("entry {}, {}, has {} flushes before it, not {}", at, what, flushes_, least);
    }
    if (flushes_ > most && !facts_.foreign) {
      return wrong("entry {}, {}, has {} flushes before it, at most {} had been sent", at, what,
                   flushes_, most);
    }
  }

  // All that had to be there before the latest of what is there.
  void check_missing() {
    if (facts_.gone != kNever && !facts_.may_be_full && !ended_) {
      return wrong("the target is gone, and the log does not end with its last mark");
    }
    std::map<std::string, u64> marks_due;
    for (const LogItem& item : facts_.items) {
      if (!item.certain || item.kind == LoggedKind::Flush) continue;
      if (window_of(item).end > latest_begin_) continue;
      if (item.kind == LoggedKind::Mark) {
        if (++marks_due[item.mark] > marks_seen_[item.mark]) {
          return wrong("mark {} is missing before {}", item.mark, latest_);
        }
        continue;
      }
      const auto logged = logged_.find(item.id);
      const u64 count = logged == logged_.end() ? 0 : logged->second.count_overlap(item.range);
      if (count == item.range.count_sectors) continue;
      return wrong("of the {} sectors that operation {} {} only {} are in the log before {}",
                   item.range.count_sectors, item.id,
                   item.kind == LoggedKind::Write ? "wrote" : "discarded", count, latest_);
    }
    u64 most = 0;
    for (const LogItem& item : facts_.items) most += item.flushes_most;
    if (flushes_ > most && !facts_.foreign) {
      wrong("there are {} flushes in the log, at most {} were sent", flushes_, most);
    }
  }

  const LogFacts& facts_;
  const std::vector<LoggedEntry>& entries_;
  std::string wrong_;
  u64 latest_begin_ = 0;  // of the windows so far, and whose it is
  std::string latest_ = "the beginning";
  u64 flushes_ = 0;  // so far
  bool ended_ = false;
  std::map<OperationId, Ranges> logged_;
  std::map<std::string, u64> marks_seen_;
};

LoggedEntry entry_of(const LogItem& item, u64 seed) {
  LoggedEntry entry{.kind = item.kind, .range = item.range, .fua = item.fua, .mark = item.mark};
  if (item.kind == LoggedKind::Write) {
    entry.data = {{item.range.count_sectors, Stamp{item.id, item.range.first_sector, seed}}};
  }
  return entry;
}

}  // namespace

std::string judge_log(const LogFacts& facts, const std::vector<LoggedEntry>& entries) {
  return LogJudge(facts, entries).run();
}

std::vector<LoggedEntry> expected_log(const LogFacts& facts, u64 seed) {
  std::vector<const LogItem*> items;
  for (const LogItem& item : facts.items) {
    if (item.certain) items.push_back(&item);
  }
  std::ranges::sort(items, {}, &LogItem::returned);
  std::vector<LoggedEntry> log;
  std::vector<const LogItem*> unflushed;
  std::size_t counted = 0;
  const auto flush_before = [&](u64 sent) {
    std::erase_if(unflushed, [&](const LogItem* item) {
      if (item->returned >= sent) return false;
      log.push_back(entry_of(*item, seed));
      return true;
    });
  };
  for (const LogItem* item : items) {
    if (item->flushes_least > 0) {
      flush_before(item->invoked);
      log.push_back({.kind = LoggedKind::Flush});
    }
    if (item->kind == LoggedKind::Flush) continue;
    if (enters_late(*item)) {
      unflushed.push_back(item);
      continue;
    }
    log.push_back(entry_of(*item, seed));
    counted = log.size();
  }
  if (facts.gone != kNever) {
    flush_before(facts.gone);
    log.push_back({.kind = LoggedKind::Mark, .mark = std::string(kEndMark)});
    counted = log.size();
  }
  log.resize(counted);
  return log;
}

}  // namespace bioscope::spec

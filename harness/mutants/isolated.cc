// SPDX-License-Identifier: Apache-2.0
#include "harness/mutants/isolated.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "models/trace/history_codec.h"

namespace bioscope {
namespace {

// What the child says: one byte, then the history, or the sentence why there is none.
constexpr u8 kPlayed = 1;
constexpr u8 kNotPlayed = 0;

void write_all(int fd, std::span<const u8> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

std::vector<u8> read_all(int fd) {
  std::vector<u8> all;
  std::array<u8, 65536> part{};
  for (;;) {
    const ssize_t size = ::read(fd, part.data(), part.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return all;
    all.insert(all.end(), part.begin(), part.begin() + size);
  }
}

[[noreturn]] void play_in_child(int fd, const PlayVariant& play, const Job& job,
                                const DefectSet& defects) {
  const auto history = play(job, defects);
  if (history) {
    write_all(fd, std::array{kPlayed});
    write_all(fd, encode_history(*history));
  } else {
    write_all(fd, std::array{kNotPlayed});
    const std::string& why = history.error().message;
    write_all(fd, std::span(reinterpret_cast<const u8*>(why.data()), why.size()));
  }
  ::_exit(0);  // nothing of the parent's is flushed or destroyed twice
}

Result<History> play_apart(const PlayVariant& play, const Job& job, const DefectSet& defects) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) {
    return could_not_judge(fmt::format("no pipe can be made: {}", std::strerror(errno)));
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    play_in_child(ends[1], play, job, defects);
  }
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    return could_not_judge(fmt::format("no process can be made: {}", std::strerror(errno)));
  }
  const std::vector<u8> said = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || said.empty()) {
    History history;
    history.end = HistoryEnd::Crashed;
    history.note = WIFSIGNALED(status) ? fmt::format("it died of {}", strsignal(WTERMSIG(status)))
                                       : "it ended before it had played the trace";
    return history;
  }
  const std::span<const u8> rest = std::span(said).subspan(1);
  if (said.front() == kPlayed) return decode_history(rest);
  return could_not_judge(std::string(rest.begin(), rest.end()));
}

}  // namespace

PlayVariant isolated(PlayVariant play) {
  return [play = std::move(play)](const Job& job, const DefectSet& defects) -> Result<History> {
    return defects.none() ? play(job, defects) : play_apart(play, job, defects);
  };
}

}  // namespace bioscope

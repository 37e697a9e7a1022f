// SPDX-License-Identifier: Apache-2.0
#include "harness/vm/qemu_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "models/channel/window.h"

namespace bioscope {
namespace {

// The numbers under which QEMU finds its files.
constexpr int kInitramfsFd = 10;
constexpr int kConsoleFd = 11;
constexpr int kPortFd = 12;
constexpr int kWindowFd = 13;
constexpr int kLowestFd = 20;
constexpr std::size_t kKeptOutputBytesMax = 1 << 20;

std::string fd_path(int fd) {
  return fmt::format("/proc/self/fd/{}", fd);
}

struct Pipe {
  std::array<int, 2> ends = {-1, -1};
  bool open() {
    std::array<int, 2> low{};
    if (pipe2(low.data(), O_CLOEXEC) != 0) return false;
    for (int i = 0; i < 2; ++i) {
      ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, kLowestFd);
      close(low[i]);
    }
    return ends[0] >= 0 && ends[1] >= 0;
  }
  int take(int end) { return std::exchange(ends[end], -1); }
  ~Pipe() {
    for (const int end : ends) {
      if (end >= 0) close(end);
    }
  }
};

void close_fd(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

// Appends what is there to `text`; closes `fd` at its end. Bounded: the rest is thrown away.
void drain(int& fd, std::string& text) {
  std::array<char, 65536> buffer;
  while (fd >= 0) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count > 0) {
      if (text.size() < kKeptOutputBytesMax) {
        text.append(buffer.data(), static_cast<std::size_t>(count));
      }
    } else if (count == 0) {
      close_fd(fd);
    } else if (errno != EINTR) {
      return;
    }
  }
}

}  // namespace

std::optional<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (access(name.c_str(), X_OK) == 0) return name;
    return std::nullopt;
  }
  const char* path = std::getenv("PATH");
  std::string_view folders = path != nullptr ? path : "/usr/bin:/bin";
  while (true) {
    const std::size_t end = folders.find(':');
    const std::string candidate = fmt::format("{}/{}", folders.substr(0, end), name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    if (end == std::string_view::npos) return std::nullopt;
    folders.remove_prefix(end + 1);
  }
}

Result<QemuProcess> QemuProcess::start(const MachineConfig& config, const std::string& program) {
  Result<MemoryFile> initramfs = MemoryFile::create("initramfs", config.initramfs);
  if (!initramfs) return std::unexpected(initramfs.error());
  Result<MemoryFile> console = MemoryFile::create("console");
  if (!console) return std::unexpected(console.error());
  Result<MemoryFile> port = MemoryFile::create("port");
  if (!port) return std::unexpected(port.error());
  Result<MemoryFile> window = MemoryFile::create("window");
  if (!window) return std::unexpected(window.error());
  const Result<void> resized = window->resize(kWindowBytes);
  if (!resized) return std::unexpected(resized.error());
  Pipe control_in;
  Pipe control_out;
  Pipe messages;
  QemuProcess process(std::move(*console), std::move(*port), std::move(*window));
  process.inotify_fd_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  bool ready =
      process.inotify_fd_ >= 0 && control_in.open() && control_out.open() && messages.open();
  for (const int fd : {process.console_.fd(), process.port_.fd()}) {
    ready = ready && inotify_add_watch(process.inotify_fd_, fd_path(fd).c_str(), IN_MODIFY) >= 0;
  }
  if (!ready) {
    return could_not_judge(
        fmt::format("cannot set up QEMU's files: {}; run fewer jobs", std::strerror(errno)));
  }
  MachineConfig started = config;
  started.qemu = program;
  process.command_line_ = qemu_arguments(started, {.initramfs = fd_path(kInitramfsFd),
                                                   .console = fd_path(kConsoleFd),
                                                   .port = fd_path(kPortFd),
                                                   .window = fd_path(kWindowFd)});
  std::vector<char*> argv;
  argv.reserve(process.command_line_.size() + 1);
  for (std::string& argument : process.command_line_) argv.push_back(argument.data());
  argv.push_back(nullptr);

  if (config.profile == Profile::Det) process.processor_.emplace();
  const cpu_set_t* processor = process.processor_ ? &process.processor_->mask() : nullptr;
  const pid_t parent = getpid();
  process.pid_ = fork();
  if (process.pid_ == 0) {
    // Only what is safe between fork and exec in a process with threads.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    if (processor != nullptr) sched_setaffinity(0, sizeof *processor, processor);
    setpgid(0, 0);  // Ctrl-C is for bioscope, which then ends QEMU
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    dup2(control_in.ends[0], 0);
    dup2(control_out.ends[1], 1);
    dup2(messages.ends[1], 2);
    dup2(initramfs->fd(), kInitramfsFd);
    dup2(process.console_.fd(), kConsoleFd);
    dup2(process.port_.fd(), kPortFd);
    dup2(process.window_.fd(), kWindowFd);
    execv(argv[0], argv.data());
    _exit(127);
  }
  if (process.pid_ < 0) {
    return could_not_judge(
        fmt::format("cannot start QEMU: {}; run fewer jobs", std::strerror(errno)));
  }
  process.pid_fd_ = static_cast<int>(syscall(SYS_pidfd_open, process.pid_, 0));
  process.control_in_fd_ = control_in.take(1);
  process.control_out_fd_ = control_out.take(0);
  process.messages_fd_ = messages.take(0);
  for (const int fd : {process.control_in_fd_, process.control_out_fd_, process.messages_fd_}) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  return process;
}

QemuProcess::QemuProcess(QemuProcess&& other) noexcept
    : console_(std::move(other.console_)),
      port_(std::move(other.port_)),
      window_(std::move(other.window_)),
      processor_(std::move(other.processor_)),
      vcpu_yields_(other.vcpu_yields_),
      console_offset_bytes_(other.console_offset_bytes_),
      port_offset_bytes_(other.port_offset_bytes_),
      window_offset_bytes_(other.window_offset_bytes_),
      pid_(std::exchange(other.pid_, -1)),
      pid_fd_(std::exchange(other.pid_fd_, -1)),
      inotify_fd_(std::exchange(other.inotify_fd_, -1)),
      control_in_fd_(std::exchange(other.control_in_fd_, -1)),
      control_out_fd_(std::exchange(other.control_out_fd_, -1)),
      messages_fd_(std::exchange(other.messages_fd_, -1)),
      last_cpu_ms_(other.last_cpu_ms_),
      command_line_(std::move(other.command_line_)),
      messages_(std::move(other.messages_)),
      control_output_(std::move(other.control_output_)),
      end_(other.end_) {}

QemuProcess::~QemuProcess() {
  kill_now();
  for (int* fd : {&pid_fd_, &inotify_fd_, &control_in_fd_, &control_out_fd_, &messages_fd_}) {
    close_fd(*fd);
  }
}

// On the one processor of a deterministic guest the main loop has to come to rest before the vCPU
// goes on (processor.h): the vCPU's thread is the nicer one.
void QemuProcess::yield_vcpu() {
  if (!processor_ || vcpu_yields_) return;
  constexpr int kNice = 10;
  const std::string tasks = fmt::format("/proc/{}/task", pid_);
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator(tasks, gone)) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (!name.starts_with("CPU 0/")) continue;
    const int tid = std::atoi(task.path().filename().c_str());
    vcpu_yields_ = setpriority(PRIO_PROCESS, static_cast<id_t>(tid), kNice) == 0;
  }
}

void QemuProcess::wait(int interrupt_fd, int wait_ms) {
  yield_vcpu();
  std::array<pollfd, 5> fds = {pollfd{pid_fd_, POLLIN, 0}, pollfd{inotify_fd_, POLLIN, 0},
                               pollfd{control_out_fd_, POLLIN, 0}, pollfd{messages_fd_, POLLIN, 0},
                               pollfd{interrupt_fd, POLLIN, 0}};
  if (poll(fds.data(), fds.size(), wait_ms) <= 0) return;
  std::array<char, 4096> events;
  while (read(inotify_fd_, events.data(), events.size()) > 0) {
  }
  drain(control_out_fd_, control_output_);
  drain(messages_fd_, messages_);
}

std::optional<ProcessEnd> QemuProcess::ended() {
  if (end_ || pid_ < 0) return end_;
  int status = 0;
  const u64 cpu_so_far_ms = cpu_ms();
  if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  last_cpu_ms_ = cpu_so_far_ms;
  drain(messages_fd_, messages_);
  end_ = WIFSIGNALED(status) ? ProcessEnd{true, WTERMSIG(status)}
                             : ProcessEnd{false, WEXITSTATUS(status)};
  return end_;
}

void QemuProcess::kill_now() {
  if (pid_ < 0 || end_) return;
  last_cpu_ms_ = cpu_ms();
  kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  end_ = ProcessEnd{true, SIGKILL};
}

void QemuProcess::send_control(const std::string& line) {
  // QEMU may be gone, and then there is nobody to hear; the caller finds out through ended().
  sigset_t pipe_signal;
  sigset_t before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  if (write(control_in_fd_, line.data(), line.size()) < 0 && errno == EPIPE) {
    const timespec at_once{};
    sigtimedwait(&pipe_signal, nullptr, &at_once);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

u64 QemuProcess::cpu_ms() const {
  clockid_t clock{};
  timespec used{};
  if (end_ || clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    return last_cpu_ms_;
  }
  return static_cast<u64>(used.tv_sec) * 1000 + static_cast<u64>(used.tv_nsec) / 1'000'000;
}

std::string QemuProcess::new_channel() {
  // The port first: a byte on it is written after the count that it announces.
  std::string port_bytes = take(port_, port_offset_bytes_);
  WindowHeader header;
  const std::string bytes = window_.read_part(0, sizeof header);
  if (bytes.size() == sizeof header) std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kWindowMagic) return port_bytes;
  // The guest may be dying: a count that cannot be is taken for what fits.
  const u64 written_bytes = std::min<u64>(header.written_bytes, kWindowCapacityBytes);
  if (written_bytes <= window_offset_bytes_) return {};
  std::string fresh = window_.read_part(kWindowDataOffset + window_offset_bytes_,
                                        written_bytes - window_offset_bytes_);
  window_offset_bytes_ += fresh.size();
  return fresh;
}

std::string QemuProcess::take(const MemoryFile& file, u64& offset_bytes) {
  std::string bytes = file.read_from(offset_bytes);
  offset_bytes += bytes.size();
  return bytes;
}

}  // namespace bioscope

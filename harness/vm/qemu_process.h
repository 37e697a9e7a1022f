// SPDX-License-Identifier: Apache-2.0
// One QEMU process: its start, its files, its certain end.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/vm/memory_file.h"
#include "harness/vm/processor.h"
#include "harness/vm/qemu.h"
#include "models/base/result.h"
#include "models/base/types.h"

namespace bioscope {

// How the process ended.
struct ProcessEnd {
  bool by_signal = false;
  int number = 0;  // of the signal, or the exit status
};

// The path of the program, or nothing if it is not there or cannot be executed.
std::optional<std::string> find_program(const std::string& name);

// The guest's files are in memory and passed as open descriptors, so there is no temporary file.
// The process is killed and waited for by the destructor, and by the kernel if this process dies.
// Not thread-safe; the thread that started it has to outlive it (PR_SET_PDEATHSIG).
class QemuProcess {
 public:
  // Could not judge: no process, descriptor or memory left on the host.
  static Result<QemuProcess> start(const MachineConfig& config, const std::string& program);

  QemuProcess(QemuProcess&& other) noexcept;
  QemuProcess& operator=(QemuProcess&&) = delete;
  ~QemuProcess();

  // Waits until something was written to console or channel, until the process ended, until
  // `interrupt_fd` is readable (-1: none), or for wait_ms.
  void wait(int interrupt_fd, int wait_ms);

  // The end of the process, once it ended.
  std::optional<ProcessEnd> ended();
  void kill_now();

  std::string new_console() { return take(console_, console_offset_bytes_); }
  std::string new_channel();
  const std::string& messages() const { return messages_; }              // standard error of QEMU
  const std::string& control_output() const { return control_output_; }  // QMP, so far

  void send_control(const std::string& line);
  u64 cpu_ms() const;  // processor time used so far
  pid_t pid() const { return pid_; }
  const std::vector<std::string>& command_line() const { return command_line_; }

 private:
  QemuProcess(MemoryFile console, MemoryFile port, MemoryFile window)
      : console_(std::move(console)), port_(std::move(port)), window_(std::move(window)) {}
  static std::string take(const MemoryFile& file, u64& offset_bytes);
  void yield_vcpu();

  MemoryFile console_;
  MemoryFile port_;
  MemoryFile window_;
  std::optional<ProcessorShare> processor_;  // in profile Det
  bool vcpu_yields_ = false;
  u64 console_offset_bytes_ = 0;
  u64 port_offset_bytes_ = 0;
  u64 window_offset_bytes_ = 0;
  pid_t pid_ = -1;
  int pid_fd_ = -1;
  int inotify_fd_ = -1;
  int control_in_fd_ = -1;
  int control_out_fd_ = -1;
  int messages_fd_ = -1;
  u64 last_cpu_ms_ = 0;
  std::vector<std::string> command_line_;
  std::string messages_;
  std::string control_output_;
  std::optional<ProcessEnd> end_;
};

}  // namespace bioscope

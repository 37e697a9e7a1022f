// SPDX-License-Identifier: Apache-2.0
#include "harness/vm/qemu.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/channel/window.h"

namespace bioscope {
namespace {

// What every guest is booted with. The order counts: the command line is part of a det run.
constexpr const char* kKernelArguments[] = {
    "console=ttyS0",
    "nokaslr",
    "preempt=full",
    "rcupdate.rcu_expedited=1",
    "sysrq_always_enabled",  // Debian forbids w and t otherwise
    "panic=-1",              // a panic ends QEMU at once, through -no-reboot
    "oops=panic",            // a kernel that went on after an oops would only blur the finding
    "mitigations=off",       // retpolines are slow under TCG
    "cryptomgr.notests",     // the self-tests take half of the boot
    "no_timer_check",        // QEMU's timer works, and checking it waits
    "init_on_alloc=0",       // zeroed pages cost time and hide what is used uninitialised
};

void append(std::vector<std::string>& arguments, std::initializer_list<const char*> more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
}

bool needs_quotes(const std::string& argument) {
  return argument.empty() || argument.find_first_not_of(
                                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "_-+=,./:@%") != std::string::npos;
}

}  // namespace

std::string kernel_command_line(const MachineConfig& config) {
  std::string line = fmt::format("{}", fmt::join(kKernelArguments, " "));
  for (const std::string& argument : config.kernel_arguments) line += " " + argument;
  return line;
}

std::vector<std::string> qemu_arguments(const MachineConfig& config, const MachineFiles& files) {
  std::vector<std::string> arguments = {config.qemu};
  append(arguments, {"-name", "debug-threads=on", "-nodefaults", "-no-user-config", "-nic", "none",
                     "-display", "none", "-no-reboot", "-sandbox", "on", "-machine",
                     "q35,sata=off,smbus=off,usb=off,vmport=off"});
  if (config.profile == Profile::Det) {
    append(arguments, {"-accel", "tcg", "-icount", "shift=4,sleep=off", "-smp", "1", "-cpu",
                       "Nehalem", "-rtc", "base=2026-01-01,clock=vm"});
  } else if (config.accelerator == Accelerator::Kvm) {
    append(arguments, {"-accel", "kvm", "-smp", "2", "-cpu", "host", "-rtc", "base=2026-01-01"});
  } else {
    append(arguments, {"-accel", "tcg,thread=multi", "-smp", "2", "-cpu", "Nehalem", "-rtc",
                       "base=2026-01-01"});
  }
  arguments.insert(arguments.end(),
                   {"-m",
                    fmt::format("{}M", config.memory_mib),
                    "-kernel",
                    config.kernel.boot_image.string(),
                    "-initrd",
                    files.initramfs,
                    "-append",
                    kernel_command_line(config),
                    "-chardev",
                    fmt::format("file,id=console,path={}", files.console),
                    "-serial",
                    "chardev:console",
                    "-chardev",
                    fmt::format("file,id=port,path={}", files.port),
                    "-device",
                    fmt::format("isa-debugcon,iobase={:#x},chardev=port", kChannelPort),
                    "-object",
                    fmt::format("memory-backend-file,id=window,share=on,size={},mem-path={}",
                                kWindowBytes, files.window),
                    "-device",
                    "ivshmem-plain,memdev=window,addr=2",
                    "-chardev",
                    "stdio,id=control,signal=off",
                    "-mon",
                    "chardev=control,mode=control"});
  return arguments;
}

std::string shell_line(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    if (!line.empty()) line += ' ';
    if (!needs_quotes(argument)) {
      line += argument;
      continue;
    }
    line += '\'';
    for (const char c : argument) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

}  // namespace bioscope

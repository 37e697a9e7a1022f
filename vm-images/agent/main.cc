// SPDX-License-Identifier: Apache-2.0
// bioscope-agent, PID 1 of the guest: boots, plays what it was assigned, reports, powers off. See
// docs/AGENT.md.
#include <fmt/format.h>
#include <signal.h>
#include <sys/utsname.h>

#include <string>

#include "vm-images/agent/boot.h"
#include "vm-images/agent/channel_writer.h"
#include "vm-images/agent/clock.h"
#include "vm-images/agent/disk_server.h"
#include "vm-images/agent/dm_operations.h"
#include "vm-images/agent/modules.h"
#include "vm-images/agent/player.h"
#include "vm-images/agent/thread_priority.h"

namespace bioscope {
namespace {

// A signal of a trace interrupts the system call it finds and does nothing else.
void ignore_signals() {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE}) {
    sigaction(number, &action, nullptr);
  }
}

Result<void> serve(ChannelWriter& channel) {
  Greeting greeting;
  greeting.uptime_ns = now_ns();
  if (auto done = mount_system_folders(); !done) return done;
  channel.open_window();
  prepare_kernel();
  Modules modules = Modules::read_list();
  if (auto done = modules.load_at_boot(); !done) return done;
  mount_configfs();
  Result<DiskServer> server = DiskServer::start();
  if (!server) return std::unexpected(server.error());
  set_priority(server->pid(), kServerPriority);
  set_priority(0, kPlayerPriority);
  set_io_priority();
  start_device_mapper();
  greeting.can = probe_capabilities(!modules.scsi_debug_path().empty());
  utsname names{};
  uname(&names);
  greeting.kernel_release = names.release;
  channel.send(FrameType::Hello, encode(greeting));

  Result<Assignment> assignment = read_assignment();
  if (!assignment) return std::unexpected(assignment.error());
  Player player(channel, *server, greeting.can, modules);
  for (u32 index = 0; index < assignment->traces.size(); ++index) {
    const Player::Played played = player.play(index, assignment->traces[index]);
    channel.send(FrameType::End, encode(played.report));
    if (!played.unusable.empty()) return could_not_judge(played.unusable);
  }
  channel.send(FrameType::Bye, {});
  power_off();
}

}  // namespace
}  // namespace bioscope

int main() {
  using namespace bioscope;
  ignore_signals();
  ChannelWriter channel;
  // Without the channel there is only the console to say why.
  if (auto opened = channel.open_port(); !opened) {
    if (mount_system_folders()) mark(opened.error().message);
    power_off();
  }
  if (const auto done = serve(channel); !done) {
    mark("trouble: " + done.error().message);
    channel.trouble(done.error().message);
  }
  power_off();
}

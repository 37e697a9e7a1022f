/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in the place of the guest's agent and does what no agent should. Built once for each way,
 * static and without anything of bioscope.
 */
#include <fcntl.h>
#include <stddef.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <unistd.h>

#define CHANNEL_PORT 0xe9

/* Panics before it has said anything. */
static void panic_at_boot(void) {
  mount("proc", "/proc", "proc", 0, NULL);
  const int trigger = open("/proc/sysrq-trigger", O_WRONLY);
  if (write(trigger, "c", 1) < 0) _exit(9);
}

/* Writes to the channel what is no frame. */
static void print_garbage(void) {
  ioperm(CHANNEL_PORT, 1, 1);
  for (unsigned i = 0; i < 1000; ++i) outb((unsigned char)(i * 37), CHANNEL_PORT);
}

/* Lives and says nothing. */
static void say_nothing(void) {}

int main(void) {
  BAD_GUEST_WAY();
  for (;;) pause();
}

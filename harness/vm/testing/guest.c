/* SPDX-License-Identifier: Apache-2.0
 *
 * PID 1 of the guests that the tests of harness/vm boot. The file /mode in its initramfs says how
 * it is to behave. Static, and without anything of bioscope, so that a test of the machine is no
 * test of the agent.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#define CHANNEL_PORT 0xe9

static void print(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY);
  if (fd < 0) return;
  if (write(fd, text, strlen(text)) < 0) _exit(9);
  close(fd);
}

static void say(const void* bytes, size_t size) {
  __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(size) : "d"((short)CHANNEL_PORT) : "memory");
}

static void say_text(const char* text) {
  say(text, strlen(text));
}

static long long now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Prints what a run that is not deterministic would not repeat: clocks, and what 64 KiB cost. */
static void measure(void) {
  static char block[65536];
  char line[160];
  memset(block, 'x', sizeof block);
  const long long before = now_ns();
  say(block, sizeof block);
  const long long after = now_ns();
  snprintf(line, sizeof line, "bioscope: at %lld ns, 64 KiB on the channel took %lld ns\n", before,
           after - before);
  print("/dev/kmsg", line);
  say_text(line);
}

int main(void) {
  char mode[64] = "good";
  const int fd = open("/mode", O_RDONLY);
  if (fd >= 0) {
    const ssize_t count = read(fd, mode, sizeof mode - 1);
    mode[count > 0 ? count : 0] = '\0';
    close(fd);
  }
  mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
  mount("proc", "/proc", "proc", 0, NULL);
  if (ioperm(CHANNEL_PORT, 1, 1) != 0) return 8;

  if (strcmp(mode, "dies") == 0) return 3;
  if (strcmp(mode, "noise") == 0) {
    print("/dev/console", "\x01\xfe\xff\x80garbage\n");
    for (;;) {
    }
  }
  say_text("hello\n");
  print("/dev/kmsg", "bioscope: trace first begin\n");
  if (strcmp(mode, "measure") == 0) measure();
  if (strcmp(mode, "garbage") == 0) say_text("\xff\xfe garbage");
  if (strcmp(mode, "sleeps") == 0) {
    for (;;) pause();
  }
  if (strcmp(mode, "spins") == 0) {
    for (;;) {
    }
  }
  if (strcmp(mode, "floods") == 0) {
    for (;;) print("/dev/console", "flood flood flood flood flood flood flood flood flood flood\n");
  }
  if (strcmp(mode, "crashes") == 0) print("/proc/sysrq-trigger", "c");
  print("/dev/kmsg", "bioscope: trace first end\n");
  if (strcmp(mode, "leaves") != 0) say_text("bye\n");
  reboot(RB_POWER_OFF);
  return 0;
}

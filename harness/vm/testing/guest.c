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
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#define CHANNEL_PORT 0xe9
#define WINDOW "/sys/bus/pci/devices/0000:00:02.0/"
#define WINDOW_BYTES (64UL << 20)
#define WINDOW_MAGIC 0x31776f6962736f62ULL
#define WINDOW_DATA 4096

static void print(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY);
  if (fd < 0) return;
  if (write(fd, text, strlen(text)) < 0) _exit(9);
  close(fd);
}

static volatile unsigned long long* window;

/* After this say() goes through shared memory. */
static int open_window(void) {
  mount("sysfs", "/sys", "sysfs", 0, NULL);
  print(WINDOW "enable", "1");
  const int fd = open(WINDOW "resource2", O_RDWR);
  if (fd < 0) return -1;
  void* memory = mmap(NULL, WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory == MAP_FAILED) return -1;
  window = memory;
  window[1] = 0;
  window[0] = WINDOW_MAGIC;
  return 0;
}

static void say(const void* bytes, size_t size) {
  if (window) {
    memcpy((char*)window + WINDOW_DATA + window[1], bytes, size);
    __atomic_store_n(&window[1], window[1] + size, __ATOMIC_RELEASE);
    size = 1;
  }
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
  if (strcmp(mode, "window") == 0 && open_window() != 0) return 7;
  say_text("hello\n");
  print("/dev/kmsg", "bioscope: trace first begin\n");
  if (strcmp(mode, "measure") == 0 || window) measure();
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

// SPDX-License-Identifier: Apache-2.0
// What the scan must find, and what it must not report.
#include "harness/vm/splat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace bioscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string kBoot =
    "[    0.000000] Linux version 6.1.0-56-cloud-amd64 (gcc-12) #1 SMP PREEMPT_DYNAMIC\n"
    "[    0.000000] Command line: console=ttyS0 oops=panic panic=-1\n"
    "[    0.100000] Warning: unable to open an initial console.\n"
    "[    0.200000] PCI: Using configuration type 1 for base access, DEBUG off\n"
    "[    0.300000] hung_task_timeout_secs is set\n"
    "[    2.300000] probe: loading out-of-tree module taints kernel.\n"
    "[    2.300001] probe: module verification failed: signature and/or required key missing - "
    "tainting kernel\n";
const std::string kBegin = "[    3.000000] bioscope: trace suites/case-d begin\n";
const std::string kEnd = "[    4.000000] bioscope: trace suites/case-d end\n";

const std::string kWarning =
    "[    3.100000] ------------[ cut here ]------------\n"
    "[    3.100001] WARNING: CPU: 0 PID: 88 at drivers/md/dm.c:592 alloc_io+0x1b/0x20 [dm_mod]\n"
    "[    3.100002] Modules linked in: dm_snapshot dm_mod\n"
    "[    3.100003] CPU: 0 PID: 88 Comm: lane-A Not tainted 6.1.0-56-cloud-amd64 #1\n"
    "[    3.100004] RIP: 0010:alloc_io+0x1b/0x20 [dm_mod]\n"
    "[    3.100005] Code: 00 00 0f 0b\n"
    "[    3.100006] Call Trace:\n"
    "[    3.100007]  <TASK>\n"
    "[    3.100008]  dm_submit_bio+0x2f/0x400 [dm_mod]\n"
    "[    3.100009]  __submit_bio+0x9c/0x170\n"
    "[    3.100010]  </TASK>\n"
    "[    3.100011] ---[ end trace 0000000000000000 ]---\n";

const std::string kHungTask =
    "[  123.000000] INFO: task lane-A:88 blocked for more than 120 seconds.\n"
    "[  123.000001]       Not tainted 6.1.0-56-cloud-amd64 #1 Debian 6.1.192-2\n"
    "[  123.000002] \"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\" disables this message.\n"
    "[  123.000003] task:lane-A          state:D stack:0     pid:88    ppid:1\n"
    "[  123.000004] Call Trace:\n"
    "[  123.000005]  <TASK>\n"
    "[  123.000006]  __schedule+0x34d/0x9e0\n"
    "[  123.000007]  schedule+0x5a/0xd0\n"
    "[  123.000008]  schedule_timeout+0x118/0x150\n"
    "[  123.000009]  ? preempt_schedule+0x1/0x2\n"
    "[  123.000010]  wait_for_completion+0x86/0x160\n"
    "[  123.000011]  perform_rpc+0x98/0xc0 [dm_era]\n"
    "[  123.000012]  era_status+0x4b/0x120 [dm_era]\n"
    "[  123.000013]  </TASK>\n";

const std::string kNullPointer =
    "[    3.200000] BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
    "[    3.200001] #PF: supervisor read access in kernel mode\n"
    "[    3.200002] PGD 0 P4D 0 \n"
    "[    3.200003] Oops: 0000 [#1] PREEMPT SMP NOPTI\n"
    "[    3.200004] RIP: 0010:origin_map+0x12/0x60 [dm_snapshot]\n"
    "[    3.200005] Call Trace:\n"
    "[    3.200006]  <TASK>\n"
    "[    3.200007]  ? __die+0x20/0x70\n"
    "[    3.200008]  __map_bio+0x53/0x1e0 [dm_mod]\n"
    "[    3.200009]  </TASK>\n"
    "[    3.200010] Modules linked in: dm_snapshot dm_mod\n"
    "[    3.200011] CR2: 0000000000000008\n"
    "[    3.200012] ---[ end trace 0000000000000000 ]---\n"
    "[    3.200013] Kernel panic - not syncing: Fatal exception\n";

ConsoleScan scan(const std::string& text, const SplatPolicy& policy = {.today = "2026-01-01"}) {
  return scan_console(kBoot + kBegin + text + kEnd, policy);
}

std::vector<std::string> categories(const ConsoleScan& scan) {
  std::vector<std::string> names;
  for (const Splat& splat : scan.splats) names.push_back(splat.category);
  return names;
}

// One line of every category, as the kernel words it.
const std::vector<std::pair<std::string, std::string>> kOneOfEach = {
    {"KASAN", "BUG: KASAN: use-after-free in snapshot_map+0x1/0x2 [dm_snapshot]"},
    {"KFENCE", "BUG: KFENCE: use-after-free read in dm_put+0x1/0x2"},
    {"KMSAN", "BUG: KMSAN: uninit-value in dm_table_create+0x1/0x2"},
    {"KCSAN", "BUG: KCSAN: data-race in dm_suspend / dm_resume"},
    {"page fault", "BUG: unable to handle page fault for address: ffffc90000000000"},
    {"page fault", "BUG: kernel NULL pointer dereference, address: 0000000000000000"},
    {"sleeping function", "BUG: sleeping function called from invalid context at mm/slab.h:421"},
    {"scheduling while atomic", "BUG: scheduling while atomic: lane-A/88/0x00000002"},
    {"soft lockup", "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [lane-A:88]"},
    {"hard lockup", "watchdog: Watchdog detected hard LOCKUP on cpu 0"},
    {"workqueue lockup",
     "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!"},
    {"slab", "BUG dm_snap_pending_exception (Not tainted): Objects remaining in x on shutdown"},
    {"bad page", "BUG: Bad page state in process lane-A  pfn:12345"},
    {"stack corruption",
     "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: dm_map+0x1/0x2"},
    {"kernel BUG", "kernel BUG at drivers/md/persistent-data/dm-btree.c:42!"},
    {"recursive locking", "WARNING: possible recursive locking detected"},
    {"circular locking", "WARNING: possible circular locking dependency detected"},
    {"lock state", "WARNING: inconsistent lock state"},
    {"lock state", "WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected"},
    {"lockdep gave up", "turning off the locking correctness validator."},
    {"RCU usage", "WARNING: suspicious RCU usage"},
    {"RCU stall", "rcu: INFO: rcu_preempt self-detected stall on CPU"},
    {"RCU stall", "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 0-... }"},
    {"hung task", "INFO: task lane-A:88 blocked for more than 120 seconds."},
    {"refcount", "refcount_t: underflow; use-after-free."},
    {"ODEBUG", "ODEBUG: free active (active state 0) object type: timer_list hint: 0x0"},
    {"list corruption", "list_del corruption. prev->next should be ffff888, but was ffff889"},
    {"kobject", "kobject_add_internal failed for dm-0 with -EEXIST"},
    {"percpu_ref",
     "percpu ref (blk_queue_usage_counter_release) <= 0 (-1) after switching to atomic"},
    {"usercopy", "usercopy: Kernel memory exposure attempt detected from SLUB object 'x'!"},
    {"memory leak", "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"},
    {"memory leak", "unreferenced object 0xffff888003a5b300 (size 32):"},
    {"UBSAN", "UBSAN: shift-out-of-bounds in drivers/md/dm-snap.c:2:3"},
    {"WARNING", "WARNING: CPU: 0 PID: 88 at fs/super.c:10 thaw_super+0x1/0x2"},
    {"general protection fault",
     "general protection fault, probably for non-canonical address 0xdead"},
    {"divide error", "divide error: 0000 [#1] PREEMPT SMP NOPTI"},
    {"invalid opcode", "invalid opcode: 0000 [#1] PREEMPT SMP NOPTI"},
    {"double fault", "double fault: 0000 [#1] PREEMPT SMP NOPTI"},
    {"stack segment", "stack segment: 0000 [#1] PREEMPT SMP NOPTI"},
    {"oops", "Oops: 0002 [#1] PREEMPT SMP NOPTI"},
    {"BUG", "BUG: something new that nobody has met yet"},
    {"panic", "Kernel panic - not syncing: sysrq triggered crash"},
    {"oom", "lane-A invoked oom-killer: gfp_mask=0x1100cca, order=0, oom_score_adj=0"},
    {"busy inodes", "VFS: Busy inodes after unmount of dm-0. Self-destruct in 5 seconds."},
    {"file system error", "EXT4-fs error (device dm-0): ext4_find_entry:1463: inode #2: comm x"},
    {"file system error", "XFS (dm-0): Filesystem has been shut down due to log error (0x2)."},
    {"I/O error", "Buffer I/O error on dev dm-0, logical block 3, async page read"},
    {"I/O error", "I/O error, dev nbd0, sector 8 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2"},
    {"snapshot invalidated",
     "device-mapper: snapshots: Invalidating snapshot: Error reading/writing."},
    {"stuck request", "block nbd0: Possible stuck request 000000001: control (read@0,4096B)."},
    {"taint", "evil: loading out-of-tree module taints kernel."},
};

TEST(SplatScan, FindsOneOfEveryCategory) {
  std::set<std::string> found;
  for (const auto& [category, line] : kOneOfEach) {
    const ConsoleScan result = scan("[    3.500000] " + line + "\n");
    EXPECT_THAT(categories(result), ElementsAre(category)) << line;
    found.insert(category);
  }
  for (const std::string_view category : splat_categories()) {
    EXPECT_TRUE(found.contains(std::string(category))) << category << " has no sample in this test";
  }
}

TEST(SplatScan, SaysNothingOfAnOrdinaryConsole) {
  const ConsoleScan result = scan(
      "[    3.100000] device-mapper: ioctl: 4.47.0-ioctl (2022-07-28) initialised: dm\n"
      "[    3.200000] EXT4-fs (dm-0): mounted filesystem with ordered data mode. Quota mode: "
      "none.\n"
      "[    3.300000] XFS (dm-1): Ending clean mount\n"
      "[    3.400000] block nbd0: NBD_DISCONNECT\n"
      "[    3.500000] device-mapper: snapshots: Snapshot overflowed.\n"
      "[    3.600000] bioscope: trace debugging BUGgy-named WARNINGs nothing\n");
  EXPECT_TRUE(result.judged) << result.why_not;
  EXPECT_THAT(result.splats, IsEmpty());
  EXPECT_EQ(result.first_unallowed(), nullptr);
}

TEST(SplatScan, AWarningHasItsStackItsSymbolAndItsTrace) {
  const ConsoleScan result = scan(kWarning);
  ASSERT_THAT(result.splats, SizeIs(1));
  const Splat& splat = result.splats[0];
  EXPECT_EQ(splat.symbol, "alloc_io");
  EXPECT_EQ(splat.trace, "suites/case-d");
  EXPECT_THAT(splat.headline, HasSubstr("WARNING: CPU: 0 PID: 88"));
  EXPECT_EQ(splat.block.size(), 11U);
  EXPECT_THAT(splat.block.back(), HasSubstr("end trace"));
  EXPECT_EQ(result.first_unallowed(), &result.splats[0]);
}

TEST(SplatScan, AHungTaskIsBlamedOnTheFirstThatIsNoWaitingHelper) {
  const ConsoleScan result = scan(kHungTask + "[  124.000000] block dm-0: unrelated\n");
  ASSERT_THAT(result.splats, SizeIs(1));
  EXPECT_EQ(result.splats[0].symbol, "perform_rpc");
  EXPECT_THAT(result.splats[0].block.back(), HasSubstr("</TASK>"));
}

TEST(SplatScan, AnOopsIsOneReportAndThePanicBehindItAnother) {
  const ConsoleScan result = scan(kNullPointer);
  EXPECT_THAT(categories(result), ElementsAre("page fault", "panic"));
  EXPECT_EQ(result.splats[0].symbol, "origin_map");
}

TEST(SplatScan, AReportDoesNotSwallowTheNextOne) {
  const ConsoleScan result =
      scan("[    3.050000] BUG: Bad page state in process a  pfn:1\n" + kWarning + kHungTask);
  EXPECT_THAT(categories(result), ElementsAre("bad page", "WARNING", "hung task"));
}

TEST(SplatScan, BelongsToNoTraceBetweenTwo) {
  const ConsoleScan result =
      scan_console(kBoot + kBegin + kEnd + kWarning, {.today = "2026-01-01"});
  ASSERT_THAT(result.splats, SizeIs(1));
  EXPECT_EQ(result.splats[0].trace, "");
}

TEST(SplatScan, FailsClosed) {
  EXPECT_FALSE(scan_console("", {}).judged);
  EXPECT_FALSE(scan_console("\x01\xff garbage\n", {}).judged);
  const ConsoleScan lost = scan("[    3.1] ** 12 printk messages dropped **\n");
  EXPECT_FALSE(lost.judged);
  EXPECT_THAT(lost.why_not, HasSubstr("lost messages"));
  EXPECT_TRUE(scan("").judged);
}

TEST(SplatScan, FindsSplatsInAConsoleThatIsNotJudged) {
  EXPECT_THAT(categories(scan_console(kHungTask, {})), ElementsAre("hung task"));
}

TEST(SplatScan, AnAllowanceCountsUntilItsLastDay) {
  SplatPolicy policy;
  policy.allowances = {{.pattern = "drivers/md/dm.c:592",
                        .reason = "fixed upstream",
                        .link = "https://example.org/1",
                        .expiry = "2026-06-30"}};
  policy.today = "2026-06-30";
  const ConsoleScan in_time = scan(kWarning, policy);
  ASSERT_THAT(in_time.splats, SizeIs(1));
  EXPECT_TRUE(in_time.splats[0].is_allowed());
  EXPECT_EQ(in_time.first_unallowed(), nullptr);

  policy.today = "2026-07-01";
  const ConsoleScan late = scan(kWarning, policy);
  EXPECT_FALSE(late.splats[0].is_allowed());
  EXPECT_TRUE(late.splats[0].allowance_expired);
  EXPECT_NE(late.first_unallowed(), nullptr);
}

TEST(SplatScan, AnAllowanceDoesNotReachOtherLines) {
  SplatPolicy policy{.allowances = {{.pattern = "drivers/md/dm.c:593", .expiry = "2099-01-01"}},
                     .today = "2026-01-01"};
  EXPECT_NE(scan(kWarning, policy).first_unallowed(), nullptr);
  policy.allowances[0].pattern.clear();
  EXPECT_NE(scan(kWarning, policy).first_unallowed(), nullptr);
}

TEST(SplatScan, HungTasksAreAllowedOnlyWhereATraceHoldsRequests) {
  SplatPolicy policy{.allowances = {{.pattern = "blocked for more than",
                                     .reason = "the trace holds the request",
                                     .link = "docs/VM.md",
                                     .expiry = "2099-01-01",
                                     .scope = Allowance::Scope::HeldRequests}},
                     .today = "2026-01-01"};
  EXPECT_NE(scan(kHungTask, policy).first_unallowed(), nullptr);
  policy.traces_that_hold = {{"suites/case-d", 0}};
  EXPECT_EQ(scan(kHungTask, policy).first_unallowed(), nullptr);
}

TEST(SplatScan, IoErrorsAreExpectedOnlyWhereATraceMakesThem) {
  const std::string error = "[    3.1] Buffer I/O error on dev dm-0, logical block 3\n";
  SplatPolicy policy{.today = "2026-01-01"};
  EXPECT_NE(scan(error, policy).first_unallowed(), nullptr);
  policy.traces_that_fail_io = {{"suites/case-d", 0}};
  EXPECT_THAT(scan(error, policy).splats, IsEmpty());
}

}  // namespace
}  // namespace bioscope

/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the probe share. */
#ifndef BIOSCOPE_PROBE_INTERNAL_H
#define BIOSCOPE_PROBE_INTERNAL_H

#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/version.h>

#include <bioscope_probe.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) || LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#error "the probe reads struct block_device of Linux 6.1; adapt freeze.c and counters.c to this kernel"
#endif

/* A device that this open file has frozen, kept by its inode so that it is no opener. */
struct probe_frozen {
	struct inode *inode;	/* NULL: the slot is free */
	unsigned int count;	/* freezes to take back when the file is closed */
	unsigned int users;	/* FREEZE calls that are under way */
};

/* One open file of the probe. */
struct probe_file {
	struct mutex bio_lock;	/* pending, waited and what counts them */
	struct list_head pending;
	struct list_head waited;	/* kept for a while to see a second end_io */
	unsigned int pending_count;
	unsigned int waited_count;
	u64 pending_bytes;
	u64 last_id;

	struct mutex freeze_lock;	/* frozen[]; never held over freeze_bdev() */
	struct probe_frozen frozen[BIOSCOPE_PROBE_MAX_FROZEN];
};

/* The open block device behind fd, with a reference on its file (fput), or an ERR_PTR. */
struct file *probe_get_device(int fd, struct block_device **bdev);

long probe_submit(struct probe_file *probe, void __user *argument);
long probe_wait(struct probe_file *probe, void __user *argument);
void probe_forget_bios(struct probe_file *probe);
unsigned int probe_ended_more_than_once(void);

long probe_freeze(struct probe_file *probe, void __user *argument);
long probe_thaw(struct probe_file *probe, void __user *argument);
void probe_thaw_all(struct probe_file *probe);

long probe_counters(struct probe_file *probe, void __user *argument);

#endif

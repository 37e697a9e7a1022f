/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What user space and the probe say to each other: ioctls of /dev/bioscope_probe.
 *
 * The probe does what user space cannot: it submits one bio exactly as it is written, freezes a
 * bare block device, and reads counters that no file shows. A device is always named by the file
 * descriptor of an open block device, so that the probe opens nothing itself and a device that was
 * deleted under its opener can still be asked. The descriptor's mode does not matter: whoever may
 * open the probe (CAP_SYS_ADMIN) may write through a read-only descriptor.
 *
 * Every ioctl returns 0 or fails with errno. Common to all of them:
 *   EFAULT   the argument cannot be read or written
 *   EBADF    fd is no open file
 *   ENOTBLK  fd is not a block device
 *   ENOTTY   no such ioctl
 *   EINVAL   a field is out of its range, or a reserved field is not zero
 * Nothing was done when an ioctl failed with one of these.
 */
#ifndef BIOSCOPE_PROBE_H
#define BIOSCOPE_PROBE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define BIOSCOPE_PROBE_PATH "/dev/bioscope_probe"
#define BIOSCOPE_PROBE_ABI 1

#define BIOSCOPE_PROBE_MAX_SEGMENTS 256		/* of one bio: BIO_MAX_VECS */
#define BIOSCOPE_PROBE_MAX_SEGMENT_BYTES 131072	/* physically contiguous */
#define BIOSCOPE_PROBE_MAX_DATA_BYTES 33554432	/* of one bio that carries data */
#define BIOSCOPE_PROBE_MAX_PENDING 256		/* bios of one open file, not yet waited for */
#define BIOSCOPE_PROBE_MAX_PENDING_BYTES 134217728
#define BIOSCOPE_PROBE_MAX_FROZEN 64		/* devices frozen through one open file */

/* "The kernel does not say": there is no such thing, or it could not be read safely. */
#define BIOSCOPE_PROBE_UNKNOWN 0xffffffffU

/* ---- which probe is this ---- */
struct bioscope_probe_version {
	__u32 abi;		/* out: BIOSCOPE_PROBE_ABI */
	__u32 kernel;		/* out: LINUX_VERSION_CODE that it was built for */
};

/* ---- one bio ---- */
/* bioscope_probe_bio.op: the kernel's REQ_OP_* numbers; any number up to 255 is submitted. */
#define BIOSCOPE_PROBE_OP_READ 0
#define BIOSCOPE_PROBE_OP_WRITE 1
#define BIOSCOPE_PROBE_OP_FLUSH 2
#define BIOSCOPE_PROBE_OP_DISCARD 3
#define BIOSCOPE_PROBE_OP_SECURE_ERASE 5
#define BIOSCOPE_PROBE_OP_ZONE_APPEND 7
#define BIOSCOPE_PROBE_OP_WRITE_ZEROES 9
#define BIOSCOPE_PROBE_OP_LAST 255

/*
 * bioscope_probe_bio.flags: the REQ_* flags that a submitter may set. Those that need more than
 * a flag (INTEGRITY, POLLED, ALLOC_CACHE, CGROUP_PUNT, DRV) are left out: EINVAL.
 */
#define BIOSCOPE_PROBE_FAILFAST_DEV (1U << 0)
#define BIOSCOPE_PROBE_FAILFAST_TRANSPORT (1U << 1)
#define BIOSCOPE_PROBE_FAILFAST_DRIVER (1U << 2)
#define BIOSCOPE_PROBE_SYNC (1U << 3)
#define BIOSCOPE_PROBE_META (1U << 4)
#define BIOSCOPE_PROBE_PRIO (1U << 5)
#define BIOSCOPE_PROBE_NOMERGE (1U << 6)
#define BIOSCOPE_PROBE_IDLE (1U << 7)
#define BIOSCOPE_PROBE_FUA (1U << 8)
#define BIOSCOPE_PROBE_PREFLUSH (1U << 9)
#define BIOSCOPE_PROBE_RAHEAD (1U << 10)
#define BIOSCOPE_PROBE_BACKGROUND (1U << 11)
#define BIOSCOPE_PROBE_NOWAIT (1U << 12)
#define BIOSCOPE_PROBE_NOUNMAP (1U << 13)
#define BIOSCOPE_PROBE_ALL_FLAGS ((1U << 14) - 1)

/* One bio_vec. The kernel merges none of them; each lies in pages of its own. */
struct bioscope_probe_segment {
	__u32 offset_bytes;	/* in its first page: 0..4095 */
	__u32 length_bytes;	/* 1..MAX_SEGMENT_BYTES - offset_bytes */
};

/*
 * SUBMIT: builds the bio, calls submit_bio() and returns what it is called from now on. It does
 * not wait for the bio's end, but for whatever submit_bio() itself waits for (a frozen queue).
 * READ, WRITE and ZONE_APPEND with a length carry data; every other bio carries none.
 * A length of 0 gives a bio without sectors, whatever the operation. It always carries NOMERGE: two
 * of them merged into one request are a BUG() in the kernel (blk_mq_end_request).
 * With segment_count 0 the data lies in at most 256 equal segments of 4096 << n bytes, the last
 * one shorter. The segments' lengths have to add up to length_bytes; offsets and lengths have to
 * suit the queue's dma_alignment, as any submitter's.
 *   EINVAL   op, flags, segments or length_bytes (no multiple of 512; too long) out of range
 *   EBUSY    MAX_PENDING bios or MAX_PENDING_BYTES bytes are pending in this open file
 *   ENOMEM   no memory
 */
struct bioscope_probe_bio {
	__s32 fd;		/* in: open block device, whole or partition */
	__u32 op;		/* in: BIOSCOPE_PROBE_OP_* */
	__u32 flags;		/* in: BIOSCOPE_PROBE_FUA, ... */
	__u32 segment_count;	/* in: 0..MAX_SEGMENTS */
	__u64 sector;		/* in: first sector of 512 bytes; may lie past the end */
	__u64 length_bytes;	/* in: multiple of 512, at most 2^32-512; data: MAX_DATA_BYTES */
	__u64 segments;		/* in: address of segment_count struct bioscope_probe_segment */
	__u64 data;		/* in: address of length_bytes bytes that the pages hold when the bio
				 * is submitted, for any bio with data; 0: zeroes */
	__u64 id;		/* out: for WAIT; unique in this open file, never 0 */
};

/*
 * WAIT: waits for the end of a bio that was submitted through the same open file, and forgets it.
 *   ENOENT     no such bio is pending: never submitted, or waited for already
 *   ETIMEDOUT  it has not ended within timeout_ms; it stays pending
 *   EINTR      a signal came; it stays pending
 * A failure to copy the data out (EFAULT) leaves the bio pending as well.
 * When the file is closed with bios pending, nobody waits for them; their memory is freed when
 * they end.
 */
struct bioscope_probe_wait {
	__u64 id;		/* in */
	__u64 data;		/* in: address for what the pages hold now, as many bytes as the bio
				 * carried, for a write too; 0: not wanted */
	__u32 timeout_ms;	/* in: 0 only asks; BIOSCOPE_PROBE_UNKNOWN waits for ever */
	__s32 status;		/* out: 0 or the negative errno of the bio's blk_status_t */
	__u32 ended;		/* out: how often end_io has run so far; anything but 1 is a bug */
	__u32 reserved;		/* in: 0 */
	__u64 sector;		/* out: bi_sector at the end; after ZONE_APPEND where it was written */
};

/* ---- freeze of a bare device ---- */
/*
 * FREEZE, THAW: freeze_bdev() and thaw_bdev(), with the error that those return (R21-R24).
 * What was frozen through an open file and not thawed through it is thawed when it is closed.
 * THAW does not ask who froze.
 *   EBUSY       FREEZE: the file system is frozen already (the kernel's own error)
 *   EMFILE      FREEZE: MAX_FROZEN devices are frozen through this open file
 *   EOPNOTSUPP  FREEZE: a file system whose end the probe could not notice (btrfs); not frozen
 *   EINVAL      THAW: the device is not frozen (the kernel's own error)
 *   ESTALE      THAW: the frozen file system is gone, thaw_bdev() would touch freed memory
 *               (thawed by FITHAW, then unmounted: see stock bug G); the count stays
 */
struct bioscope_probe_freeze {
	__s32 fd;		/* in */
	__u32 depth;		/* out: bd_fsfreeze_count afterwards, on success */
};

/* ---- counters ---- */
/* bioscope_probe_counters.state */
#define BIOSCOPE_PROBE_STATE_READ_ONLY (1U << 0)
#define BIOSCOPE_PROBE_STATE_DEAD (1U << 1)		/* deleted under its opener */
#define BIOSCOPE_PROBE_STATE_BIO_BASED (1U << 2)	/* no blk-mq */
#define BIOSCOPE_PROBE_STATE_WRITE_CACHE (1U << 3)	/* QUEUE_FLAG_WC: R4 */
#define BIOSCOPE_PROBE_STATE_FUA (1U << 4)
#define BIOSCOPE_PROBE_STATE_NOWAIT (1U << 5)		/* R5 */
#define BIOSCOPE_PROBE_STATE_STABLE_WRITES (1U << 6)
#define BIOSCOPE_PROBE_STATE_ZONED (1U << 7)
#define BIOSCOPE_PROBE_STATE_PARTITION (1U << 8)
#define BIOSCOPE_PROBE_STATE_EXCLUSIVE_WRITER (1U << 9)	/* bd_write_holder */

/* super_frozen: sb->s_writers.frozen, or BIOSCOPE_PROBE_UNKNOWN without a mounted file system */
#define BIOSCOPE_PROBE_SUPER_UNFROZEN 0
#define BIOSCOPE_PROBE_SUPER_FROZEN 4

/*
 * COUNTERS: one look at a device. Nothing is locked over the whole of it, so counters that change
 * meanwhile need not fit each other; on a quiet device they do.
 * in_flight_*: bios that their driver accounts. Device mapper does once a target has taken the bio;
 * not what a suspended device defers, nor what delay and crypt still keep to themselves. A blk-mq
 * disk does not account here.
 * in_flight_requests: requests that a blk-mq driver has started, of the whole disk; UNKNOWN on a
 * bio-based disk.
 */
struct bioscope_probe_counters {
	__s32 fd;			/* in */
	__u32 state;			/* BIOSCOPE_PROBE_STATE_*; all further fields are out, too */
	__u32 major;
	__u32 minor;
	__u64 capacity_sectors;
	__u32 openers;			/* bd_openers: fd itself counts once */
	__u32 holders;			/* bd_holders: exclusive openers, mounts, devices in DM tables;
					 * a whole disk counts each of its own twice and each of its
					 * partitions' once */
	__u32 freeze_depth;		/* bd_fsfreeze_count */
	__u32 super_frozen;
	__u32 queue_freeze_depth;	/* mq_freeze_depth (R11) */
	__u32 queue_quiesce_depth;
	__u32 in_flight_reads;
	__u32 in_flight_writes;
	__u32 in_flight_requests;
	/* limits of the queue (R15-R18) */
	__u32 logical_block_bytes;
	__u32 physical_block_bytes;
	__u32 io_min_bytes;
	__u32 io_opt_bytes;
	__u32 alignment_offset_bytes;
	__u32 max_sectors;
	__u32 max_hw_sectors;
	__u32 chunk_sectors;
	__u32 max_segments;
	__u32 max_segment_bytes;
	__u32 dma_alignment_mask;
	__u32 virt_boundary_mask;
	__u32 discard_granularity_bytes;
	__u32 discard_alignment_bytes;
	__u32 max_discard_sectors;
	__u32 max_hw_discard_sectors;
	__u32 max_discard_segments;
	__u32 max_secure_erase_sectors;
	__u32 max_write_zeroes_sectors;
	__u32 max_zone_append_sectors;
	/* of the probe itself */
	__u32 pending;			/* bios of this open file, not yet waited for */
	__u32 ended_more_than_once;	/* end_io calls too many since the module was loaded, as far as
					 * it can see: the 256 bios of each open file that were waited
					 * for last, and all pending ones */
	__u32 reserved;			/* 0 */
};

#define BIOSCOPE_PROBE_IOC 0xB5
#define BIOSCOPE_PROBE_VERSION _IOR(BIOSCOPE_PROBE_IOC, 0, struct bioscope_probe_version)
#define BIOSCOPE_PROBE_SUBMIT _IOWR(BIOSCOPE_PROBE_IOC, 1, struct bioscope_probe_bio)
#define BIOSCOPE_PROBE_WAIT _IOWR(BIOSCOPE_PROBE_IOC, 2, struct bioscope_probe_wait)
#define BIOSCOPE_PROBE_FREEZE _IOWR(BIOSCOPE_PROBE_IOC, 3, struct bioscope_probe_freeze)
#define BIOSCOPE_PROBE_THAW _IOWR(BIOSCOPE_PROBE_IOC, 4, struct bioscope_probe_freeze)
#define BIOSCOPE_PROBE_COUNTERS _IOWR(BIOSCOPE_PROBE_IOC, 5, struct bioscope_probe_counters)

#endif

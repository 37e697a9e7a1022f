// SPDX-License-Identifier: GPL-2.0-only
/* COUNTERS: what the block layer knows about a device and no file shows. */
#include <linux/blk-mq.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/part_stat.h>
#include <linux/rcupdate.h>
#include <linux/uaccess.h>

#include "internal.h"

struct started_requests {
	struct request_queue *queue;
	u32 count;
};

static bool count_started(struct request *request, void *data)
{
	struct started_requests *started = data;

	if (request->q == started->queue && blk_mq_rq_state(request) == MQ_RQ_IN_FLIGHT)
		started->count++;
	return true;
}

/* As blk_mq_queue_tag_busy_iter(): with a reference on the queue its tags cannot go. */
static u32 requests_in_flight(struct request_queue *queue)
{
	struct started_requests started = { .queue = queue };

	if (!queue_is_mq(queue))
		return BIOSCOPE_PROBE_UNKNOWN;
	if (!percpu_ref_tryget(&queue->q_usage_counter))
		return 0;	/* frozen and drained, or deleted: nobody uses the queue */
	blk_mq_tagset_busy_iter(queue->tag_set, count_started, &started);
	percpu_ref_put(&queue->q_usage_counter);
	return started.count;
}

/* As part_in_flight(). CPUs account apart, so one may be negative when the sum is not. */
static u32 bios_in_flight(struct block_device *bdev, int direction)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += part_stat_local_read_cpu(bdev, in_flight[direction], cpu);
	return sum < 0 ? 0 : sum;
}

/* A super block is freed a grace period after bd_super was cleared. */
static u32 super_frozen(struct block_device *bdev)
{
	struct super_block *super;
	u32 frozen = BIOSCOPE_PROBE_UNKNOWN;

	rcu_read_lock();
	super = READ_ONCE(bdev->bd_super);
	if (super)
		frozen = READ_ONCE(super->s_writers.frozen);
	rcu_read_unlock();
	return frozen;
}

static u32 state_of(struct block_device *bdev)
{
	struct request_queue *queue = bdev_get_queue(bdev);
	u32 state = 0;

	if (bdev_read_only(bdev))
		state |= BIOSCOPE_PROBE_STATE_READ_ONLY;
	if (test_bit(GD_DEAD, &bdev->bd_disk->state))
		state |= BIOSCOPE_PROBE_STATE_DEAD;
	if (!queue_is_mq(queue))
		state |= BIOSCOPE_PROBE_STATE_BIO_BASED;
	if (test_bit(QUEUE_FLAG_WC, &queue->queue_flags))
		state |= BIOSCOPE_PROBE_STATE_WRITE_CACHE;
	if (test_bit(QUEUE_FLAG_FUA, &queue->queue_flags))
		state |= BIOSCOPE_PROBE_STATE_FUA;
	if (test_bit(QUEUE_FLAG_NOWAIT, &queue->queue_flags))
		state |= BIOSCOPE_PROBE_STATE_NOWAIT;
	if (test_bit(QUEUE_FLAG_STABLE_WRITES, &queue->queue_flags))
		state |= BIOSCOPE_PROBE_STATE_STABLE_WRITES;
	if (bdev_is_zoned(bdev))
		state |= BIOSCOPE_PROBE_STATE_ZONED;
	if (bdev_is_partition(bdev))
		state |= BIOSCOPE_PROBE_STATE_PARTITION;
	if (READ_ONCE(bdev->bd_write_holder))
		state |= BIOSCOPE_PROBE_STATE_EXCLUSIVE_WRITER;
	return state;
}

static void fill_limits(struct bioscope_probe_counters *out, const struct queue_limits *limits)
{
	out->logical_block_bytes = limits->logical_block_size;
	out->physical_block_bytes = limits->physical_block_size;
	out->io_min_bytes = limits->io_min;
	out->io_opt_bytes = limits->io_opt;
	out->alignment_offset_bytes = limits->alignment_offset;
	out->max_sectors = limits->max_sectors;
	out->max_hw_sectors = limits->max_hw_sectors;
	out->chunk_sectors = limits->chunk_sectors;
	out->max_segments = limits->max_segments;
	out->max_segment_bytes = limits->max_segment_size;
	out->dma_alignment_mask = limits->dma_alignment;
	out->virt_boundary_mask = limits->virt_boundary_mask;
	out->discard_granularity_bytes = limits->discard_granularity;
	out->discard_alignment_bytes = limits->discard_alignment;
	out->max_discard_sectors = limits->max_discard_sectors;
	out->max_hw_discard_sectors = limits->max_hw_discard_sectors;
	out->max_discard_segments = limits->max_discard_segments;
	out->max_secure_erase_sectors = limits->max_secure_erase_sectors;
	out->max_write_zeroes_sectors = limits->max_write_zeroes_sectors;
	out->max_zone_append_sectors = limits->max_zone_append_sectors;
}

static void fill_counters(struct bioscope_probe_counters *out, struct block_device *bdev)
{
	struct request_queue *queue = bdev_get_queue(bdev);

	out->state = state_of(bdev);
	out->major = MAJOR(bdev->bd_dev);
	out->minor = MINOR(bdev->bd_dev);
	out->capacity_sectors = bdev_nr_sectors(bdev);
	out->openers = atomic_read(&bdev->bd_openers);
	out->holders = READ_ONCE(bdev->bd_holders);
	/* Not under bd_fsfreeze_mutex: a freeze that hangs must not hang who looks at it. */
	out->freeze_depth = READ_ONCE(bdev->bd_fsfreeze_count);
	out->super_frozen = super_frozen(bdev);
	out->queue_freeze_depth = READ_ONCE(queue->mq_freeze_depth);
	out->queue_quiesce_depth = READ_ONCE(queue->quiesce_depth);
	out->in_flight_reads = bios_in_flight(bdev, READ);
	out->in_flight_writes = bios_in_flight(bdev, WRITE);
	out->in_flight_requests = requests_in_flight(queue);
	fill_limits(out, &queue->limits);
}

long probe_counters(struct probe_file *probe, void __user *argument)
{
	struct bioscope_probe_counters counters;
	struct block_device *bdev;
	struct file *file;
	s32 fd;

	if (copy_from_user(&fd, argument, sizeof(fd)))
		return -EFAULT;
	file = probe_get_device(fd, &bdev);
	if (IS_ERR(file))
		return PTR_ERR(file);
	memset(&counters, 0, sizeof(counters));
	counters.fd = fd;
	fill_counters(&counters, bdev);
	fput(file);

	mutex_lock(&probe->bio_lock);
	counters.pending = probe->pending_count;
	mutex_unlock(&probe->bio_lock);
	counters.ended_more_than_once = probe_ended_more_than_once();
	return copy_to_user(argument, &counters, sizeof(counters)) ? -EFAULT : 0;
}

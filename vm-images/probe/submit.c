// SPDX-License-Identifier: GPL-2.0-only
/*
 * SUBMIT and WAIT: one bio exactly as user space wrote it.
 *
 * Invariants:
 *   S1  A probe_bio has one reference of its open file (while it is on a list), one of the block
 *       layer (from submit_bio() to the first end_io), and one of each WAIT under way.
 *   S2  The device stays open (file) until the bio was waited for, as a submitter owes it; the
 *       pages live as long. Both go early, at WAIT, so that a waited-for bio holds nothing.
 *   S3  What end_io reads and writes lives until the last reference is gone; a bio that was waited
 *       for stays on the list `waited` among the last 256, so that a second end_io is counted
 *       instead of hitting freed memory.
 *   S4  The last reference may be dropped in interrupt context; then a work item frees.
 */
#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "internal.h"

#define PROBE_MAX_WAITED 256
/* No I/O to get memory: the device under test may be the one that would have to write. */
#define PROBE_GFP (GFP_NOIO | __GFP_NOWARN | __GFP_NORETRY | __GFP_ZERO)

struct probe_bio {
	refcount_t references;
	struct list_head node;
	u64 id;
	bool waited_for;
	struct file *file;
	u64 data_bytes;
	unsigned int page_count;	/* vectors that have pages */

	struct completion done;
	atomic_t ended;
	blk_status_t status;
	sector_t sector;

	struct work_struct free_work;
	struct bio bio;
	struct bio_vec vectors[];
};

static atomic_t ended_too_often = ATOMIC_INIT(0);

unsigned int probe_ended_more_than_once(void)
{
	return atomic_read(&ended_too_often);
}

static const struct {
	u32 flag;
	blk_opf_t opf;
} probe_flags[] = {
	{ BIOSCOPE_PROBE_FAILFAST_DEV, REQ_FAILFAST_DEV },
	{ BIOSCOPE_PROBE_FAILFAST_TRANSPORT, REQ_FAILFAST_TRANSPORT },
	{ BIOSCOPE_PROBE_FAILFAST_DRIVER, REQ_FAILFAST_DRIVER },
	{ BIOSCOPE_PROBE_SYNC, REQ_SYNC },
	{ BIOSCOPE_PROBE_META, REQ_META },
	{ BIOSCOPE_PROBE_PRIO, REQ_PRIO },
	{ BIOSCOPE_PROBE_NOMERGE, REQ_NOMERGE },
	{ BIOSCOPE_PROBE_IDLE, REQ_IDLE },
	{ BIOSCOPE_PROBE_FUA, REQ_FUA },
	{ BIOSCOPE_PROBE_PREFLUSH, REQ_PREFLUSH },
	{ BIOSCOPE_PROBE_RAHEAD, REQ_RAHEAD },
	{ BIOSCOPE_PROBE_BACKGROUND, REQ_BACKGROUND },
	{ BIOSCOPE_PROBE_NOWAIT, REQ_NOWAIT },
	{ BIOSCOPE_PROBE_NOUNMAP, REQ_NOUNMAP },
};

static blk_opf_t probe_opf(const struct bioscope_probe_bio *want)
{
	blk_opf_t opf = (__force blk_opf_t)want->op;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probe_flags); i++)
		if (want->flags & probe_flags[i].flag)
			opf |= probe_flags[i].opf;
	/* Two bios without sectors, merged into one request, are a BUG() in blk_mq_end_request(). */
	if (!want->length_bytes)
		opf |= REQ_NOMERGE;
	return opf;
}

static bool probe_carries_data(const struct bioscope_probe_bio *want)
{
	if (!want->length_bytes)
		return false;
	return want->op == BIOSCOPE_PROBE_OP_READ || want->op == BIOSCOPE_PROBE_OP_WRITE ||
	       want->op == BIOSCOPE_PROBE_OP_ZONE_APPEND;
}

static int probe_check(const struct bioscope_probe_bio *want)
{
	if (want->op > BIOSCOPE_PROBE_OP_LAST || (want->flags & ~BIOSCOPE_PROBE_ALL_FLAGS))
		return -EINVAL;
	if (want->length_bytes % SECTOR_SIZE || want->length_bytes > U32_MAX)
		return -EINVAL;
	if (probe_carries_data(want))
		return want->length_bytes > BIOSCOPE_PROBE_MAX_DATA_BYTES ||
				       want->segment_count > BIOSCOPE_PROBE_MAX_SEGMENTS ?
			       -EINVAL : 0;
	return want->segment_count || want->data ? -EINVAL : 0;
}

/* Returns a kcalloc'ed layout that adds up to length_bytes, and its length in *count. */
static struct bioscope_probe_segment *probe_layout(const struct bioscope_probe_bio *want,
						   unsigned int alignment_mask,
						   unsigned int *count)
{
	struct bioscope_probe_segment *segments;
	u64 left = want->length_bytes;
	unsigned int i, size = PAGE_SIZE;

	while (DIV_ROUND_UP_ULL(left, size) > BIOSCOPE_PROBE_MAX_SEGMENTS)
		size <<= 1;
	*count = want->segment_count ? want->segment_count : DIV_ROUND_UP_ULL(left, size);

	segments = kcalloc(*count, sizeof(*segments), PROBE_GFP);
	if (!segments)
		return ERR_PTR(-ENOMEM);
	if (!want->segment_count) {
		for (i = 0; i < *count; i++) {
			segments[i].length_bytes = min_t(u64, left, size);
			left -= segments[i].length_bytes;
		}
		return segments;
	}

	if (copy_from_user(segments, u64_to_user_ptr(want->segments),
			   *count * sizeof(*segments))) {
		kfree(segments);
		return ERR_PTR(-EFAULT);
	}
	for (i = 0; i < *count; i++) {
		const struct bioscope_probe_segment *s = &segments[i];

		if (s->offset_bytes >= PAGE_SIZE || !s->length_bytes ||
		    s->length_bytes > BIOSCOPE_PROBE_MAX_SEGMENT_BYTES - s->offset_bytes ||
		    ((s->offset_bytes | s->length_bytes) & alignment_mask) ||
		    s->length_bytes > left)
			break;
		left -= s->length_bytes;
	}
	if (i < *count || left) {
		kfree(segments);
		return ERR_PTR(-EINVAL);
	}
	return segments;
}

static void probe_free_pages(struct probe_bio *pb)
{
	unsigned int i;

	for (i = 0; i < pb->page_count; i++) {
		struct bio_vec *vector = &pb->vectors[i];

		__free_pages(vector->bv_page, get_order(vector->bv_offset + vector->bv_len));
	}
	pb->page_count = 0;
}

static void probe_free(struct probe_bio *pb)
{
	probe_free_pages(pb);
	bio_uninit(&pb->bio);
	if (pb->file)
		fput(pb->file);
	kfree(pb);
}

static void probe_free_later(struct work_struct *work)
{
	probe_free(container_of(work, struct probe_bio, free_work));
}

static void probe_put(struct probe_bio *pb)
{
	if (refcount_dec_and_test(&pb->references))
		probe_free(pb);
}

static void probe_end_io(struct bio *bio)
{
	struct probe_bio *pb = container_of(bio, struct probe_bio, bio);

	if (atomic_inc_return(&pb->ended) != 1) {
		atomic_inc(&ended_too_often);
		return;
	}
	pb->status = bio->bi_status;
	pb->sector = bio->bi_iter.bi_sector;
	complete_all(&pb->done);
	if (refcount_dec_and_test(&pb->references)) {
		INIT_WORK(&pb->free_work, probe_free_later);
		schedule_work(&pb->free_work);
	}
}

/* Copies the caller's bytes into the pages (in) or the pages into the caller's bytes (out). */
static int probe_copy(struct probe_bio *pb, u64 user_address, bool out)
{
	char __user *user = u64_to_user_ptr(user_address);
	unsigned int i;

	for (i = 0; i < pb->page_count; i++) {
		struct bio_vec *vector = &pb->vectors[i];
		char *kernel = page_address(vector->bv_page) + vector->bv_offset;

		if (out ? copy_to_user(user, kernel, vector->bv_len) :
			  copy_from_user(kernel, user, vector->bv_len))
			return -EFAULT;
		user += vector->bv_len;
	}
	return 0;
}

static int probe_add_pages(struct probe_bio *pb, const struct bioscope_probe_segment *segments,
			   unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		const struct bioscope_probe_segment *s = &segments[i];
		struct page *page =
			alloc_pages(PROBE_GFP, get_order(s->offset_bytes + s->length_bytes));

		if (!page)
			return -ENOMEM;
		__bio_add_page(&pb->bio, page, s->length_bytes, s->offset_bytes);
		pb->page_count++;
	}
	return 0;
}

/* Builds the bio; takes over the reference on file, also when it fails. */
static struct probe_bio *probe_build(const struct bioscope_probe_bio *want, struct file *file,
				     struct block_device *bdev)
{
	struct bioscope_probe_segment *segments = NULL;
	struct probe_bio *pb;
	unsigned int count = 0;
	int error = 0;

	if (probe_carries_data(want)) {
		segments = probe_layout(want, bdev_dma_alignment(bdev), &count);
		if (IS_ERR(segments)) {
			fput(file);
			return ERR_CAST(segments);
		}
	}
	pb = kzalloc(struct_size(pb, vectors, count), PROBE_GFP);
	if (!pb) {
		kfree(segments);
		fput(file);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&pb->references, 1);
	init_completion(&pb->done);
	pb->file = file;
	bio_init(&pb->bio, bdev, pb->vectors, count, probe_opf(want));
	pb->bio.bi_iter.bi_sector = want->sector;
	pb->bio.bi_end_io = probe_end_io;
	if (count) {
		pb->data_bytes = want->length_bytes;
		error = probe_add_pages(pb, segments, count);
		if (!error && want->data)
			error = probe_copy(pb, want->data, false);
	} else {
		pb->bio.bi_iter.bi_size = want->length_bytes;
	}
	kfree(segments);
	if (error) {
		probe_put(pb);
		return ERR_PTR(error);
	}
	return pb;
}

static int probe_enlist(struct probe_file *probe, struct probe_bio *pb)
{
	int error = 0;

	mutex_lock(&probe->bio_lock);
	if (probe->pending_count >= BIOSCOPE_PROBE_MAX_PENDING ||
	    probe->pending_bytes + pb->data_bytes > BIOSCOPE_PROBE_MAX_PENDING_BYTES) {
		error = -EBUSY;
	} else {
		pb->id = ++probe->last_id;
		probe->pending_count++;
		probe->pending_bytes += pb->data_bytes;
		list_add_tail(&pb->node, &probe->pending);
	}
	mutex_unlock(&probe->bio_lock);
	return error;
}

static void probe_delist(struct probe_file *probe, struct probe_bio *pb)
{
	lockdep_assert_held(&probe->bio_lock);
	list_del(&pb->node);
	probe->pending_count--;
	probe->pending_bytes -= pb->data_bytes;
}

long probe_submit(struct probe_file *probe, void __user *argument)
{
	struct bioscope_probe_bio want;
	struct block_device *bdev;
	struct probe_bio *pb;
	struct file *file;
	int error;

	if (copy_from_user(&want, argument, sizeof(want)))
		return -EFAULT;
	error = probe_check(&want);
	if (error)
		return error;
	file = probe_get_device(want.fd, &bdev);
	if (IS_ERR(file))
		return PTR_ERR(file);
	pb = probe_build(&want, file, bdev);
	if (IS_ERR(pb))
		return PTR_ERR(pb);
	error = probe_enlist(probe, pb);
	if (error) {
		probe_put(pb);
		return error;
	}
	/* The caller learns the id before the bio starts: no bio may be lost to an EFAULT. */
	want.id = pb->id;
	if (copy_to_user(argument, &want, sizeof(want))) {
		mutex_lock(&probe->bio_lock);
		probe_delist(probe, pb);
		mutex_unlock(&probe->bio_lock);
		probe_put(pb);
		return -EFAULT;
	}
	refcount_inc(&pb->references);
	submit_bio(&pb->bio);
	return 0;
}

static struct probe_bio *probe_find(struct probe_file *probe, u64 id)
{
	struct probe_bio *pb, *found = NULL;

	mutex_lock(&probe->bio_lock);
	list_for_each_entry(pb, &probe->pending, node) {
		if (pb->id == id) {
			refcount_inc(&pb->references);
			found = pb;
			break;
		}
	}
	mutex_unlock(&probe->bio_lock);
	return found;
}

static int probe_await(struct probe_bio *pb, u32 timeout_ms)
{
	unsigned long timeout = timeout_ms == BIOSCOPE_PROBE_UNKNOWN ?
					MAX_SCHEDULE_TIMEOUT : msecs_to_jiffies(timeout_ms);
	long left;

	if (!timeout)
		return completion_done(&pb->done) ? 0 : -ETIMEDOUT;
	left = wait_for_completion_interruptible_timeout(&pb->done, timeout);
	if (left < 0)
		return -EINTR;
	return left ? 0 : -ETIMEDOUT;
}

/* Takes a bio that was waited for off the pending list and gives up what it holds (S2, S3). */
static void probe_retire(struct probe_file *probe, struct probe_bio *pb)
{
	probe_delist(probe, pb);
	pb->waited_for = true;
	probe_free_pages(pb);
	fput(pb->file);
	pb->file = NULL;
	list_add_tail(&pb->node, &probe->waited);
	if (++probe->waited_count > PROBE_MAX_WAITED) {
		struct probe_bio *oldest =
			list_first_entry(&probe->waited, struct probe_bio, node);

		list_del(&oldest->node);
		probe->waited_count--;
		probe_put(oldest);
	}
}

long probe_wait(struct probe_file *probe, void __user *argument)
{
	struct bioscope_probe_wait wait;
	struct probe_bio *pb;
	int error;

	if (copy_from_user(&wait, argument, sizeof(wait)))
		return -EFAULT;
	if (wait.reserved)
		return -EINVAL;
	pb = probe_find(probe, wait.id);
	if (!pb)
		return -ENOENT;
	error = probe_await(pb, wait.timeout_ms);
	if (error)
		goto out;

	mutex_lock(&probe->bio_lock);
	if (pb->waited_for)	/* by another thread, meanwhile */
		error = -ENOENT;
	if (!error && wait.data)
		error = probe_copy(pb, wait.data, true);
	if (!error) {
		wait.status = blk_status_to_errno(pb->status);
		wait.ended = atomic_read(&pb->ended);
		wait.sector = pb->sector;
		if (copy_to_user(argument, &wait, sizeof(wait)))
			error = -EFAULT;
	}
	if (!error)
		probe_retire(probe, pb);
	mutex_unlock(&probe->bio_lock);
out:
	probe_put(pb);
	return error;
}

void probe_forget_bios(struct probe_file *probe)
{
	struct probe_bio *pb, *next;

	list_for_each_entry_safe(pb, next, &probe->pending, node)
		probe_put(pb);
	list_for_each_entry_safe(pb, next, &probe->waited, node)
		probe_put(pb);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * FREEZE and THAW of a bare device, and the thaw of what an open file leaves frozen.
 *
 * bd_fsfreeze_sb keeps no reference on the super block: after FITHAW and umount it points at freed
 * memory, and thaw_bdev() would follow it. bd_super is cleared when a file system goes, so a
 * frozen super block that is not bd_super is gone.
 */
#include <linux/fs.h>
#include <linux/uaccess.h>

#include "internal.h"

static unsigned int probe_depth(struct block_device *bdev)
{
	unsigned int depth;

	mutex_lock(&bdev->bd_fsfreeze_mutex);
	depth = bdev->bd_fsfreeze_count;
	mutex_unlock(&bdev->bd_fsfreeze_mutex);
	return depth;
}

static bool probe_frozen_super_is_followed(struct block_device *bdev)
{
	bool followed;

	mutex_lock(&bdev->bd_fsfreeze_mutex);
	followed = !bdev->bd_fsfreeze_sb || bdev->bd_fsfreeze_sb == READ_ONCE(bdev->bd_super);
	mutex_unlock(&bdev->bd_fsfreeze_mutex);
	return followed;
}

static int probe_thaw_bdev(struct block_device *bdev)
{
	if (probe_depth(bdev) == 1 && !probe_frozen_super_is_followed(bdev))
		return -ESTALE;
	return thaw_bdev(bdev);
}

static int probe_freeze_bdev(struct block_device *bdev)
{
	int error = freeze_bdev(bdev);

	if (!error && !probe_frozen_super_is_followed(bdev)) {
		thaw_bdev(bdev);
		return -EOPNOTSUPP;
	}
	return error;
}

static struct probe_frozen *probe_slot(struct probe_file *probe, struct inode *inode)
{
	unsigned int i;

	lockdep_assert_held(&probe->freeze_lock);
	for (i = 0; i < BIOSCOPE_PROBE_MAX_FROZEN; i++)
		if (probe->frozen[i].inode == inode)
			return &probe->frozen[i];
	return NULL;
}

static void probe_give_up_unused(struct probe_frozen *slot)
{
	if (!slot->count && !slot->users) {
		iput(slot->inode);
		slot->inode = NULL;
	}
}

static long probe_freeze_counted(struct probe_file *probe, struct block_device *bdev)
{
	struct probe_frozen *slot;
	int error;

	mutex_lock(&probe->freeze_lock);
	slot = probe_slot(probe, bdev->bd_inode);
	if (!slot) {
		slot = probe_slot(probe, NULL);
		if (slot) {
			ihold(bdev->bd_inode);
			slot->inode = bdev->bd_inode;
		}
	}
	if (slot)
		slot->users++;
	mutex_unlock(&probe->freeze_lock);
	if (!slot)
		return -EMFILE;

	error = probe_freeze_bdev(bdev);

	mutex_lock(&probe->freeze_lock);
	slot->users--;
	if (!error)
		slot->count++;
	probe_give_up_unused(slot);
	mutex_unlock(&probe->freeze_lock);
	return error;
}

static long probe_thaw_counted(struct probe_file *probe, struct block_device *bdev)
{
	int error = probe_thaw_bdev(bdev);
	struct probe_frozen *slot;

	if (error)
		return error;
	mutex_lock(&probe->freeze_lock);
	slot = probe_slot(probe, bdev->bd_inode);
	if (slot && slot->count) {
		slot->count--;
		probe_give_up_unused(slot);
	}
	mutex_unlock(&probe->freeze_lock);
	return 0;
}

static long probe_change(struct probe_file *probe, void __user *argument,
			 long (*change)(struct probe_file *, struct block_device *))
{
	struct bioscope_probe_freeze request;
	struct block_device *bdev;
	struct file *file;
	long error;

	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	/* Asked before anything is done: an EFAULT must leave the device as it was. */
	if (copy_to_user(argument, &request, sizeof(request)))
		return -EFAULT;
	file = probe_get_device(request.fd, &bdev);
	if (IS_ERR(file))
		return PTR_ERR(file);
	error = change(probe, bdev);
	if (!error) {
		request.depth = probe_depth(bdev);
		if (copy_to_user(argument, &request, sizeof(request)))
			error = -EFAULT;
	}
	fput(file);
	return error;
}

long probe_freeze(struct probe_file *probe, void __user *argument)
{
	return probe_change(probe, argument, probe_freeze_counted);
}

long probe_thaw(struct probe_file *probe, void __user *argument)
{
	return probe_change(probe, argument, probe_thaw_counted);
}

void probe_thaw_all(struct probe_file *probe)
{
	unsigned int i;

	for (i = 0; i < BIOSCOPE_PROBE_MAX_FROZEN; i++) {
		struct probe_frozen *slot = &probe->frozen[i];

		if (!slot->inode)
			continue;
		/* Somebody else may have thawed it: then thaw_bdev() refuses, and that is all. */
		while (slot->count && !probe_thaw_bdev(I_BDEV(slot->inode)))
			slot->count--;
		iput(slot->inode);
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device node /dev/bioscope_probe. See bioscope_probe.h for the contract of each ioctl.
 *
 * There is no module_exit(): a bio of ours may end at any time, long after its file was closed,
 * and must find its end_io. A test guest never unloads the probe.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"

struct file *probe_get_device(int fd, struct block_device **bdev)
{
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADF);
	if (!S_ISBLK(file_inode(file)->i_mode)) {
		fput(file);
		return ERR_PTR(-ENOTBLK);
	}
	*bdev = I_BDEV(file->f_mapping->host);
	return file;
}

static int probe_open(struct inode *inode, struct file *file)
{
	struct probe_file *probe;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	probe = kzalloc(sizeof(*probe), GFP_KERNEL);
	if (!probe)
		return -ENOMEM;
	mutex_init(&probe->bio_lock);
	mutex_init(&probe->freeze_lock);
	INIT_LIST_HEAD(&probe->pending);
	INIT_LIST_HEAD(&probe->waited);
	file->private_data = probe;
	return nonseekable_open(inode, file);
}

static int probe_release(struct inode *inode, struct file *file)
{
	struct probe_file *probe = file->private_data;

	probe_thaw_all(probe);
	probe_forget_bios(probe);
	kfree(probe);
	return 0;
}

static long probe_version(void __user *argument)
{
	struct bioscope_probe_version version = {
		.abi = BIOSCOPE_PROBE_ABI,
		.kernel = LINUX_VERSION_CODE,
	};

	return copy_to_user(argument, &version, sizeof(version)) ? -EFAULT : 0;
}

static long probe_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct probe_file *probe = file->private_data;
	void __user *user = (void __user *)argument;

	switch (command) {
	case BIOSCOPE_PROBE_VERSION:
		return probe_version(user);
	case BIOSCOPE_PROBE_SUBMIT:
		return probe_submit(probe, user);
	case BIOSCOPE_PROBE_WAIT:
		return probe_wait(probe, user);
	case BIOSCOPE_PROBE_FREEZE:
		return probe_freeze(probe, user);
	case BIOSCOPE_PROBE_THAW:
		return probe_thaw(probe, user);
	case BIOSCOPE_PROBE_COUNTERS:
		return probe_counters(probe, user);
	}
	return -ENOTTY;
}

static const struct file_operations probe_operations = {
	.owner = THIS_MODULE,
	.open = probe_open,
	.release = probe_release,
	.unlocked_ioctl = probe_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = no_llseek,
};

static struct miscdevice probe_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "bioscope_probe",
	.fops = &probe_operations,
	.mode = 0600,
};

static int __init probe_init(void)
{
	return misc_register(&probe_device);
}
module_init(probe_init);

MODULE_DESCRIPTION("bios with any flags, freeze of bare devices, block layer counters");
MODULE_LICENSE("GPL v2");
MODULE_VERSION(__stringify(BIOSCOPE_PROBE_ABI));

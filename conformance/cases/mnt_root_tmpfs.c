// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves: a root that is a tmpfs of the tree's own is made again with all that is
 * in it: access lists, a full filesystem, more than one mount of it.
 */
// flavours: ns user
// kinds: mnt
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#define ROOTED_MOUNT(root)                                                                         \
	case_sys(mount("rootfs", root, "tmpfs", MS_NOSUID, "size=1m,mode=711,nr_inodes=200"))
#include "mountinfo.h"
#include "rooted.h"

/* user::rw-, user:1:r--, group::r--, mask::r--, other::--- */
static const unsigned char acl[] = { 2,	   0,	 0,    0, 1,	0,    6,    0,	  0xff,
				     0xff, 0xff, 0xff, 2, 0,	4,    0,    1,	  0,
				     0,	   0,	 4,    0, 4,	0,    0xff, 0xff, 0xff,
				     0xff, 0x10, 0,    4, 0,	0xff, 0xff, 0xff, 0xff,
				     0x20, 0,	 0,    0, 0xff, 0xff, 0xff, 0xff };

int main(int argc, char **argv)
{
	struct statvfs a, b;
	char buf[64];
	int fd;

	if (!rooted(argc, argv, NULL))
		return 1;
	for (int i = 0; i < 3; i++)
		close(i);
	umask(0);
	case_sys(mkdir("/twice", 0755));
	case_sys(mkdir("/data", 0755));
	case_sys(mount("/data", "/twice", NULL, MS_BIND, NULL));
	fd = case_sys(open("/data/full", O_CREAT | O_RDWR, 0640));
	case_sys(setxattr("/data/full", "system.posix_acl_access", acl, sizeof(acl), 0));
	while (write(fd, mi_after, 4096) > 0)
		;
	case_check(errno == ENOSPC, "it is not full: %s", strerror(errno));
	case_sys(statvfs("/", &a));
	mi_picture(mi_before, sizeof(mi_before));
	case_ready();
	mi_compare();
	case_sys(statvfs("/", &b));
	case_check(a.f_blocks == b.f_blocks && a.f_bfree == b.f_bfree && a.f_files == b.f_files &&
			   a.f_ffree == b.f_ffree,
		   "%lu of %lu blocks, %lu of %lu files are free, not %lu and %lu",
		   (unsigned long)b.f_bfree, (unsigned long)b.f_blocks, (unsigned long)b.f_ffree,
		   (unsigned long)b.f_files, (unsigned long)a.f_bfree, (unsigned long)a.f_ffree);
	case_check(getxattr("/twice/full", "system.posix_acl_access", buf, sizeof(buf)) ==
				   sizeof(acl) &&
			   !memcmp(buf, acl, sizeof(acl)),
		   "the access list is lost");
	case_check(write(fd, mi_after, 4096) < 0 && errno == ENOSPC, "there is room");
	case_sys(ftruncate(fd, 0));
	case_pass();
}

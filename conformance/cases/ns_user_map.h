/* SPDX-License-Identifier: MIT */
/* What the cases of other maps look at: who we are inside, whom the namespace belongs to, power. */
#include <grp.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>

#include "case.h"

static void slurp(const char *path, char *buf, size_t size)
{
	int fd = case_sys(open(path, O_RDONLY));
	ssize_t n = case_sys(read(fd, buf, size - 1));

	buf[n] = 0;
	close(fd);
}

/* Everything that /proc/self/status says of ids and capabilities, the maps, the maker. */
static void note(char *buf, size_t size)
{
	char line[512], text[600];
	FILE *f = fopen("/proc/self/status", "r");
	size_t n = 0;
	uid_t owner;
	int fd;

	case_check(f, "cannot read /proc/self/status: %m");
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "Uid", 3) || !strncmp(line, "Gid", 3) ||
		    !strncmp(line, "Groups", 6) || !strncmp(line, "Cap", 3))
			n += (size_t)snprintf(buf + n, size - n, "%s", line);
	fclose(f);
	slurp("/proc/self/uid_map", text, sizeof(text));
	n += (size_t)snprintf(buf + n, size - n, "%s", text);
	slurp("/proc/self/setgroups", text, sizeof(text));
	n += (size_t)snprintf(buf + n, size - n, "%s", text);
	fd = case_sys(open("/proc/self/ns/user", O_RDONLY));
	case_sys(ioctl(fd, NS_GET_OWNER_UID, &owner));
	close(fd);
	snprintf(buf + n, size - n, "maker %u\n", owner);
}

int main(int argc, char **argv)
{
	char before[4096], after[4096], path[512];
	int fds[2];
	struct stat a, b, st;

	case_begin(argc, argv);
	case_path(path, "mine");
	close(case_sys(open(path, O_WRONLY | O_CREAT, 0600)));
	case_sys(stat(path, &a));
	case_sys(pipe(fds));
	case_sys(fstat(fds[0], &b));
	note(before, sizeof(before));
	case_ready();
	note(after, sizeof(after));
	case_check(!strcmp(before, after), "now:\n%swas:\n%s", after, before);
	case_sys(stat(path, &st));
	case_check(st.st_uid == a.st_uid && st.st_gid == a.st_gid, "the file belongs to %u:%u",
		   st.st_uid, st.st_gid);
	case_sys(fstat(fds[0], &st));
	case_check(st.st_uid == b.st_uid && st.st_gid == b.st_gid, "the pipe belongs to %u:%u",
		   st.st_uid, st.st_gid);
	case_sys(unlink(path));
	case_pass();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that files which lost the name that they were opened by come back as
 * the files that they are under another name: beside the lost one, elsewhere
 * (by a name made for the time until the restore), with the lost name taken by
 * another file; an O_TMPFILE that was given a name; a mapping. Nothing is left
 * beside them.
 */
// modes: once three
// dump: --link-remap
// restore: --link-remap
#include <dirent.h>
#include <sys/mman.h>

#include "case.h"

static void check(int fd, const char *lost, const char *now, const char *text)
{
	char l[600], want[600], p[64], c[16];
	struct stat st, st2;
	ssize_t n;

	snprintf(p, sizeof(p), "/proc/self/fd/%d", fd);
	n = readlink(p, l, sizeof(l) - 1);
	case_check(n > 0, "fd %d is not there", fd);
	l[n] = 0;
	snprintf(want, sizeof(want), "%s (deleted)", lost);
	case_check(!strcmp(l, want), "fd %d is %s, was %s", fd, l, want);
	case_check(!fstat(fd, &st) && !stat(now, &st2) && st.st_ino == st2.st_ino,
		   "%s is another file", now);
	case_check(st.st_nlink == 1, "%s has %u links", now, (unsigned)st.st_nlink);
	n = pread(fd, c, sizeof(c), 0);
	case_check(n == (ssize_t)strlen(text) && !memcmp(c, text, (size_t)n), "%s holds %.*s", now,
		   (int)n, c);
}

static int made(const char *path, const char *text)
{
	int fd = case_sys(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));

	case_sys(write(fd, text, strlen(text)));
	return fd;
}

int main(int argc, char **argv)
{
	char near[512], near2[512], far[512], far2[512], taken[512], taken2[512], dir[512],
		tmp[512], tmpname[512], mapped[512], mapped2[512], p[64];
	int fd_near, fd_far, again, fd_taken, fd_tmp, n = 0;
	const char *want = " dir far2 mapped2 near2 ready go result taken taken2 tmp2 ";
	struct dirent *de;
	char *map;
	DIR *d;

	case_begin(argc, argv);
	case_path(dir, "dir");
	case_sys(mkdir(dir, 0700));
	case_path(near, "near");
	case_path(near2, "near2");
	case_path(far, "far");
	case_path(far2, "dir/far2");
	case_path(taken, "taken");
	case_path(taken2, "taken2");
	case_path(mapped, "mapped");
	case_path(mapped2, "dir/mapped2");
	case_path(tmpname, "tmp2");
	fd_near = made(near, "near");
	case_sys(link(near, near2));
	case_sys(unlink(near));
	fd_far = made(far, "far");
	again = case_sys(open(far, O_RDONLY | O_APPEND));
	case_sys(lseek(again, 2, SEEK_SET));
	case_sys(link(far, far2));
	case_sys(unlink(far));
	fd_taken = made(taken, "old");
	case_sys(rename(taken, taken2));
	case_sys(link(taken2, taken));
	close(fd_taken);
	fd_taken = case_sys(open(taken, O_RDWR));
	case_sys(unlink(taken));
	close(made(taken, "new"));
	n = made(mapped, "mapped");
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, n, 0);
	case_check(map != MAP_FAILED, "mmap");
	close(n);
	case_sys(link(mapped, mapped2));
	case_sys(unlink(mapped));
	case_path(tmp, ".");
	fd_tmp = case_sys(open(tmp, O_TMPFILE | O_RDWR, 0600));
	case_sys(write(fd_tmp, "tmp", 3));
	snprintf(p, sizeof(p), "/proc/self/fd/%d", fd_tmp);
	n = (int)readlink(p, tmp, sizeof(tmp) - 1);
	tmp[n - 10] = 0; /* without " (deleted)" */
	case_sys(linkat(AT_FDCWD, p, AT_FDCWD, tmpname, AT_SYMLINK_FOLLOW));
	case_ready();

	check(fd_near, near, near2, "near");
	check(fd_far, far, far2, "far");
	check(again, far, far2, "far");
	check(fd_tmp, tmp, tmpname, "tmp");
	case_check(lseek(again, 0, SEEK_CUR) == 2, "the position is gone");
	case_check((fcntl(again, F_GETFL) & (O_APPEND | O_ACCMODE)) == O_APPEND, "the flags");
	case_check(pread(fd_taken, p, 9, 0) == 3 && !memcmp(p, "old", 3), "the renamed file");
	n = case_sys(open(taken, O_RDONLY));
	case_check(read(n, p, 9) == 3 && !memcmp(p, "new", 3), "what has its name");
	memcpy(map, "MAPPED", 6);
	n = case_sys(open(mapped2, O_RDONLY));
	case_check(read(n, p, 9) == 6 && !memcmp(p, "MAPPED", 6), "the mapping is another file's");
	case_path(tmp, ".");
	d = opendir(tmp);
	while ((de = readdir(d))) {
		char word[300];

		snprintf(word, sizeof(word), " %s ", de->d_name);
		case_check(de->d_name[0] == '.' || strstr(want, word) || strstr(word, "img") ||
				   strstr(word, "dump") || strstr(word, "restore") ||
				   strstr(word, "pid"),
			   "%s was left behind", de->d_name);
	}
	case_pass();
}

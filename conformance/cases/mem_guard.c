// SPDX-License-Identifier: MIT
// kinds: mem-anon mem-shmem mem-file_shared mem-file_private
// Ranges that MADV_GUARD_INSTALL closed: in each sort of memory, and for one of two processes that share it.
#include <sys/mman.h>
#include <sys/wait.h>

#include "case.h"

#define GUARD_INSTALL 102
#define GUARD_REMOVE 103
#define SORTS 5

static size_t page;
static char *at[SORTS];
static bool closed[SORTS];
static int out[2];

static bool open_to_us(const char *p)
{
	char c;
	ssize_t n = write(out[1], p, 1);

	case_check(n == 1 || (n < 0 && errno == EFAULT), "write: %s", strerror(errno));
	return n == 1 && read(out[0], &c, 1) == 1;
}

static char *map(int flags, const char *name)
{
	char path[512];
	int fd = -1;
	char *p;

	if (name) {
		case_path(path, "%s", name);
		fd = case_sys(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
		case_sys(ftruncate(fd, (off_t)(6 * page)));
	} else {
		flags |= MAP_ANONYMOUS;
	}
	p = mmap(NULL, 6 * page, PROT_READ | PROT_WRITE, flags, fd, 0);
	case_check(p != MAP_FAILED, "mmap: %s", strerror(errno));
	if (name)
		close(fd);
	return p;
}

static void verify(bool guarded, const char *who)
{
	for (int i = 0; i < SORTS; i++)
		for (size_t k = 0; k < 6; k++) {
			bool want = !guarded || !closed[i] || (k != 2 && k != 3);

			case_check(open_to_us(at[i] + k * page) == want,
				   "%s: page %zu of memory %d is %s", who, k, i,
				   want ? "closed" : "open");
		}
}

int main(int argc, char **argv)
{
	int status;
	pid_t child;

	case_begin(argc, argv);
	page = (size_t)sysconf(_SC_PAGESIZE);
	case_sys(pipe(out));
	at[0] = map(MAP_SHARED, NULL);
	at[1] = map(MAP_SHARED, "shared");
	at[2] = map(MAP_PRIVATE, "private");
	at[3] = map(MAP_PRIVATE, NULL);
	at[4] = map(MAP_SHARED, NULL); /* never touched */
	for (int i = 0; i < 4; i++)
		memset(at[i], 'a' + i, 6 * page);
	child = case_sys(fork());
	/* Kernels before 6.15 close private anonymous memory only, those before 6.13 none. */
	for (int i = 0; child && i < SORTS; i++)
		closed[i] = !madvise(at[i] + 2 * page, 2 * page, GUARD_INSTALL);
	if (!child) {
		case_child_ready("sharer");
		case_wait_go();
		verify(false, "sharer");
		_exit(0);
	}
	case_wait_child("sharer");
	case_ready();
	verify(true, "owner");
	case_sys(waitpid(child, &status, 0));
	case_check(!status, "the sharer ended with %x", status);
	for (int i = 0; i < SORTS; i++) {
		/* A private page is thrown away when its place is closed. */
		bool gone = closed[i] && (i == 2 || i == 3);
		char want = i == 4 || gone ? 0 : 'a' + i;

		if (closed[i])
			case_sys(madvise(at[i] + 2 * page, 2 * page, GUARD_REMOVE));
		case_check(at[i][2 * page] == want, "memory %d holds %d behind its guard", i,
			   at[i][2 * page]);
		case_check(at[i][4 * page] == (i == 4 ? 0 : 'a' + i), "memory %d changed", i);
	}
	case_pass();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that System V shared memory comes back: ids, keys, owners, modes and
 * sizes; attached in several tasks at several addresses, read-only, in part,
 * executable; removed while attached; attached by nobody; larger than the
 * limit of today; who made it.
 */
// kinds: mem-sysv ipc-shm
#include <sched.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include "case.h"

#define KEY 0x5ca5e
#define BIG (1ull << 36)

static size_t page;
static int main_id, gone, lonely, big, foreign;
static char *a, *b, *ro, *g, *huge, *zero;

static int make(key_t key, size_t size, int mode)
{
	return case_sys(shmget(key, size, IPC_CREAT | IPC_EXCL | mode));
}

static char *at(int id, int flags)
{
	return case_sys((char *)shmat(id, NULL, flags));
}

static void stat_of(int id, struct shmid_ds *ds)
{
	case_check(!shmctl(id, IPC_STAT, ds), "segment %d: %s", id, strerror(errno));
}

static void other_process(int made)
{
	char *mine = at(main_id, 0), *f = at(foreign, 0);
	unsigned char vec[1];

	case_sys(munmap(a + 4 * page, page));
	strcpy(mine + 2 * page, "child");
	strcpy(f, "foreign");
	case_sys(write(made, "x", 1));
	case_wait_go();
	for (int i = 0; strcmp(mine, "parent") && i < 2000; i++)
		case_sleep_ms(5);
	case_check(!strcmp(mine, "parent") && !strcmp(a, "parent"), "the child's memory is %s",
		   mine);
	case_check(!shmdt(mine) && mincore(mine, page, vec) == -1, "shmdt");
	case_check(!strcmp(f, "foreign") && !strcmp(g, "gone"), "other segments");
	_exit(0);
}

static void limit(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	fd = case_sys(open(path, O_WRONLY));
	case_sys(write(fd, value, strlen(value)));
	close(fd);
}

static void foreign_process(int made)
{
	struct shmid_ds ds;

	case_sys(setresgid(77, 77, 77));
	case_sys(setresuid(99, 99, 99));
	foreign = make(KEY + 1, 100, 0640);
	stat_of(foreign, &ds);
	case_sys(write(made, &foreign, sizeof(foreign)));
	case_wait_go();
	stat_of(foreign, &ds);
	case_check(ds.shm_cpid == getpid() && ds.shm_perm.cuid == 99 && ds.shm_perm.cgid == 77,
		   "the maker was %d (%d:%d)", ds.shm_cpid, ds.shm_perm.cuid, ds.shm_perm.cgid);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct shmid_ds ds, was;
	struct shm_info si;
	int made[2], st, used;
	pid_t child, maker;
	char c, *c_lonely;

	case_begin(argc, argv);
	page = (size_t)sysconf(_SC_PAGESIZE);
	case_sys(unshare(CLONE_NEWIPC));
	limit("shmmax", "99999999999999");
	case_sys(chmod(case_dir, 0777));
	zero = at(make(IPC_PRIVATE, page, 0600), 0);
	strcpy(zero, "zero");
	/* Ids that are not the first ones. */
	for (int i = 0; i < 5; i++)
		case_sys(shmctl(make(IPC_PRIVATE, page, 0), IPC_RMID, NULL));
	case_sys(pipe(made));
	maker = case_sys(fork());
	if (!maker)
		foreign_process(made[1]);
	case_check(read(made[0], &foreign, sizeof(foreign)) == sizeof(foreign), "set-up");
	main_id = make(KEY, 8 * page + 100, 0604);
	gone = make(KEY + 2, page, 0600);
	lonely = make(IPC_PRIVATE, 3 * page, 0666);
	big = make(KEY + 3, BIG, 0600 | SHM_NORESERVE);
	a = at(main_id, 0);
	b = at(main_id, 0);
	ro = at(main_id, SHM_RDONLY);
	case_sys(mprotect(b + page, page, PROT_READ));
	g = at(gone, SHM_EXEC);
	strcpy(g, "gone");
	case_sys(shmctl(gone, IPC_RMID, NULL));
	strcpy(a + 8 * page, "tail");
	c_lonely = at(lonely, 0);
	strcpy(c_lonely + page, "lonely");
	case_sys(shmdt(c_lonely));
	huge = at(big, 0);
	huge[BIG / 2] = 'h';
	ds.shm_perm.uid = 1234;
	ds.shm_perm.gid = 4321;
	ds.shm_perm.mode = 0646;
	case_sys(shmctl(main_id, IPC_SET, &ds));
	child = case_sys(fork());
	if (!child)
		other_process(made[1]);
	case_check(read(made[0], &c, 1) == 1, "set-up");
	limit("shmmax", "4096");
	limit("shmmni", "100");
	stat_of(main_id, &was);
	used = case_sys(shmctl(0, SHM_INFO, (struct shmid_ds *)&si)), used = si.used_ids;
	case_ready();

	case_sys(shmctl(0, SHM_INFO, (struct shmid_ds *)&si));
	case_check(si.used_ids == used, "%d segments, there were %d", si.used_ids, used);
	stat_of(main_id, &ds);
	case_check(ds.shm_perm.__key == KEY && ds.shm_perm.uid == 1234 && ds.shm_perm.gid == 4321 &&
			   (ds.shm_perm.mode & 0777) == 0646 && ds.shm_segsz == 8 * page + 100,
		   "key %x owner %d:%d mode %o size %zu", ds.shm_perm.__key, ds.shm_perm.uid,
		   ds.shm_perm.gid, ds.shm_perm.mode, ds.shm_segsz);
	case_check(ds.shm_nattch == was.shm_nattch && ds.shm_cpid == was.shm_cpid &&
			   ds.shm_perm.cuid == was.shm_perm.cuid,
		   "%lu attached, was %lu; made by %d", ds.shm_nattch, was.shm_nattch, ds.shm_cpid);
	case_check(shmget(KEY, 0, 0) == main_id, "the key leads to %d", shmget(KEY, 0, 0));
	case_check(!strcmp(a + 2 * page, "child") && !strcmp(a + 8 * page, "tail") &&
			   !strcmp(b + 2 * page, "child") && !strcmp(ro + 8 * page, "tail"),
		   "content");
	case_check(mprotect(ro, page, PROT_READ | PROT_WRITE) && errno == EACCES,
		   "the read-only one can be written");
	case_check(!mprotect(b + page, page, PROT_READ | PROT_WRITE), "the other one cannot");
	strcpy(a, "parent");
	stat_of(foreign, &ds);
	case_check(ds.shm_perm.uid == 99 && ds.shm_segsz == 100 && ds.shm_perm.__key == KEY + 1,
		   "the other's segment");
	stat_of(gone, &ds);
	case_check(ds.shm_perm.mode & 01000 && !ds.shm_perm.__key && !strcmp(g, "gone"),
		   "the removed one: mode %o", ds.shm_perm.mode);
	case_check(shmget(KEY + 2, 0, 0) == -1 && errno == ENOENT, "its key");
	case_check(!mprotect(g, page, PROT_READ | PROT_EXEC), "exec");
	case_check(huge[BIG / 2] == 'h' && !huge[0], "huge");
	case_check(!strcmp(zero, "zero") && !shmctl(0, IPC_STAT, &ds), "segment 0: %s", zero);
	case_check(shmget(IPC_PRIVATE, 2 * page, 0600) == -1 && errno == EINVAL, "the limit");
	case_check(waitpid(child, &st, 0) == child && !st, "the child ended with %#x", st);
	case_check(waitpid(maker, &st, 0) == maker && !st, "the maker ended with %#x", st);
	case_check(!strcmp(at(lonely, 0) + page, "lonely"), "lonely");
	case_check(!shmdt(g) && shmctl(gone, IPC_STAT, &ds) == -1, "the removed one lives on");
	case_pass();
}

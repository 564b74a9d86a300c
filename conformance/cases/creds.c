// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that credentials come back, per process and per thread: the four user
 * and group ids, supplementary groups, the five capability sets, securebits,
 * no_new_privs, keepcaps and the parent-death signal, the dumpable flag.
 */
// cflags: -pthread
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

struct creds {
	char text[1200];
	int securebits, keepcaps, no_new_privs, pdeathsig, dumpable;
};

/* The kernel's own words on the calling thread. */
static void note(struct creds *c)
{
	char path[64], line[1024];
	size_t n = 0;
	FILE *f;

	memset(c, 0, sizeof(*c));
	snprintf(path, sizeof(path), "/proc/self/task/%ld/status", syscall(SYS_gettid));
	f = fopen(path, "r");
	case_check(f, "cannot open %s", path);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Uid", 3) && strncmp(line, "Gid", 3) &&
		    strncmp(line, "Groups", 6) && strncmp(line, "Cap", 3) &&
		    strncmp(line, "NoNewPrivs", 10))
			continue;
		n += snprintf(c->text + n, sizeof(c->text) - n, "%s", line);
	}
	fclose(f);
	c->securebits = prctl(PR_GET_SECUREBITS);
	c->keepcaps = prctl(PR_GET_KEEPCAPS);
	c->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	prctl(PR_GET_PDEATHSIG, &c->pdeathsig);
	c->dumpable = prctl(PR_GET_DUMPABLE);
}

static void compare(const char *who, const struct creds *a)
{
	struct creds b;

	note(&b);
	case_check(!strcmp(a->text, b.text), "%s:\n%swere:\n%s", who, b.text, a->text);
	case_check(a->securebits == b.securebits, "%s: securebits %x, were %x", who, b.securebits,
		   a->securebits);
	case_check(a->keepcaps == b.keepcaps, "%s: keepcaps %d", who, b.keepcaps);
	case_check(a->no_new_privs == b.no_new_privs, "%s: no_new_privs %d", who, b.no_new_privs);
	case_check(a->pdeathsig == b.pdeathsig, "%s: pdeathsig %d, was %d", who, b.pdeathsig,
		   a->pdeathsig);
	case_check(a->dumpable == b.dumpable, "%s: dumpable %d, was %d", who, b.dumpable,
		   a->dumpable);
}

static void set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = {
		{ effective, permitted, inheritable },
		{ effective >> 32, permitted >> 32, inheritable >> 32 },
	};

	case_sys(syscall(SYS_capset, &h, d));
}

#define CAP(x) (1ull << (x))

/* The raw calls change one thread only. */
static void *thread(void *arg)
{
	struct creds c;

	case_sys(syscall(SYS_setresgid, 1001, 1002, 1003));
	case_sys(prctl(PR_SET_KEEPCAPS, 1));
	case_sys(syscall(SYS_setresuid, 2001, 2002, 2003));
	set_caps(CAP(CAP_CHOWN), CAP(CAP_CHOWN) | CAP(CAP_KILL), CAP(CAP_KILL));
	setfsuid(2001);
	note(&c);
	case_child_ready("thread");
	case_wait_go();
	compare("thread", &c);
	return NULL;
}

static void ordinary_user(void)
{
	gid_t groups[] = { 7, 8, 65000 };
	struct creds c;

	case_sys(setgroups(3, groups));
	case_sys(setresgid(1000, 1000, 1000));
	case_sys(setresuid(1000, 1000, 1000));
	case_sys(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	case_sys(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	note(&c);
	case_child_ready("user");
	case_wait_go();
	compare("ordinary user", &c);
	case_check(setuid(0) == -1 && errno == EPERM, "an ordinary user could become root");
	_exit(0);
}

static void limited_root(void)
{
	struct creds c;

	case_sys(prctl(PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0));
	case_sys(prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT, 0, 0, 0));
	case_sys(prctl(PR_SET_SECUREBITS,
		       SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED));
	set_caps(CAP(CAP_NET_RAW) | CAP(CAP_DAC_OVERRIDE),
		 CAP(CAP_NET_RAW) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_SETPCAP),
		 CAP(CAP_NET_RAW) | CAP(CAP_SETPCAP));
	case_sys(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0));
	case_sys(prctl(PR_SET_DUMPABLE, 0));
	note(&c);
	case_child_ready("limited");
	case_wait_go();
	compare("limited root", &c);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct creds c;
	pthread_t t;
	int st, i;

	case_begin(argc, argv);
	/* The directory belongs to root; all of us write there. */
	case_sys(chmod(case_dir, 0777));
	if (!case_sys(fork()))
		ordinary_user();
	if (!case_sys(fork()))
		limited_root();
	case_check(!pthread_create(&t, NULL, thread, NULL), "pthread_create");
	case_wait_child("user");
	case_wait_child("limited");
	case_wait_child("thread");
	/* Only now: a thread's change of ids clears the dumpable flag of all. */
	note(&c);
	case_ready();
	compare("leader", &c);
	pthread_join(t, NULL);
	for (i = 0; i < 2; i++)
		case_check(wait(&st) > 0 && st == 0, "a child's status is %x", st);
	case_pass();
}

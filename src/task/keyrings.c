// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keyrings of the tree that hold keys: they are refused, since keys cannot in
 * general be read, and some not even be asked for.
 *
 * Asking a task for its session keyring would give it one (keyctl(2)). So the
 * keyrings of its user that hold anything are taken from /proc/keys, and the
 * task is asked whether it finds one of them: request_key(2) without a callout
 * changes nothing. One that we have too is the machine's, not the tree's.
 */
#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "parasite/remote.h"
#include "task/task-internal.h"

struct keyring {
	long serial;
	uint32_t uid; /* ours: of who may see it */
	char *name;
};

struct keyrings {
	struct keyring *v;
	size_t n;
	uint32_t *uids; /* asked for */
	size_t n_uids;
};

/* What lies in everybody's session: the user's own keyring, and the number that systemd gives a service. */
static bool is_usual(long key)
{
	char text[512], *name;
	long n = syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, text, sizeof(text) - 1);

	/* "type;uid;gid;perm;name" */
	if (n < 0 || n > (long)sizeof(text) - 1)
		return false;
	text[n] = 0;
	name = strrchr(text, ';');
	return name && ((!strncmp(text, "keyring;", 8) && !strncmp(name + 1, "_uid", 4)) ||
			!strcmp(name + 1, "invocation_id"));
}

static bool holds_keys(long keyring)
{
	int32_t keys[64];
	long n = syscall(SYS_keyctl, KEYCTL_READ, keyring, keys, sizeof(keys));

	/* What may not be read may hold anything. */
	if (n < 0 || n > (long)sizeof(keys))
		return true;
	for (long i = 0; i < n / (long)sizeof(*keys); i++)
		if (!is_usual(keys[i]))
			return true;
	return false;
}

/* "27cdc789 I--Q---     1 perm 1f030000     0     0 keyring   NAME: 2" */
static void take_line(struct model *m, struct keyrings *ks, char *line, uint32_t uid)
{
	struct keyring k = { .uid = uid };
	unsigned serial;
	int at = 0;
	char *colon;

	if (sscanf(line, "%x %*s %*s %*s %*s %*s %*s keyring %n", &serial, &at) != 1 || !at)
		return;
	k.name = line + at;
	colon = strrchr(k.name, ':');
	if (!colon || !strncmp(colon, ": empty", 7) || *k.name == '.' ||
	    !strncmp(k.name, "_uid", 4))
		return;
	*colon = 0;
	k.serial = (long)serial;
	if (!holds_keys(k.serial) ||
	    syscall(SYS_request_key, "keyring", k.name, NULL, 0) == k.serial)
		return;
	k.name = pool_strdup(m->pool, k.name);
	pool_push(m->pool, ks->v, ks->n, k);
}

/* The file shows what the user who opened it may view. */
static void look_as(struct model *m, struct keyrings *ks, uint32_t uid)
{
	_cleanup_free_ char *line = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	size_t cap = 0;

	for (size_t i = 0; i < ks->n_uids; i++)
		if (ks->uids[i] == uid)
			return;
	pool_push(m->pool, ks->uids, ks->n_uids, uid);
	setfsuid(uid);
	f = fopen("/proc/keys", "re");
	while (f && getline(&line, &cap, f) > 0)
		take_line(m, ks, line, uid);
	setfsuid(geteuid());
}

static uint32_t uid_of(const struct task *t)
{
	const struct inside *in = t->threads[0].priv;

	return in ? in->fsuid : 0;
}

size_t task_keyrings_look(struct model *m)
{
	struct keyrings *ks = m->keyrings = pool_alloc(m->pool, sizeof(*ks));
	size_t need = 0;

	for (size_t i = 0; i < m->n_tasks; i++)
		if (m->tasks[i]->rt)
			look_as(m, ks, uid_of(m->tasks[i]));
	for (size_t i = 0; i < ks->n; i++)
		need += strlen(ks->v[i].name) + 32 + sizeof(struct sv_call);
	return need;
}

void task_keyrings_calls(struct model *m, struct thread *th, struct inside *in)
{
	const struct keyrings *ks = m->keyrings;
	struct prog *p = &th->rt->prog;
	char *type;

	in->keyring_call = p->n;
	if (!ks || !ks->n)
		return;
	type = prog_strdup(p, "keyring");
	for (size_t i = 0; i < ks->n; i++)
		prog_call(p, "look for a keyring", SYS_request_key | SV_IGN, (uint64_t)type,
			  (uint64_t)prog_strdup(p, ks->v[i].name), 0, 0);
}

void task_keyrings_results(struct model *m, struct thread *th, struct inside *in)
{
	const struct keyrings *ks = m->keyrings;

	in->keyring = NULL;
	for (size_t i = 0; ks && i < ks->n; i++)
		if (prog_res(&th->rt->prog, in->keyring_call + i) == ks->v[i].serial)
			in->keyring = &ks->v[i];
}

int task_keyrings_check(const struct task *t, struct err *e)
{
	const struct inside *in = task_speaker(t)->priv;
	char object[160];

	if (!in->keyring)
		return 0;
	snprintf(object, sizeof(object), "keyring %lx (%.80s) of pid %d (%s)", in->keyring->serial,
		 in->keyring->name, t->host, t->comm);
	err_set(e, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", object,
		"it holds keys, which cannot be saved");
	err_about(e, t->host, "keyring");
	return err_hint(e, "let the program revoke or clear it (keyctl clear), or start it in the "
			   "session keyring of the machine");
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* See net_hold.h. net_undo_left runs in: whoever survives us. */
#define LOG_MODULE "netlock"
#include "net_hold.h"

#include <errno.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/nshelper.h"
#include "base/proc.h"
#include "model/options.h"
#include "src/fd/fd.h"

void net_hold_init(struct net_hold *h)
{
	*h = (struct net_hold){ .lock = { .sock = -EBADF } };
}

static bool wanted(const struct model *m)
{
	return m->opt->tcp_established && !m->opt->tcp_close &&
	       (!m->opt->network_lock || strcmp(m->opt->network_lock, "skip") != 0);
}

static int nft_socket(const struct model *m, pid_t pid, int *ret, struct err *e)
{
	if (model_has_own_ns(m, NS_NET))
		return ns_helper_socket(pid, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, ret, e);
	*ret = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	return *ret < 0 ? err_sys(e, "socket", "nftables") : 0;
}

static int lock(struct net_hold *h, struct model *m, pid_t pid, struct err *e)
{
	bool whole = model_has_own_ns(m, NS_NET);
	int sock, r = nft_socket(m, pid, &sock, e);

	if (!r)
		r = netlock_set(&h->lock, sock, whole, h->v, h->n, e);
	if (!r)
		log_debug("locked %zu connections%s", h->n,
			  whole ? ", with the whole namespace" : "");
	return r;
}

int net_hold_dump(struct net_hold *h, struct model *m, const struct hooks *hooks, struct err *e)
{
	int r = 0;

	/* A client is told in any case: it may hold connections by means of its own. */
	h->told = model_has_own_ns(m, NS_NET) || hooks->notify;
	if (h->told)
		r = hooks_run(hooks, HOOK_NETWORK_LOCK, m->opt->tree, NULL, e);
	if (r || !wanted(m))
		return r;
	r = fd_tcp_list(m, &h->v, &h->n, e);
	return r || !h->n ? r : lock(h, m, m->root->host, e);
}

void net_hold_plan_leaving(struct net_hold *h, struct model *m)
{
	uint64_t id;

	/* A namespace of the tree's own ends with it; tasks that live on need no lock. */
	if (h->lock.sock < 0 || model_has_own_ns(m, NS_NET) || m->opt->leave_running ||
	    m->opt->leave_stopped || getrandom(&id, sizeof(id), 0) != sizeof(id))
		return;
	snprintf(h->left, sizeof(h->left), "%016llx", (unsigned long long)id);
	m->inventory->left_lock = pool_strdup(m->pool, h->left);
}

/* A lock that is left belongs to a tree that is dead; should process @pid live after all, it goes. */
struct left_record {
	char id[20];
	int32_t pid; /* 0: it goes in any case */
	uint64_t starttime;
};

static int note_left(struct journal *j, const char *id, pid_t pid, struct journal_entry **ret,
		     struct err *e)
{
	struct left_record rec = { .pid = pid };
	struct proc_stat st = { 0 };
	int r = pid ? proc_stat_read(pid, &st, e) : 0;

	snprintf(rec.id, sizeof(rec.id), "%s", id);
	rec.starttime = st.starttime;
	return r ? r : journal_add(j, UNDO_NETLOCK, &rec, sizeof(rec), ret, e);
}

int net_hold_leave(struct net_hold *h, struct model *m, struct err *e)
{
	int r = 0;

	if (h->left[0]) {
		r = note_left(m->journal, h->left, m->root->host, &h->undo, e);
		if (!r)
			r = netlock_leave(&h->lock, h->left, h->v, h->n, e);
	}
	return r ? r : fd_tcp_silence(m, e);
}

void net_hold_left(struct net_hold *h)
{
	journal_done(h->undo);
	h->undo = NULL;
	h->left[0] = 0;
	netlock_clear(&h->lock);
}

static int remove_left(const struct model *m, pid_t pid, const char *id, struct err *e)
{
	_cleanup_close_ int sock = -EBADF;
	int r = nft_socket(m, pid, &sock, e);

	return r ? r : netlock_remove(sock, id, e);
}

void net_hold_end(struct net_hold *h, struct model *m, const struct hooks *hooks)
{
	struct err late = { 0 };

	if (h->told && hooks_run(hooks, HOOK_NETWORK_UNLOCK, m->opt->tree, NULL, &late))
		log_warn("hook network-unlock: %s %s", late.object, late.why);
	h->told = false;
	if (h->undo && remove_left(m, m->root->host, h->left, &late) < 0)
		log_warn("%s %s: %s", late.op, late.object, late.why);
	journal_done(h->undo);
	h->undo = NULL;
	netlock_clear(&h->lock);
}

/* It comes from an image. */
static int check_left(const struct model *m, struct err *e)
{
	const char *id = m->inventory->left_lock;

	if (!id || netlock_id_valid(id))
		return 0;
	return err_set(e, ERR_IMAGE, EINVAL, "read", "inventory.img",
		       "the network lock that was left has an impossible name");
}

int net_hold_restore(struct net_hold *h, struct model *m, pid_t pid, struct err *e)
{
	int r = check_left(m, e);

	if (r || !wanted(m))
		return r;
	r = fd_tcp_planned(m, &h->v, &h->n, e);
	return r || !h->n ? r : lock(h, m, pid, e);
}

int net_hold_unlock(struct model *m, bool *ret_was_locked, struct err *e)
{
	const char *id = m->inventory->left_lock;
	_cleanup_close_ int sock = -EBADF;
	int r = check_left(m, e);

	if (!r && id) {
		sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
		r = sock < 0 ? err_sys(e, "socket", "nftables") : netlock_remove(sock, id, e);
	}
	if (r < 0)
		return r;
	*ret_was_locked = id && !r;
	return 0;
}

void net_hold_free(struct net_hold *h, struct model *m, pid_t pid)
{
	const char *id = m->inventory->left_lock;
	struct journal_entry *undo = NULL;
	struct err late = { 0 };

	/* From here on the tree lives, whoever has to finish this. */
	if (id && !model_has_own_ns(m, NS_NET) &&
	    (note_left(m->journal, id, 0, &undo, &late) || remove_left(m, pid, id, &late) < 0))
		log_warn("%s %s: %s", late.op, late.object, late.why);
	journal_done(undo);
	netlock_clear(&h->lock);
}

/* SIGKILL on the way counts as death: a frozen task takes its time. */
static bool lives(const struct left_record *rec)
{
	struct proc_status status = { 0 };
	struct err gone = { 0 };
	struct proc_stat st;
	bool killed;

	if (proc_stat_read(rec->pid, &st, &gone) || st.starttime != rec->starttime ||
	    st.state == 'Z' || st.state == 'X' ||
	    proc_status_read(rec->pid, rec->pid, &status, &gone))
		return false;
	killed = (status.sigpnd | status.shdpnd) & 1ull << (SIGKILL - 1);
	proc_status_free(&status);
	return !killed;
}

static int undo_left(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct left_record *rec = (const void *)v[i]->data;
		_cleanup_close_ int sock = -EBADF;

		if (v[i]->len < sizeof(*rec) || rec->id[sizeof(rec->id) - 1] ||
		    !netlock_id_valid(rec->id) || (rec->pid && !lives(rec)))
			continue;
		sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
		if (sock < 0)
			return err_sys(e, "socket", "nftables");
		if (netlock_remove(sock, rec->id, e) < 0)
			return -e->code;
	}
	return 0;
}

const struct undo_kind net_undo_left = {
	.id = UNDO_NETLOCK,
	.name = "unlock the network",
	.undo = undo_left,
};

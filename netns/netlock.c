// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lock as one batch of nfnetlink messages; see nf_tables' uapi header.
 * Written by hand: what is needed is a dozen messages, and a library would open
 * a socket of its own in a namespace that is not the tree's.
 */
#include "netns/netlock.h"

#include <arpa/inet.h>
#include <limits.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

/* An attribute's length has 16 bits. */
#define LIST_MAX 60000
#define MSG_ROOM 70000
#define OWNER 2u /* NFT_TABLE_F_OWNER; 1 is DORMANT, which drops nothing */
#define ID_LEN 16

/*
 * Before all other chains. A table that takes over comes later than the one it
 * takes over from: a packet between the two then meets one of them.
 */
enum { PRIO_OURS = INT_MIN, PRIO_LEFT = INT_MIN + 1 };

struct batch {
	char *v;
	size_t n, cap, msg; /* msg: where the last message begins */
	uint32_t seq;
};

static void *room(struct batch *b, size_t n)
{
	if (b->n + n > b->cap) {
		char *v = realloc(b->v, b->cap * 2 + n + MSG_ROOM);

		/* As the pool does. */
		if (!v)
			abort();
		b->v = v;
		b->cap = b->cap * 2 + n + MSG_ROOM;
	}
	memset(b->v + b->n, 0, n);
	b->n += n;
	return b->v + b->n - n;
}

static struct nlmsghdr *msg_at(struct batch *b)
{
	return (struct nlmsghdr *)(b->v + b->msg);
}

static void msg(struct batch *b, unsigned type, int family, unsigned flags, unsigned res)
{
	struct nfgenmsg *g;

	room(b, NLMSG_HDRLEN);
	b->msg = b->n - NLMSG_HDRLEN;
	msg_at(b)->nlmsg_type = (uint16_t)type;
	msg_at(b)->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	msg_at(b)->nlmsg_seq = ++b->seq;
	g = room(b, sizeof(*g));
	*g = (struct nfgenmsg){ (uint8_t)family, NFNETLINK_V0, htons((uint16_t)res) };
	msg_at(b)->nlmsg_len = NLMSG_HDRLEN + sizeof(*g);
}

static void nft(struct batch *b, unsigned type, unsigned flags)
{
	msg(b, NFNL_SUBSYS_NFTABLES << 8 | type, NFPROTO_INET, flags, 0);
}

static void put(struct batch *b, unsigned type, const void *data, size_t n)
{
	struct nlattr *a = room(b, NLA_HDRLEN + NLA_ALIGN(n));

	a->nla_type = (uint16_t)type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + n);
	memcpy((char *)a + NLA_HDRLEN, data, n);
	msg_at(b)->nlmsg_len = (uint32_t)(b->n - b->msg);
}

static void put_str(struct batch *b, unsigned type, const char *s)
{
	put(b, type, s, strlen(s) + 1);
}

static void put_u32(struct batch *b, unsigned type, uint32_t v)
{
	v = htonl(v);
	put(b, type, &v, sizeof(v));
}

static size_t nest(struct batch *b, unsigned type)
{
	put(b, type | NLA_F_NESTED, "", 0);
	return b->n - NLA_HDRLEN;
}

static void nest_end(struct batch *b, size_t at)
{
	((struct nlattr *)(b->v + at))->nla_len = (uint16_t)(b->n - at);
}

/* An expression is a name and its data; the two nests are ended together. */
struct expr {
	size_t elem, data;
};

static struct expr expr(struct batch *b, const char *name)
{
	struct expr x = { .elem = nest(b, NFTA_LIST_ELEM) };

	put_str(b, NFTA_EXPR_NAME, name);
	x.data = nest(b, NFTA_EXPR_DATA);
	return x;
}

static void expr_end(struct batch *b, struct expr x)
{
	nest_end(b, x.data);
	nest_end(b, x.elem);
}

/* Of the packet's @key: equal to @v or the rule ends. */
static void match_meta(struct batch *b, unsigned key, const void *v, size_t n)
{
	struct expr x = expr(b, "meta");
	size_t data;

	put_u32(b, NFTA_META_DREG, NFT_REG_1);
	put_u32(b, NFTA_META_KEY, key);
	expr_end(b, x);
	x = expr(b, "cmp");
	put_u32(b, NFTA_CMP_SREG, NFT_REG_1);
	put_u32(b, NFTA_CMP_OP, NFT_CMP_EQ);
	data = nest(b, NFTA_CMP_DATA);
	put(b, NFTA_DATA_VALUE, v, n);
	nest_end(b, data);
	expr_end(b, x);
}

static void payload(struct batch *b, unsigned base, unsigned at, unsigned n, unsigned reg)
{
	struct expr x = expr(b, "payload");

	put_u32(b, NFTA_PAYLOAD_DREG, reg);
	put_u32(b, NFTA_PAYLOAD_BASE, base);
	put_u32(b, NFTA_PAYLOAD_OFFSET, at);
	put_u32(b, NFTA_PAYLOAD_LEN, n);
	expr_end(b, x);
}

static void verdict(struct batch *b, unsigned code)
{
	struct expr x = expr(b, "immediate");
	size_t data, v;

	put_u32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nest(b, NFTA_IMMEDIATE_DATA);
	v = nest(b, NFTA_DATA_VERDICT);
	put_u32(b, NFTA_VERDICT_CODE, code);
	nest_end(b, v);
	nest_end(b, data);
	expr_end(b, x);
}

static size_t rule(struct batch *b, const char *table, const char *chain)
{
	nft(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	put_str(b, NFTA_RULE_TABLE, table);
	put_str(b, NFTA_RULE_CHAIN, chain);
	return nest(b, NFTA_RULE_EXPRESSIONS);
}

static void pass_marked(struct batch *b, const char *table, const char *chain)
{
	size_t at = rule(b, table, chain);
	uint32_t mark = NETLOCK_MARK;

	match_meta(b, NFT_META_MARK, &mark, sizeof(mark));
	verdict(b, NF_ACCEPT);
	nest_end(b, at);
}

static const char *set_name(bool v6)
{
	return v6 ? "connections6" : "connections4";
}

/* Drop what is in the set: address, port, address, port, our side first. */
static void drop_set(struct batch *b, const char *table, const char *chain, bool v6, bool in)
{
	size_t at = rule(b, table, chain);
	uint8_t tcp = IPPROTO_TCP, family = v6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
	unsigned len = v6 ? 16 : 4, words = len / 4, reg = NFT_REG32_00;
	unsigned src = v6 ? 8 : 12, dst = v6 ? 24 : 16;
	struct expr x;

	match_meta(b, NFT_META_NFPROTO, &family, 1);
	match_meta(b, NFT_META_L4PROTO, &tcp, 1);
	payload(b, NFT_PAYLOAD_NETWORK_HEADER, in ? dst : src, len, reg);
	payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, in ? 2 : 0, 2, reg + words);
	payload(b, NFT_PAYLOAD_NETWORK_HEADER, in ? src : dst, len, reg + words + 1);
	payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, in ? 0 : 2, 2, reg + 2 * words + 1);
	x = expr(b, "lookup");
	put_str(b, NFTA_LOOKUP_SET, set_name(v6));
	put_u32(b, NFTA_LOOKUP_SREG, reg);
	put_u32(b, NFTA_LOOKUP_SET_ID, v6 ? 2 : 1);
	expr_end(b, x);
	verdict(b, NF_DROP);
	nest_end(b, at);
}

static void set(struct batch *b, const char *table, bool v6, size_t n)
{
	/* The type as nft(8) shows it, 6 bits a part: ipv4_addr 7, ipv6_addr 8, inet_service 13. */
	uint32_t addr = v6 ? 8 : 7;
	size_t desc;

	nft(b, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	put_str(b, NFTA_SET_TABLE, table);
	put_str(b, NFTA_SET_NAME, set_name(v6));
	put_u32(b, NFTA_SET_FLAGS, 0);
	put_u32(b, NFTA_SET_KEY_TYPE, addr << 18 | 13 << 12 | addr << 6 | 13);
	put_u32(b, NFTA_SET_KEY_LEN, v6 ? 40 : 16);
	put_u32(b, NFTA_SET_ID, v6 ? 2 : 1);
	desc = nest(b, NFTA_SET_DESC);
	put_u32(b, NFTA_SET_DESC_SIZE, (uint32_t)n);
	nest_end(b, desc);
}

static void element(struct batch *b, const struct tcp_tuple *t)
{
	uint8_t key[40] = { 0 };
	size_t len = t->v6 ? 16 : 4, elem, k;

	memcpy(key, t->local, len);
	memcpy(key + len, &t->local_port, 2);
	memcpy(key + len + 4, t->remote, len);
	memcpy(key + 2 * len + 4, &t->remote_port, 2);
	elem = nest(b, NFTA_LIST_ELEM);
	k = nest(b, NFTA_SET_ELEM_KEY);
	put(b, NFTA_DATA_VALUE, key, 2 * len + 8);
	nest_end(b, k);
	nest_end(b, elem);
}

static void elements(struct batch *b, const char *table, bool v6, const struct tcp_tuple *t,
		     size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t list;

		nft(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
		put_str(b, NFTA_SET_ELEM_LIST_TABLE, table);
		put_str(b, NFTA_SET_ELEM_LIST_SET, set_name(v6));
		put_u32(b, NFTA_SET_ELEM_LIST_SET_ID, v6 ? 2 : 1);
		list = nest(b, NFTA_SET_ELEM_LIST_ELEMENTS);
		for (; i < n && b->n - list < LIST_MAX; i++)
			if (t[i].v6 == v6)
				element(b, &t[i]);
		nest_end(b, list);
	}
}

static void chain(struct batch *b, const char *table, const char *name, unsigned hook, int prio,
		  unsigned policy)
{
	size_t at;

	nft(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
	put_str(b, NFTA_CHAIN_TABLE, table);
	put_str(b, NFTA_CHAIN_NAME, name);
	at = nest(b, NFTA_CHAIN_HOOK);
	put_u32(b, NFTA_HOOK_HOOKNUM, hook);
	put_u32(b, NFTA_HOOK_PRIORITY, (uint32_t)prio);
	nest_end(b, at);
	put_u32(b, NFTA_CHAIN_POLICY, policy);
	put_str(b, NFTA_CHAIN_TYPE, "filter");
	pass_marked(b, table, name);
}

static void table(struct batch *b, const char *name, uint32_t flags, int prio, bool whole,
		  const struct tcp_tuple *t, size_t n)
{
	unsigned policy = whole ? NF_DROP : NF_ACCEPT;
	size_t count[2] = { 0 };

	nft(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	put_str(b, NFTA_TABLE_NAME, name);
	put_u32(b, NFTA_TABLE_FLAGS, flags);
	chain(b, name, "in", NF_INET_PRE_ROUTING, prio, policy);
	chain(b, name, "out", NF_INET_LOCAL_OUT, prio, policy);
	for (size_t i = 0; !whole && i < n; i++)
		count[t[i].v6]++;
	for (int v6 = 0; v6 < 2; v6++) {
		if (!count[v6])
			continue;
		set(b, name, v6, count[v6]);
		elements(b, name, v6, t, n);
		drop_set(b, name, "in", v6, true);
		drop_set(b, name, "out", v6, false);
	}
}

static void table_delete(struct batch *b, const char *name)
{
	nft(b, NFT_MSG_DELTABLE, 0);
	put_str(b, NFTA_TABLE_NAME, name);
}

static void begin(struct batch *b)
{
	msg(b, NFNL_MSG_BATCH_BEGIN, AF_UNSPEC, 0, NFNL_SUBSYS_NFTABLES);
}

/* The kernel's answer about the message @seq, or the first complaint. */
static int answer(int sock, uint32_t seq)
{
	char buf[32 * 1024];

	for (;;) {
		ssize_t n = recv(sock, buf, sizeof(buf), 0);
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (const struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, (unsigned)left);
		     h = NLMSG_NEXT(h, left)) {
			const struct nlmsgerr *ne = NLMSG_DATA(h);

			if (h->nlmsg_type != NLMSG_ERROR)
				continue;
			if (ne->error || h->nlmsg_seq == seq)
				return ne->error;
		}
	}
}

/* Takes the batch. All of it happens, or nothing. */
static int commit(int sock, struct batch *b, const char *what, struct err *e)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	int size, r = 0;
	uint32_t seq = b->seq;

	msg_at(b)->nlmsg_flags |= NLM_F_ACK;
	msg(b, NFNL_MSG_BATCH_END, AF_UNSPEC, 0, NFNL_SUBSYS_NFTABLES);
	size = (int)b->n + 65536;
	setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	/* With an address, the sender's capabilities count, not the socket opener's. */
	if (sendto(sock, b->v, b->n, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		r = -errno;
	if (!r)
		r = answer(sock, seq);
	free(b->v);
	if (!r)
		return 0;
	errno = -r;
	err_sys(e, "nftables", "%s", what);
	return err_hint(e, "the kernel needs nf_tables with inet tables; --network-lock says how "
			   "else to lock, or not to");
}

/* A table of a kernel that knows no owners would stay when we die. */
static int check_owned(int sock, const char *name, struct err *e)
{
	struct batch b = { 0 };
	char buf[4096];
	uint32_t flags = 0;
	ssize_t n = -1;
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	const struct nlmsghdr *h = (void *)buf;

	nft(&b, NFT_MSG_GETTABLE, 0);
	put_str(&b, NFTA_TABLE_NAME, name);
	if (sendto(sock, b.v, b.n, 0, (struct sockaddr *)&to, sizeof(to)) >= 0)
		n = recv(sock, buf, sizeof(buf), 0);
	free(b.v);
	if (n < 0)
		return err_sys(e, "nftables", "table %s", name);
	if (NLMSG_OK(h, (size_t)n) && h->nlmsg_type != NLMSG_ERROR) {
		const char *at = (const char *)NLMSG_DATA(h) + sizeof(struct nfgenmsg);
		const char *end = buf + h->nlmsg_len;

		while (at + NLA_HDRLEN <= end) {
			const struct nlattr *a = (const void *)at;

			if (a->nla_len < NLA_HDRLEN || at + a->nla_len > end)
				break;
			if ((a->nla_type & NLA_TYPE_MASK) == NFTA_TABLE_FLAGS &&
			    a->nla_len >= NLA_HDRLEN + sizeof(flags))
				memcpy(&flags, at + NLA_HDRLEN, sizeof(flags));
			at += NLA_ALIGN(a->nla_len);
		}
	}
	if (ntohl(flags) == OWNER)
		return 0;
	errno = EOPNOTSUPP;
	return err_sys(e, "nftables", "table %s: it would outlive us", name);
}

int netlock_set(struct netlock *l, int sock, bool whole, const struct tcp_tuple *t, size_t n,
		struct err *e)
{
	struct batch b = { 0 };
	int r;

	l->sock = sock;
	snprintf(l->table, sizeof(l->table), NETLOCK_PREFIX "lock-%d", getpid());
	begin(&b);
	table(&b, l->table, OWNER, PRIO_OURS, whole, t, n);
	r = commit(sock, &b, "lock the network", e);
	if (!r)
		r = check_owned(sock, l->table, e);
	if (r)
		netlock_clear(l);
	return r;
}

void netlock_clear(struct netlock *l)
{
	/* The kernel removes the table with its owner. */
	cleanup_close(&l->sock);
	l->sock = -EBADF;
}

bool netlock_id_valid(const char *id)
{
	return strlen(id) == ID_LEN && strspn(id, "0123456789abcdef") == ID_LEN;
}

static void left_name(const char *id, char *buf, size_t size)
{
	snprintf(buf, size, NETLOCK_PREFIX "%s", id);
}

int netlock_leave(struct netlock *l, const char *id, const struct tcp_tuple *t, size_t n,
		  struct err *e)
{
	struct batch b = { 0 };
	char name[40];
	int r;

	left_name(id, name, sizeof(name));
	begin(&b);
	table(&b, name, 0, PRIO_LEFT, false, t, n);
	table_delete(&b, l->table);
	r = commit(l->sock, &b, "hand the network lock over", e);
	if (!r)
		netlock_clear(l);
	return r;
}

int netlock_remove(int sock, const char *id, struct err *e)
{
	struct batch b = { 0 };
	char name[40];
	int r;

	left_name(id, name, sizeof(name));
	begin(&b);
	table_delete(&b, name);
	r = commit(sock, &b, "remove the network lock", e);
	if (r != -ENOENT)
		return r;
	err_clear(e);
	return 1;
}

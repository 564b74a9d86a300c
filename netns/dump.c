/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a network namespace over a socket inside it, refusing what cannot be
 * rebuilt, and writing its images.
 */
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/nexthop.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/nshelper.h"
#include "image/image.h"
#include "netns/netlock.h"
#include "netns/netns-internal.h"

struct net_state {
	struct rtnl_buf links, addrs, routes4, routes6, rules4, rules6, neigh, nexthops, qdiscs;
	struct lo_state lo;
};

static void net_state_free(struct net_state *s)
{
	struct rtnl_buf *all[] = { &s->links,  &s->addrs, &s->routes4,	&s->routes6, &s->rules4,
				   &s->rules6, &s->neigh, &s->nexthops, &s->qdiscs };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		rtnl_buf_free(all[i]);
}

static int state_read(int sock, struct net_state *s, struct err *e)
{
	struct ifinfomsg link = { .ifi_family = AF_UNSPEC };
	struct ifaddrmsg addr = { .ifa_family = AF_UNSPEC };
	struct rtmsg route4 = { .rtm_family = AF_INET }, route6 = { .rtm_family = AF_INET6 };
	struct fib_rule_hdr rule4 = { .family = AF_INET }, rule6 = { .family = AF_INET6 };
	struct ndmsg neigh = { .ndm_family = AF_UNSPEC };
	struct nhmsg nexthop = { .nh_family = AF_UNSPEC };
	struct tcmsg qdisc = { .tcm_family = AF_UNSPEC };
	const struct {
		int type;
		const void *body;
		size_t len;
		struct rtnl_buf *ret;
		const char *what;
	} asks[] = {
		{ RTM_GETLINK, &link, sizeof(link), &s->links, "links" },
		{ RTM_GETADDR, &addr, sizeof(addr), &s->addrs, "addresses" },
		{ RTM_GETROUTE, &route4, sizeof(route4), &s->routes4, "IPv4 routes" },
		{ RTM_GETROUTE, &route6, sizeof(route6), &s->routes6, "IPv6 routes" },
		{ RTM_GETRULE, &rule4, sizeof(rule4), &s->rules4, "IPv4 routing rules" },
		{ RTM_GETRULE, &rule6, sizeof(rule6), &s->rules6, "IPv6 routing rules" },
		{ RTM_GETNEIGH, &neigh, sizeof(neigh), &s->neigh, "neighbours" },
		{ RTM_GETNEXTHOP, &nexthop, sizeof(nexthop), &s->nexthops, "nexthop objects" },
		{ RTM_GETQDISC, &qdisc, sizeof(qdisc), &s->qdiscs, "queueing disciplines" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
		int r = rtnl_dump(sock, asks[i].type, asks[i].body, asks[i].len, asks[i].ret,
				  asks[i].what, e);

		/* A kernel without IPv6 or policy routing has none of these. */
		if (r == -EOPNOTSUPP || r == -EAFNOSUPPORT)
			err_clear(e);
		else if (r)
			return r;
	}
	return 0;
}

static void block(struct err_list *l, const char *object, const char *why)
{
	struct err b = { 0 };
	char obj[200];

	snprintf(obj, sizeof(obj), "network namespace: %s", object);
	err_set(&b, ERR_UNSUPPORTED, ENOTSUP, "checkpoint", obj, "%s", why);
	err_hint(&b, "remove it from the namespace before the checkpoint");
	err_list_add(l, &b);
}

static void link_judge(struct net_state *s, const struct nlmsghdr *h, struct err_list *l)
{
	const struct ifinfomsg *m = NLMSG_DATA(h);
	const struct rtattr *a[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1] = { 0 },
								    *xdp[IFLA_XDP_MAX + 1] = { 0 };
	const char *name, *kind;
	char obj[120];

	if (!rtnl_attrs(h, sizeof(*m), a, IFLA_MAX))
		return block(l, "a link", "the kernel's answer is malformed");
	name = rtnl_str(a[IFLA_IFNAME]);
	if (a[IFLA_LINKINFO])
		rtnl_nested(a[IFLA_LINKINFO], info, IFLA_INFO_MAX);
	kind = rtnl_str(info[IFLA_INFO_KIND]);
	if (!(m->ifi_flags & IFF_LOOPBACK)) {
		if (net_link_is_fallback(name, kind, m->ifi_flags))
			return;
		snprintf(obj, sizeof(obj), "link %s (%s)", name, *kind ? kind : "physical");
		return block(l, obj, "links other than lo are not supported yet");
	}
	s->lo.found = true;
	s->lo.up = m->ifi_flags & IFF_UP;
	s->lo.ifindex = (uint32_t)m->ifi_index;
	s->lo.flags = m->ifi_flags;
	s->lo.mtu = rtnl_u32(a[IFLA_MTU], 65536);
	s->lo.txqlen = rtnl_u32(a[IFLA_TXQLEN], 1000);
	if (strcmp(name, "lo"))
		block(l, name, "a renamed loopback device is not supported yet");
	if (a[IFLA_XDP])
		rtnl_nested(a[IFLA_XDP], xdp, IFLA_XDP_MAX);
	if (*rtnl_str(a[IFLA_IFALIAS]) || (m->ifi_flags & (IFF_PROMISC | IFF_ALLMULTI)) ||
	    xdp[IFLA_XDP_PROG_ID])
		block(l, "link lo",
		      "an alias, promiscuous mode or XDP program is not supported yet");
}

static void qdisc_judge(const struct nlmsghdr *h, struct err_list *l)
{
	const struct tcmsg *m = NLMSG_DATA(h);
	const struct rtattr *a[TCA_MAX + 1];
	const char *kind;
	char obj[80];

	if (!rtnl_attrs(h, sizeof(*m), a, TCA_MAX))
		return;
	kind = rtnl_str(a[TCA_KIND]);
	if (!strcmp(kind, "noqueue") || !strcmp(kind, "noop"))
		return;
	snprintf(obj, sizeof(obj), "queueing discipline %s", kind);
	block(l, obj, "traffic control is not supported yet");
}

typedef bool (*plain_fn)(const struct nlmsghdr *h, char *name, size_t size);

static void judge_all(const struct rtnl_buf *b, plain_fn plain, const char *why, struct err_list *l)
{
	const struct nlmsghdr *h;
	const void *at = b->v;
	size_t left = b->n;
	char name[120];

	while ((h = rtnl_next(&at, &left)))
		if (!plain(h, name, sizeof(name)))
			block(l, name, why);
}

static bool nexthop_is_plain(const struct nlmsghdr *h, char *name, size_t size)
{
	snprintf(name, size, "nexthop object");
	return false;
}

static void addrs_judge(struct net_state *s, struct err_list *l)
{
	const struct nlmsghdr *h;
	const void *at = s->addrs.v;
	size_t left = s->addrs.n;
	char name[120];

	while ((h = rtnl_next(&at, &left))) {
		const struct ifaddrmsg *m = NLMSG_DATA(h);

		if (!net_addr_is_plain(h, s->lo.ifindex, name, sizeof(name)))
			block(l, name, "addresses other than lo's own are not supported yet");
		else if (m->ifa_family == AF_INET)
			s->lo.has_v4 = true;
		else
			s->lo.has_v6 = true;
	}
	if (s->lo.up && !s->lo.has_v4)
		block(l, "link lo", "it is up and its address 127.0.0.1/8 was removed");
}

static void judge(struct net_state *s, struct err_list *l)
{
	const struct nlmsghdr *h;
	const void *at = s->links.v;
	size_t left = s->links.n;

	while ((h = rtnl_next(&at, &left)))
		link_judge(s, h, l);
	addrs_judge(s, l);
	judge_all(&s->routes4, net_route_is_plain, "routes are not supported yet", l);
	judge_all(&s->routes6, net_route_is_plain, "routes are not supported yet", l);
	judge_all(&s->rules4, net_rule_is_plain, "routing rules are not supported yet", l);
	judge_all(&s->rules6, net_rule_is_plain, "routing rules are not supported yet", l);
	judge_all(&s->neigh, net_neigh_is_plain, "neighbours are not supported yet", l);
	judge_all(&s->nexthops, nexthop_is_plain, "nexthop objects are not supported yet", l);
	at = s->qdiscs.v;
	left = s->qdiscs.n;
	while ((h = rtnl_next(&at, &left)))
		qdisc_judge(h, l);
}

/* nftables, also as iptables uses them. */
static int nft_judge(pid_t pid, struct err_list *l, struct err *e)
{
	_cleanup_close_ int sock = -EBADF;
	_cleanup_(rtnl_buf_free) struct rtnl_buf b = { 0 };
	struct nfgenmsg body = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	const struct nlmsghdr *h;
	const void *at;
	size_t left;
	int r = ns_helper_socket(pid, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, &sock, e);

	if (!r)
		r = rtnl_dump(sock, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, &body,
			      sizeof(body), &b, "nftables", e);
	if (r == -EPROTONOSUPPORT || r == -EOPNOTSUPP || r == -EINVAL) {
		err_clear(e); /* a kernel without nftables */
		return 0;
	}
	if (r)
		return r;
	at = b.v;
	left = b.n;
	while ((h = rtnl_next(&at, &left))) {
		const struct rtattr *a[NFTA_TABLE_MAX + 1];
		char obj[120];

		/* Our own lock is not part of the namespace. */
		if (!rtnl_attrs(h, sizeof(body), a, NFTA_TABLE_MAX) ||
		    !strncmp(rtnl_str(a[NFTA_TABLE_NAME]), NETLOCK_PREFIX, strlen(NETLOCK_PREFIX)))
			continue;
		snprintf(obj, sizeof(obj), "nftables table %s", rtnl_str(a[NFTA_TABLE_NAME]));
		block(l, obj, "packet filters are not supported yet");
	}
	return 0;
}

/* Tables of the older iptables exist in a namespace once they were used in it. */
static void xtables_judge(pid_t pid, struct err_list *l)
{
	static const char *const files[] = { "ip_tables_names", "ip6_tables_names",
					     "arp_tables_names" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[64], text[256], obj[400];

		snprintf(path, sizeof(path), "/proc/%d/net/%s", pid, files[i]);
		if (read_text_at(AT_FDCWD, path, text, sizeof(text)) <= 0)
			continue;
		text[strcspn(text, "\n")] = 0;
		snprintf(obj, sizeof(obj), "table %s of %s", text, files[i]);
		block(l, obj, "packet filters are not supported yet");
	}
}

static int judge_netns(struct model *m, int sock, struct net_state *s, struct err_list *l,
		       struct err *e)
{
	int r = state_read(sock, s, e);

	if (r)
		return err_in(e, "network namespace of pid %d", m->root->host);
	judge(s, l);
	xtables_judge(m->root->host, l);
	r = nft_judge(m->root->host, l, e);
	return r ? err_in(e, "network namespace of pid %d", m->root->host) : 0;
}

int netns_preflight(struct model *m, int net_sock, struct err_list *blockers, struct err *e)
{
	_cleanup_(net_state_free) struct net_state s = { 0 };

	return net_sock < 0 ? 0 : judge_netns(m, net_sock, &s, blockers, e);
}

/* As iproute2 saves: its mark, then the messages (@table: only routes of it). */
static int raw_write(struct model *m, enum image_id id, uint32_t magic, const struct rtnl_buf *b,
		     unsigned table, struct err *e)
{
	struct image_out *o = NULL;
	const struct nlmsghdr *h;
	const void *at = b->v;
	size_t left = b->n;
	struct err ignored = { 0 };
	int r = image_create(m->dir, id, m->root->ns[NS_NET]->id, &o, e);

	if (r)
		return r;
	r = image_put_raw(o, &magic, sizeof(magic), e);
	while (!r && (h = rtnl_next(&at, &left))) {
		const struct rtmsg *rt = NLMSG_DATA(h);

		if (!table || (rt->rtm_table == table && !(rt->rtm_flags & RTM_F_CLONED)))
			r = image_put_raw(o, h, NLMSG_ALIGN(h->nlmsg_len), e);
	}
	if (!r)
		return image_out_close(o, e);
	image_out_close(o, &ignored);
	return r;
}

static int images_write(struct model *m, const struct net_state *s, struct err *e)
{
	NetnsEntry ns = NETNS_ENTRY__INIT;
	NetDeviceEntry lo = NET_DEVICE_ENTRY__INIT;
	uint32_t id = m->root->ns[NS_NET]->id;
	int r;

	lo.type = ND_TYPE__LOOPBACK;
	lo.ifindex = s->lo.ifindex;
	lo.mtu = s->lo.mtu;
	lo.flags = s->lo.flags;
	lo.name = "lo";
	r = net_sysctls_dump(m, m->root->host, &ns, e);
	if (!r)
		r = image_put_one(m->dir, IMG_NETNS, id, &ns.base, e);
	if (!r)
		r = image_put_one(m->dir, IMG_NETDEV, id, &lo.base, e);
	if (!r)
		r = raw_write(m, IMG_IFADDR, NET_MAGIC_ADDR, &s->addrs, 0, e);
	if (!r)
		r = raw_write(m, IMG_ROUTE, NET_MAGIC_ROUTE, &s->routes4, RT_TABLE_MAIN, e);
	if (!r)
		r = raw_write(m, IMG_ROUTE6, NET_MAGIC_ROUTE, &s->routes6, RT_TABLE_MAIN, e);
	if (!r)
		r = raw_write(m, IMG_RULE, NET_MAGIC_RULE, &s->rules4, 0, e);
	return r;
}

int netns_dump(struct model *m, int net_sock, struct err *e)
{
	_cleanup_(net_state_free) struct net_state s = { 0 };
	struct err_list blockers = { 0 };
	int r;

	if (net_sock < 0)
		return 0;
	r = judge_netns(m, net_sock, &s, &blockers, e);
	if (!r && blockers.n) { /* came up after the preflight */
		*e = blockers.v[0];
		r = -e->code;
	}
	err_list_free(&blockers);
	return r ? r : images_write(m, &s, e);
}

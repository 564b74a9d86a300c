/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a namespace with nothing but `lo` holds by itself, see netns-internal.h. */
#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "netns/netns-internal.h"

static const struct {
	const char *name, *kind;
} fallback[] = {
	{ "sit0", "sit" },	 { "tunl0", "ipip" },	  { "gre0", "gre" },
	{ "gretap0", "gretap" }, { "erspan0", "erspan" }, { "ip6tnl0", "ip6tnl" },
	{ "ip6gre0", "ip6gre" }, { "ip_vti0", "vti" },	  { "ip6_vti0", "vti6" },
};

bool net_link_is_fallback(const char *name, const char *kind, uint32_t flags)
{
	if (flags & IFF_UP)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(fallback); i++)
		if (!strcmp(name, fallback[i].name) && !strcmp(kind, fallback[i].kind))
			return true;
	return false;
}

static const char *addr_text(int family, const struct rtattr *a, char *buf, size_t size)
{
	size_t need = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);

	if (!a || RTA_PAYLOAD(a) < need || !inet_ntop(family, RTA_DATA(a), buf, (socklen_t)size))
		snprintf(buf, size, "?");
	return buf;
}

bool net_addr_is_plain(const struct nlmsghdr *h, uint32_t lo_index, char *name, size_t size)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	const struct rtattr *a[IFA_MAX + 1];
	char text[INET6_ADDRSTRLEN];

	if (!rtnl_attrs(h, sizeof(*m), a, IFA_MAX)) {
		snprintf(name, size, "an address that is malformed");
		return false;
	}
	addr_text(m->ifa_family, a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS], text, sizeof(text));
	snprintf(name, size, "address %s/%u", text, m->ifa_prefixlen);
	if (m->ifa_index != lo_index)
		return false;
	if (m->ifa_family == AF_INET)
		return m->ifa_prefixlen == 8 && !strcmp(text, "127.0.0.1");
	return m->ifa_family == AF_INET6 && m->ifa_prefixlen == 128 && !strcmp(text, "::1");
}

bool net_route_is_plain(const struct nlmsghdr *h, char *name, size_t size)
{
	const struct rtmsg *m = NLMSG_DATA(h);
	const struct rtattr *a[RTA_MAX + 1];
	char text[INET6_ADDRSTRLEN] = "default";

	if (!rtnl_attrs(h, sizeof(*m), a, RTA_MAX)) {
		snprintf(name, size, "a route that is malformed");
		return false;
	}
	if (a[RTA_DST])
		addr_text(m->rtm_family, a[RTA_DST], text, sizeof(text));
	snprintf(name, size, "route %s/%u in table %u", text, m->rtm_dst_len,
		 rtnl_u32(a[RTA_TABLE], m->rtm_table));
	if (m->rtm_flags & RTM_F_CLONED) /* a cache entry */
		return true;
	return (m->rtm_family == AF_INET || m->rtm_family == AF_INET6) &&
	       m->rtm_protocol == RTPROT_KERNEL;
}

bool net_rule_is_plain(const struct nlmsghdr *h, char *name, size_t size)
{
	static const struct {
		uint32_t priority, table;
	} usual[] = { { 0, RT_TABLE_LOCAL },
		      { 32766, RT_TABLE_MAIN },
		      { 32767, RT_TABLE_DEFAULT } };
	const struct fib_rule_hdr *m = NLMSG_DATA(h);
	const struct rtattr *a[FRA_MAX + 1];
	uint32_t prio, table;

	if (!rtnl_attrs(h, sizeof(*m), a, FRA_MAX)) {
		snprintf(name, size, "a routing rule that is malformed");
		return false;
	}
	prio = rtnl_u32(a[FRA_PRIORITY], 0);
	table = rtnl_u32(a[FRA_TABLE], m->table);
	snprintf(name, size, "routing rule %u (IPv%d)", prio, m->family == AF_INET ? 4 : 6);
	if (a[FRA_SRC] || a[FRA_DST] || a[FRA_FWMARK] || a[FRA_IIFNAME] || a[FRA_OIFNAME] ||
	    a[FRA_UID_RANGE] || (m->flags & FIB_RULE_INVERT) || m->action != FR_ACT_TO_TBL)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (usual[i].priority == prio && usual[i].table == table)
			return true;
	return false;
}

bool net_neigh_is_plain(const struct nlmsghdr *h, char *name, size_t size)
{
	const struct ndmsg *m = NLMSG_DATA(h);
	const struct rtattr *a[NDA_MAX + 1];
	char text[INET6_ADDRSTRLEN];

	if (!rtnl_attrs(h, sizeof(*m), a, NDA_MAX)) {
		snprintf(name, size, "a neighbour that is malformed");
		return false;
	}
	snprintf(name, size, "permanent neighbour %s",
		 addr_text(m->ndm_family, a[NDA_DST], text, sizeof(text)));
	/* The rest is learnt again. */
	return !(m->ndm_state & NUD_PERMANENT) && !(m->ndm_flags & NTF_PROXY);
}

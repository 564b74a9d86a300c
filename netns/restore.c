/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making a network namespace like the dumped one: so far its `lo`. Whatever else
 * an image holds (another tool may have written it) is refused by name.
 */
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "image/image.h"
#include "netns/netns-internal.h"
#define LOG_MODULE "netns"
#include "base/log.h"

/* No dump of a namespace that we accept comes near this. */
#define RAW_MAX (1 << 20)
/* The kernel gives lo this number in every namespace. */
#define LO_INDEX 1

static int refuse(const char *what, struct err *e)
{
	char obj[200];

	snprintf(obj, sizeof(obj), "network namespace: %s", what);
	return err_set(e, ERR_UNSUPPORTED, ENOTSUP, "restore", obj, "it is not supported yet");
}

static uint32_t net_id(const struct model *m)
{
	return m->root->ns[NS_NET]->id;
}

/* A raw image into memory; absent is empty. */
static int raw_read(struct model *m, enum image_id id, char **ret, size_t *ret_n, struct err *e)
{
	struct image_in *in = NULL;
	uint64_t n;
	char *v;
	int r;

	*ret_n = 0;
	*ret = NULL;
	if (!image_exists(m->dir, id, net_id(m)))
		return 0;
	r = image_open(m->dir, id, net_id(m), &in, e);
	if (r)
		return r;
	n = image_left(in);
	if (n > RAW_MAX)
		r = image_bad(in, e, "%llu bytes are too many", (unsigned long long)n);
	v = pool_alloc(m->pool, r ? 1 : n + 1);
	if (!r && n)
		r = image_get_raw(in, v, n, e);
	image_in_close(in);
	if (!r) {
		*ret = v;
		*ret_n = n;
	}
	return r;
}

static bool is_plain(enum image_id id, const struct nlmsghdr *h, uint32_t lo_index, char *name,
		     size_t size)
{
	switch (id) {
	case IMG_IFADDR:
		return net_addr_is_plain(h, lo_index, name, size);
	case IMG_ROUTE:
	case IMG_ROUTE6:
		return net_route_is_plain(h, name, size);
	case IMG_RULE:
		return net_rule_is_plain(h, name, size);
	default:
		snprintf(name, size, "an unknown list");
		return false;
	}
}

static int list_check(struct model *m, enum image_id id, uint32_t magic, uint32_t lo_index,
		      struct err *e)
{
	const struct nlmsghdr *h;
	const void *at;
	char *v, name[120];
	size_t left;
	uint32_t have;
	int r = raw_read(m, id, &v, &left, e);

	if (r || !left)
		return r;
	if (left < sizeof(have))
		return err_set(e, ERR_IMAGE, EINVAL, "read", "network images", "one is too short");
	memcpy(&have, v, sizeof(have));
	if (have != magic)
		return err_set(e, ERR_IMAGE, EINVAL, "read", "network images",
			       "a list starts with 0x%x instead of 0x%x", have, magic);
	/* A copy, so that the messages are aligned. */
	left -= sizeof(have);
	memmove(v, v + sizeof(have), left);
	at = v;
	while ((h = rtnl_next(&at, &left)))
		if (!is_plain(id, h, lo_index, name, sizeof(name)))
			return refuse(name, e);
	if (left)
		return err_set(e, ERR_IMAGE, EINVAL, "read", "network images",
			       "a list ends in the middle of a message");
	return 0;
}

static bool has_line(const char *text, const char *start)
{
	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, start, strlen(start)))
			return true;
	}
	return false;
}

/* Rules of a packet filter as text. */
static int filters_check(struct model *m, struct err *e)
{
	static const struct {
		enum image_id id;
		const char *rule, *what;
	} texts[] = {
		{ IMG_IPTABLES, "-A", "iptables rules" },
		{ IMG_IP6TABLES, "-A", "ip6tables rules" },
		{ IMG_NFTABLES, "table", "nftables rules" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		size_t n;
		char *v;
		int r = raw_read(m, texts[i].id, &v, &n, e);

		if (r)
			return r;
		if (n && has_line(v, texts[i].rule))
			return refuse(texts[i].what, e);
	}
	return 0;
}

static int lo_read(struct model *m, NetDeviceEntry **lo, struct err *e)
{
	struct image_in *in = NULL;
	NetDeviceEntry *d;
	bool found = false;
	char what[120];
	int r = image_open(m->dir, IMG_NETDEV, net_id(m), &in, e);

	while (!r && (r = image_get(in, &net_device_entry__descriptor, &d, e)) > 0) {
		r = 0;
		if (d->type != ND_TYPE__LOOPBACK || strcmp(d->name, "lo")) {
			snprintf(what, sizeof(what), "link %.32s (kind %d)", d->name, d->type);
			r = refuse(what, e);
		} else if (d->ifindex != LO_INDEX) {
			r = image_bad(in, e, "lo has number %u instead of %d", d->ifindex,
				      LO_INDEX);
		} else if (d->mtu < 68 || d->mtu > INT32_MAX) {
			r = image_bad(in, e, "mtu %u of lo is out of range", d->mtu);
		}
		*lo = d;
		found = true;
	}
	image_in_close(in);
	if (!r && !found)
		r = err_set(e, ERR_IMAGE, EINVAL, "read", "netdev image", "it has no lo");
	return r;
}

int netns_read(struct model *m, struct err *e)
{
	NetDeviceEntry *lo;
	NetnsEntry *ns;
	int r;

	if (!model_has_own_ns(m, NS_NET))
		return 0;
	r = image_get_one(m->dir, IMG_NETNS, net_id(m), &netns_entry__descriptor, &ns, e);
	if (!r && ns->ext_key)
		r = refuse("an external namespace", e);
	if (!r)
		r = net_sysctls_check(ns, e);
	if (!r && !ns->n_sysctls && (ns->n_def_conf4 || ns->n_def_conf6))
		log_warn(
			"settings (sysctl) of the network namespace are in another tool's form, going on without them");
	if (!r)
		r = lo_read(m, &lo, e);
	if (!r)
		r = list_check(m, IMG_IFADDR, NET_MAGIC_ADDR, lo->ifindex, e);
	if (!r)
		r = list_check(m, IMG_ROUTE, NET_MAGIC_ROUTE, lo->ifindex, e);
	if (!r)
		r = list_check(m, IMG_ROUTE6, NET_MAGIC_ROUTE, lo->ifindex, e);
	if (!r)
		r = list_check(m, IMG_RULE, NET_MAGIC_RULE, lo->ifindex, e);
	if (!r)
		r = filters_check(m, e);
	return r;
}

int netns_fill(struct model *m, pid_t pid, int net_sock, struct err *e)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg m;
		struct rtattr mtu;
		uint32_t mtu_value;
	} req = {
		.h = { .nlmsg_len = sizeof(req), .nlmsg_type = RTM_NEWLINK },
		.m = { .ifi_family = AF_UNSPEC, .ifi_change = IFF_UP },
		.mtu = { .rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = IFLA_MTU },
	};
	NetDeviceEntry *lo;
	NetnsEntry *ns;
	int r;

	if (net_sock < 0)
		return 0;
	r = image_get_one(m->dir, IMG_NETNS, net_id(m), &netns_entry__descriptor, &ns, e);
	if (!r)
		r = lo_read(m, &lo, e);
	if (r)
		return r;
	req.m.ifi_index = (int)lo->ifindex;
	req.m.ifi_flags = lo->flags & IFF_UP;
	req.mtu_value = lo->mtu;
	r = rtnl_talk(net_sock, &req.h, "link lo", e);
	return r ? r : net_sysctls_fill(pid, ns, e);
}

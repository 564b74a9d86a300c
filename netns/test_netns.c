/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What counts as a namespace's own, and messages that are not what they say. */
#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "netns/netns-internal.h"

struct msg {
	struct nlmsghdr h;
	char room[512];
};

static struct msg start(int type, const void *body, size_t n)
{
	struct msg m = { .h = { .nlmsg_len = (uint32_t)NLMSG_LENGTH(n),
				.nlmsg_type = (uint16_t)type } };

	memcpy(NLMSG_DATA(&m.h), body, n);
	return m;
}

static void put(struct msg *m, int type, const void *data, size_t n)
{
	struct rtattr *a = (struct rtattr *)((char *)m + NLMSG_ALIGN(m->h.nlmsg_len));

	a->rta_type = (unsigned short)type;
	a->rta_len = (unsigned short)RTA_LENGTH(n);
	memcpy(RTA_DATA(a), data, n);
	m->h.nlmsg_len = (uint32_t)(NLMSG_ALIGN(m->h.nlmsg_len) + RTA_LENGTH(n));
}

static struct msg addr(int family, const char *text, int prefix, int index)
{
	struct ifaddrmsg b = { .ifa_family = (uint8_t)family,
			       .ifa_prefixlen = (uint8_t)prefix,
			       .ifa_index = (uint32_t)index };
	struct msg m = start(RTM_NEWADDR, &b, sizeof(b));
	char bin[16];

	assert_int_equal(inet_pton(family, text, bin), 1);
	put(&m, IFA_ADDRESS, bin, family == AF_INET ? 4 : 16);
	return m;
}

static void test_addresses(void **state)
{
	char name[120];
	struct msg m = addr(AF_INET, "127.0.0.1", 8, 1);

	assert_true(net_addr_is_plain(&m.h, 1, name, sizeof(name)));
	m = addr(AF_INET6, "::1", 128, 1);
	assert_true(net_addr_is_plain(&m.h, 1, name, sizeof(name)));
	m = addr(AF_INET, "127.0.0.1", 8, 2);
	assert_false(net_addr_is_plain(&m.h, 1, name, sizeof(name)));
	m = addr(AF_INET, "127.0.0.2", 8, 1);
	assert_false(net_addr_is_plain(&m.h, 1, name, sizeof(name)));
	m = addr(AF_INET, "10.1.2.3", 24, 1);
	assert_false(net_addr_is_plain(&m.h, 1, name, sizeof(name)));
	assert_string_equal(name, "address 10.1.2.3/24");
	m = addr(AF_INET6, "fe80::1", 64, 1);
	assert_false(net_addr_is_plain(&m.h, 1, name, sizeof(name)));
}

static void test_routes(void **state)
{
	struct rtmsg b = { .rtm_family = AF_INET,
			   .rtm_dst_len = 8,
			   .rtm_table = RT_TABLE_LOCAL,
			   .rtm_protocol = RTPROT_KERNEL };
	struct msg m = start(RTM_NEWROUTE, &b, sizeof(b));
	char name[120];

	assert_true(net_route_is_plain(&m.h, name, sizeof(name)));
	b.rtm_protocol = RTPROT_BOOT;
	b.rtm_table = RT_TABLE_MAIN;
	b.rtm_dst_len = 0;
	m = start(RTM_NEWROUTE, &b, sizeof(b));
	assert_false(net_route_is_plain(&m.h, name, sizeof(name)));
	assert_string_equal(name, "route default/0 in table 254");
	b.rtm_flags = RTM_F_CLONED;
	m = start(RTM_NEWROUTE, &b, sizeof(b));
	assert_true(net_route_is_plain(&m.h, name, sizeof(name)));
}

static void test_rules(void **state)
{
	struct fib_rule_hdr b = { .family = AF_INET,
				  .table = RT_TABLE_MAIN,
				  .action = FR_ACT_TO_TBL };
	struct msg m = start(RTM_NEWRULE, &b, sizeof(b));
	uint32_t prio = 32766;
	char name[120];

	put(&m, FRA_PRIORITY, &prio, sizeof(prio));
	assert_true(net_rule_is_plain(&m.h, name, sizeof(name)));
	put(&m, FRA_IIFNAME, "eth0", 5);
	assert_false(net_rule_is_plain(&m.h, name, sizeof(name)));
	m = start(RTM_NEWRULE, &b, sizeof(b));
	prio = 100;
	put(&m, FRA_PRIORITY, &prio, sizeof(prio));
	assert_false(net_rule_is_plain(&m.h, name, sizeof(name)));
	assert_string_equal(name, "routing rule 100 (IPv4)");
}

static void test_neighbours(void **state)
{
	struct ndmsg b = { .ndm_family = AF_INET, .ndm_state = NUD_NOARP };
	struct msg m = start(RTM_NEWNEIGH, &b, sizeof(b));
	char name[120];

	assert_true(net_neigh_is_plain(&m.h, name, sizeof(name)));
	b.ndm_state = NUD_PERMANENT;
	m = start(RTM_NEWNEIGH, &b, sizeof(b));
	assert_false(net_neigh_is_plain(&m.h, name, sizeof(name)));
}

static void test_fallback_devices(void **state)
{
	assert_true(net_link_is_fallback("sit0", "sit", 0));
	assert_false(net_link_is_fallback("sit0", "sit", IFF_UP));
	assert_false(net_link_is_fallback("sit1", "sit", 0));
	assert_false(net_link_is_fallback("sit0", "veth", 0));
}

/* Lengths that reach beyond the end, are too short or do not end. */
static void test_malformed(void **state)
{
	struct msg m = addr(AF_INET, "127.0.0.1", 8, 1);
	struct rtattr *a = (struct rtattr *)((char *)&m + NLMSG_SPACE(sizeof(struct ifaddrmsg)));
	const void *at = &m;
	size_t left = m.h.nlmsg_len;
	char name[120];

	assert_ptr_equal(rtnl_next(&at, &left), &m);
	assert_null(rtnl_next(&at, &left));
	at = &m;
	left = m.h.nlmsg_len - 1;
	assert_null(rtnl_next(&at, &left));
	left = 3;
	assert_null(rtnl_next(&at, &left));

	a->rta_len += 1;
	assert_false(net_addr_is_plain(&m.h, 1, name, sizeof(name)));
	a->rta_len = 2;
	assert_false(net_addr_is_plain(&m.h, 1, name, sizeof(name)));
	a->rta_len = 5; /* too short for an address */
	assert_false(net_addr_is_plain(&m.h, 1, name, sizeof(name)));
	m.h.nlmsg_len = NLMSG_LENGTH(2);
	assert_false(net_addr_is_plain(&m.h, 1, name, sizeof(name)));

	at = &m;
	left = sizeof(m.h);
	m.h.nlmsg_len = 3;
	assert_null(rtnl_next(&at, &left));
}

static void test_strings(void **state)
{
	struct {
		struct rtattr a;
		char s[8];
	} x = { .a = { .rta_len = RTA_LENGTH(4) }, .s = "abc" };

	assert_string_equal(rtnl_str(&x.a), "abc");
	x.a.rta_len = RTA_LENGTH(3); /* not terminated */
	assert_string_equal(rtnl_str(&x.a), "");
	assert_string_equal(rtnl_str(NULL), "");
	assert_int_equal(rtnl_u32(&x.a, 7), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_fallback_devices),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

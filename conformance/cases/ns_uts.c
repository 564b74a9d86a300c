// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves: a UTS namespace of the tree's own keeps its host and domain name, and its inode is no longer ours. */
// flavours: ns user
// kinds: uts pid
#include <sys/utsname.h>

#include "case.h"

int main(int argc, char **argv)
{
	static const char host[] = "node-7.example", domain[] = "a domain with blanks";
	struct utsname u;

	case_begin(argc, argv);
	case_sys(sethostname(host, strlen(host)));
	case_sys(setdomainname(domain, strlen(domain)));
	case_ready();
	case_sys(uname(&u));
	case_check(!strcmp(u.nodename, host), "the host name is \"%s\"", u.nodename);
	case_check(!strcmp(u.domainname, domain), "the domain name is \"%s\"", u.domainname);
	case_check(getpid() == 1, "our pid is %d", getpid());
	case_pass();
}

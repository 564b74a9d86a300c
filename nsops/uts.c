/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The UTS namespace: host name and domain name (utsns-*.img). */
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "base/nshelper.h"
#include "image/image.h"
#include "nsops/nsops-internal.h"

/* Of the kernel's struct new_utsname, without the final zero. */
#define UTS_NAME_MAX 64

static int read_names(void *arg, void *ret, struct err *e)
{
	return uname(ret) ? err_sys(e, "uname", "host name") : 0;
}

int uts_dump(struct model *m, const struct ns *ns, struct err *e)
{
	UtsnsEntry u = UTSNS_ENTRY__INIT;
	struct utsname names = { 0 };
	int r = ns_helper_call(ns->holder->host, CLONE_NEWUTS, read_names, NULL, &names, e);

	if (r)
		return err_in(e, "host name of pid %d", ns->holder->host);
	u.nodename = names.nodename;
	u.domainname = names.domainname;
	return image_put_one(m->dir, IMG_UTSNS, ns->id, &u.base, e);
}

static int names_read(struct model *m, const struct ns *ns, UtsnsEntry **ret, struct err *e)
{
	UtsnsEntry *u;
	int r = image_get_one(m->dir, IMG_UTSNS, ns->id, &utsns_entry__descriptor, &u, e);

	if (r)
		return r;
	if (strlen(u->nodename) > UTS_NAME_MAX || strlen(u->domainname) > UTS_NAME_MAX)
		return err_set(e, ERR_IMAGE, EINVAL, "read", "utsns image",
			       "a host or domain name is longer than %d bytes", UTS_NAME_MAX);
	*ret = u;
	return 0;
}

int uts_read(struct model *m, const struct ns *ns, struct err *e)
{
	UtsnsEntry *u;

	return names_read(m, ns, &u, e);
}

int uts_build(struct maker *mk, const struct ns *ns, struct err *e)
{
	UtsnsEntry *u;
	int r = names_read(mk->m, ns, &u, e);

	if (r)
		return r;
	prog_call(mk->p, "host name", SYS_sethostname, (uintptr_t)prog_strdup(mk->p, u->nodename),
		  strlen(u->nodename));
	prog_call(mk->p, "domain name", SYS_setdomainname,
		  (uintptr_t)prog_strdup(mk->p, u->domainname), strlen(u->domainname));
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading libarchive by dlopen(3); see archive.h for why. */
#include "mounts/archive.h"

#include <dlfcn.h>

#include "base/err.h"

#define LIBARCHIVE "libarchive.so.13"

int archive_lib_get(const struct archive_lib **ret, struct err *e)
{
	static struct archive_lib lib; /* a cache: the same for everybody, filled once */
	static void *so;
	static bool loaded;

	if (loaded) {
		*ret = &lib;
		return 0;
	}
	if (!so)
		so = dlopen(LIBARCHIVE, RTLD_LAZY | RTLD_LOCAL);
	if (!so) {
		const char *why = dlerror();

		err_set(e, ERR_SYSTEM, ENOENT, "load", LIBARCHIVE, "%s", why ? why : "not found");
		return err_hint(e,
				"install the package libarchive13: it packs the content of tmpfs");
	}
#define X(f)                                                                                       \
	lib.f = (__typeof__(lib.f))dlsym(so, #f);                                                  \
	if (!lib.f)                                                                                \
		return err_set(e, ERR_SYSTEM, ENOSYS, "load", LIBARCHIVE, "it has no %s", #f);
	ARCHIVE_FUNCTIONS(X)
#undef X
	loaded = true;
	*ret = &lib;
	return 0;
}

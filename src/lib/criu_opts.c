// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Options of the library: fields of one criu_opts message, which is allocated
 * as if it had been received, so that protobuf-c frees all of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/criu-internal.h"

static int set_string(char **field, const char *value)
{
	char *copy = value ? strdup(value) : NULL;

	if (value && !copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

int criu_local_init_opts(criu_opts **opts)
{
	criu_opts *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->rpc = malloc(sizeof(*o->rpc));
	o->binary = strdup(CRIU_DEFAULT_BINARY);
	if (!o->rpc || !o->binary) {
		free(o->rpc);
		free(o->binary);
		free(o);
		return -ENOMEM;
	}
	criu_opts__init(o->rpc);
	o->comm = CRIU_COMM_BIN;
	o->service_fd = -1;
	*opts = o;
	return 0;
}

void criu_local_free_opts(criu_opts *opts)
{
	if (!opts)
		return;
	criu_opts__free_unpacked(opts->rpc, NULL);
	free(opts->address);
	free(opts->binary);
	free(opts);
}

int criu_local_set_service_address(criu_opts *opts, const char *path)
{
	opts->comm = CRIU_COMM_SK;
	return set_string(&opts->address, path ? path : CRIU_DEFAULT_ADDRESS);
}

void criu_local_set_service_fd(criu_opts *opts, int fd)
{
	opts->comm = CRIU_COMM_FD;
	opts->service_fd = fd;
}

int criu_local_set_service_binary(criu_opts *opts, const char *path)
{
	opts->comm = CRIU_COMM_BIN;
	return set_string(&opts->binary, path ? path : CRIU_DEFAULT_BINARY);
}

void criu_local_set_notify_cb(criu_opts *opts, int (*cb)(char *action, criu_notify_arg_t na))
{
	opts->notify = cb;
	opts->rpc->has_notify_scripts = true;
	opts->rpc->notify_scripts = cb != NULL;
}

/* Set the field and say that it is there: one line per call, as the header has them. */
#define SCALAR(call, type, field)                                                                  \
	void criu_local_set_##call(criu_opts *opts, type value)                                    \
	{                                                                                          \
		opts->rpc->has_##field = true;                                                     \
		opts->rpc->field = value;                                                          \
	}
#define STRING(call, field)                                                                        \
	int criu_local_##call(criu_opts *opts, const char *value)                                  \
	{                                                                                          \
		return set_string(&opts->rpc->field, value);                                       \
	}
#define STRINGS(call, field)                                                                       \
	int criu_local_##call(criu_opts *opts, const char *value)                                  \
	{                                                                                          \
		return add_string(&opts->rpc->field, &opts->rpc->n_##field, value);                \
	}

/* One more pointer at the end of a repeated field. */
static int add_pointer(void *list, size_t *n, void *item)
{
	void **grown = realloc(*(void **)list, (*n + 1) * sizeof(void *));

	if (!grown)
		return -ENOMEM;
	grown[(*n)++] = item;
	*(void ***)list = grown;
	return 0;
}

static int add_string(char ***list, size_t *n, const char *value)
{
	char *copy = value ? strdup(value) : NULL;
	int r;

	if (!value)
		return -EINVAL;
	r = copy ? add_pointer(list, n, copy) : -ENOMEM;
	if (r)
		free(copy);
	return r;
}

SCALAR(pid, int, pid)
SCALAR(work_dir_fd, int, work_dir_fd)
SCALAR(leave_running, bool, leave_running)
SCALAR(ext_unix_sk, bool, ext_unix_sk)
SCALAR(tcp_established, bool, tcp_established)
SCALAR(tcp_skip_in_flight, bool, tcp_skip_in_flight)
SCALAR(tcp_close, bool, tcp_close)
SCALAR(weak_sysctls, bool, weak_sysctls)
SCALAR(evasive_devices, bool, evasive_devices)
SCALAR(shell_job, bool, shell_job)
SCALAR(skip_file_rwx_check, bool, skip_file_rwx_check)
SCALAR(unprivileged, bool, unprivileged)
SCALAR(orphan_pts_master, bool, orphan_pts_master)
SCALAR(file_locks, bool, file_locks)
SCALAR(track_mem, bool, track_mem)
SCALAR(auto_dedup, bool, auto_dedup)
SCALAR(force_irmap, bool, force_irmap)
SCALAR(link_remap, bool, link_remap)
SCALAR(log_level, int, log_level)
SCALAR(cpu_cap, unsigned int, cpu_cap)
SCALAR(manage_cgroups, bool, manage_cgroups)
SCALAR(timeout, unsigned int, timeout)
SCALAR(auto_ext_mnt, bool, auto_ext_mnt)
SCALAR(ext_sharing, bool, ext_sharing)
SCALAR(ext_masters, bool, ext_masters)
SCALAR(ghost_limit, unsigned int, ghost_limit)
SCALAR(pidfd_store_sk, int, pidfd_store_sk)
SCALAR(mntns_compat_mode, bool, mntns_compat_mode)
SCALAR(empty_ns, int, empty_ns)
STRING(set_parent_images, parent_img)
STRING(set_log_file, log_file)
STRING(set_root, root)
STRING(set_freeze_cgroup, freeze_cgroup)
STRING(set_lsm_profile, lsm_profile)
STRING(set_lsm_mount_context, lsm_mount_context)
STRING(set_config_file, config_file)
STRING(add_cg_props, cgroup_props)
STRING(add_cg_props_file, cgroup_props_file)
STRING(add_cg_yard, cgroup_yard)
STRINGS(add_enable_fs, enable_fs)
STRINGS(add_skip_mnt, skip_mnt)
STRINGS(add_irmap_path, irmap_scan_paths)
STRINGS(add_external, external)
STRINGS(add_cg_dump_controller, cgroup_dump_controller)

void criu_local_set_images_dir_fd(criu_opts *opts, int fd)
{
	opts->rpc->images_dir_fd = fd;
}

void criu_local_set_manage_cgroups_mode(criu_opts *opts, enum criu_cg_mode mode)
{
	opts->rpc->has_manage_cgroups_mode = true;
	opts->rpc->manage_cgroups_mode = (CriuCgMode)mode;
}

int criu_local_set_pre_dump_mode(criu_opts *opts, enum criu_pre_dump_mode mode)
{
	if (mode != CRIU_PRE_DUMP_SPLICE && mode != CRIU_PRE_DUMP_READ)
		return -EINVAL;
	opts->rpc->has_pre_dump_mode = true;
	opts->rpc->pre_dump_mode = (CriuPreDumpMode)mode;
	return 0;
}

int criu_local_set_network_lock(criu_opts *opts, enum criu_network_lock_method method)
{
	if (method < CRIU_NETWORK_LOCK_IPTABLES || method > CRIU_NETWORK_LOCK_SKIP)
		return -EINVAL;
	opts->rpc->has_network_lock = true;
	opts->rpc->network_lock = (CriuNetworkLockMethod)method;
	return 0;
}

int criu_local_set_exec_cmd(criu_opts *opts, int argc, char *argv[])
{
	CriuOpts *rpc = opts->rpc;
	int r = 0;

	while (rpc->n_exec_cmd)
		free(rpc->exec_cmd[--rpc->n_exec_cmd]);
	for (int i = 0; !r && i < argc; i++)
		r = add_string(&rpc->exec_cmd, &rpc->n_exec_cmd, argv[i]);
	return r;
}

/* A new message at the end of a repeated field. @lower: as its functions are called. */
#define ADD_MESSAGE(opts, field, type, lower, fill)                                                \
	({                                                                                         \
		type *m = malloc(sizeof(*m));                                                      \
		int added = -ENOMEM;                                                               \
		if (m) {                                                                           \
			lower##__init(m);                                                          \
			fill;                                                                      \
			added = add_pointer(&(opts)->rpc->field, &(opts)->rpc->n_##field, m);      \
			if (added)                                                                 \
				lower##__free_unpacked(m, NULL);                                   \
		}                                                                                  \
		added;                                                                             \
	})

int criu_local_add_unix_sk(criu_opts *opts, unsigned int inode)
{
	return ADD_MESSAGE(opts, unix_sk_ino, UnixSk, unix_sk, m->inode = inode);
}

/* Their strings first, so that only whole messages are made. */
static int two_strings(const char *a, const char *b, char **ret_a, char **ret_b)
{
	if (!a || !b)
		return -EINVAL;
	*ret_a = strdup(a);
	*ret_b = strdup(b);
	if (*ret_a && *ret_b)
		return 0;
	free(*ret_a);
	free(*ret_b);
	return -ENOMEM;
}

int criu_local_add_ext_mount(criu_opts *opts, const char *key, const char *val)
{
	char *k, *v;
	int r = two_strings(key, val, &k, &v);

	return r ? r :
		   ADD_MESSAGE(opts, ext_mnt, ExtMountMap, ext_mount_map, (m->key = k, m->val = v));
}

int criu_local_add_veth_pair(criu_opts *opts, const char *in, const char *out)
{
	char *a, *b;
	int r = two_strings(in, out, &a, &b);

	return r ? r :
		   ADD_MESSAGE(opts, veths, CriuVethPair, criu_veth_pair,
			       (m->if_in = a, m->if_out = b));
}

/* Without a controller it is for all of them. */
int criu_local_add_cg_root(criu_opts *opts, const char *ctrl, const char *path)
{
	char *c, *p;
	int r = two_strings(ctrl ? ctrl : "", path, &c, &p);

	if (r)
		return r;
	if (!ctrl) {
		free(c);
		c = NULL;
	}
	return ADD_MESSAGE(opts, cg_root, CgroupRoot, cgroup_root, (m->ctrl = c, m->path = p));
}

int criu_local_add_inherit_fd(criu_opts *opts, int fd, const char *key)
{
	char *k, *none;
	int r = two_strings(key, "", &k, &none);

	if (r)
		return r;
	free(none);
	return ADD_MESSAGE(opts, inherit_fd, InheritFd, inherit_fd, (m->key = k, m->fd = fd));
}

int criu_local_join_ns_add(criu_opts *opts, const char *ns, const char *ns_file,
			   const char *extra_opt)
{
	char *n, *f, *x = extra_opt ? strdup(extra_opt) : NULL;
	int r = extra_opt && !x ? -ENOMEM : two_strings(ns, ns_file, &n, &f);

	if (r) {
		free(x);
		return r;
	}
	return ADD_MESSAGE(opts, join_ns, JoinNamespace, join_namespace,
			   (m->ns = n, m->ns_file = f, m->extra_opt = x));
}

int criu_local_set_page_server_address_port(criu_opts *opts, const char *address, int port)
{
	CriuPageServerInfo *ps = malloc(sizeof(*ps));
	char *copy = address ? strdup(address) : NULL;

	if (!ps || (address && !copy)) {
		free(ps);
		free(copy);
		return -ENOMEM;
	}
	criu_page_server_info__init(ps);
	ps->address = copy;
	ps->has_port = true;
	ps->port = port;
	if (opts->rpc->ps)
		criu_page_server_info__free_unpacked(opts->rpc->ps, NULL);
	opts->rpc->ps = ps;
	return 0;
}

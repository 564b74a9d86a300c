// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * criu_opts, field by field, as options of the one option table. Every field of
 * the message has a line here; a field that asks for what is not built is
 * refused by its name, unless what it asks for is the case anyway.
 */
#define LOG_MODULE "rpc"
#include "rpc/fields-internal.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

#define UNSET ((const char *)NULL)

/* One option from text; options of other operations than this one are left alone, as runtimes fill in all alike. */
int field_set(struct setter *s, const char *option, bool negated, const char *value)
{
	bool ignored;
	const struct option_def *d = option_find(option, &ignored);
	char where[96];

	snprintf(where, sizeof(where), "criu_opts.%s", s->field->name);
	if (!d)
		return err_set(s->e, ERR_GENERAL, ENOTSUP, "use", where, "there is no --%s",
			       option);
	if (!(d->cmds & s->cmd))
		return 0;
	if (d->missing && s->field->moot && s->field->moot(s->opts))
		return 0;
	return option_set(&s->j->o, d, negated, value, where, s->e);
}

static int set_bool(struct setter *s, const void *value)
{
	bool on = *(const protobuf_c_boolean *)value;

	return field_set(s, s->field->option, !on, UNSET);
}

static int set_uint(struct setter *s, const void *value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", *(const uint32_t *)value);
	return field_set(s, s->field->option, false, text);
}

/* Clients send empty strings for what they leave out. */
static int set_text(struct setter *s, const void *value)
{
	const char *text = *(char *const *)value;

	return *text ? field_set(s, s->field->option, false, text) : 0;
}

/* Messages of two or three strings become one text. */
static int set_joined(struct setter *s, const char *option, const char *format, const char *a,
		      const char *b, const char *c)
{
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, format, a, b, c) < 0)
		return err_set(s->e, ERR_SYSTEM, ENOMEM, "use", s->field->name, "out of memory");
	return field_set(s, option, false, text);
}

static int set_veth(struct setter *s, const void *value)
{
	const CriuVethPair *v = *(CriuVethPair *const *)value;

	return set_joined(s, "veth-pair", "%s=%s", v->if_in, v->if_out, "");
}

static int set_ext_mnt(struct setter *s, const void *value)
{
	const ExtMountMap *m = *(ExtMountMap *const *)value;

	return set_joined(s, "external", "mnt[%s]:%s", m->key, m->val, "");
}

static int set_cg_root(struct setter *s, const void *value)
{
	const CgroupRoot *c = *(CgroupRoot *const *)value;

	return set_joined(s, "cgroup-root", c->ctrl ? "%s:%s" : "%s%s", c->ctrl ? c->ctrl : "",
			  c->path, "");
}

static int set_inherit_fd(struct setter *s, const void *value)
{
	const InheritFd *f = *(InheritFd *const *)value;
	char fd[16];

	if (!s->client->swrk)
		return err_set(s->e, ERR_USAGE, EINVAL, "use", "criu_opts.inherit_fd",
			       "descriptors are inherited by \"swrk\" only, not by a service");
	snprintf(fd, sizeof(fd), "%d", f->fd);
	return set_joined(s, "inherit-fd", "fd[%s]:%s", fd, f->key, "");
}

static int set_join_ns(struct setter *s, const void *value)
{
	const JoinNamespace *n = *(JoinNamespace *const *)value;
	bool extra = n->extra_opt && *n->extra_opt;

	return set_joined(s, "join-ns", extra ? "%s:%s,%s" : "%s:%s%s", n->ns, n->ns_file,
			  extra ? n->extra_opt : "");
}

static int set_unix_sk(struct setter *s, const void *value)
{
	const UnixSk *u = *(UnixSk *const *)value;
	char text[16];

	snprintf(text, sizeof(text), "%u", u->inode);
	return field_set(s, "ext-unix-sk", false, text);
}

static int set_auto_ext_mnt(struct setter *s, const void *value)
{
	return *(const protobuf_c_boolean *)value ? field_set(s, "ext-mount-map", false, "auto") :
						    0;
}

static int set_page_server(struct setter *s, const void *value)
{
	const CriuPageServerInfo *p = *(CriuPageServerInfo *const *)value;
	char port[16];
	int r = field_set(s, "page-server", false, UNSET);

	snprintf(port, sizeof(port), "%d", p->port);
	if (!r && p->address && *p->address)
		r = field_set(s, "address", false, p->address);
	return !r && p->has_port ? field_set(s, "port", false, port) : r;
}

/* More than 4 says no more. */
static int set_log_level(struct setter *s, const void *value)
{
	int level = *(const int32_t *)value;

	s->j->o.verbosity = level < 0 ? 0 : level > 4 ? 4 : level;
	return 0;
}

static int set_empty_ns(struct setter *s, const void *value)
{
	uint32_t kinds = *(const uint32_t *)value;

	if (kinds & ~(uint32_t)CLONE_NEWNET)
		return err_set(s->e, ERR_USAGE, EINVAL, "use", "criu_opts.empty_ns",
			       "0x%x: only a network namespace (0x%x) can be left empty", kinds,
			       CLONE_NEWNET);
	return kinds ? field_set(s, "empty-ns", false, "net") : 0;
}

static const char *const cgroup_modes[] = {
	[CRIU_CG_MODE__IGNORE] = "ignore", [CRIU_CG_MODE__CG_NONE] = "none",
	[CRIU_CG_MODE__PROPS] = "props",   [CRIU_CG_MODE__SOFT] = "soft",
	[CRIU_CG_MODE__FULL] = "full",	   [CRIU_CG_MODE__STRICT] = "strict",
};

static int set_named(struct setter *s, const char *const *names, size_t n, unsigned value)
{
	char where[96];

	if (value < n && names[value])
		return field_set(s, s->field->option, false, names[value]);
	snprintf(where, sizeof(where), "criu_opts.%s", s->field->name);
	return err_set(s->e, ERR_USAGE, EINVAL, "use", where, "there is no value %u", value);
}

static int set_cgroup_mode(struct setter *s, const void *value)
{
	/* As if there were none: runtimes send it whatever their user says. */
	if (*(const uint32_t *)value == CRIU_CG_MODE__DEFAULT)
		return 0;
	return set_named(s, cgroup_modes, ARRAY_SIZE(cgroup_modes), *(const uint32_t *)value);
}

/* The mode, where there is one, says all. */
static int set_manage_cgroups(struct setter *s, const void *value)
{
	bool on = *(const protobuf_c_boolean *)value;

	if (s->opts->has_manage_cgroups_mode || !on)
		return 0;
	return field_set(s, s->field->option, false, "soft");
}

static int set_network_lock(struct setter *s, const void *value)
{
	static const char *const names[] = {
		[CRIU_NETWORK_LOCK_METHOD__IPTABLES] = "iptables",
		[CRIU_NETWORK_LOCK_METHOD__NFTABLES] = "nftables",
		[CRIU_NETWORK_LOCK_METHOD__SKIP] = "skip",
	};

	return set_named(s, names, ARRAY_SIZE(names), *(const uint32_t *)value);
}

static int set_pre_dump_mode(struct setter *s, const void *value)
{
	static const char *const names[] = {
		[CRIU_PRE_DUMP_MODE__SPLICE] = "splice",
		[CRIU_PRE_DUMP_MODE__VM_READ] = "read",
	};

	return set_named(s, names, ARRAY_SIZE(names), *(const uint32_t *)value);
}

static int set_cpu_cap(struct setter *s, const void *value)
{
	char text[16];

	snprintf(text, sizeof(text), "0x%x", *(const uint32_t *)value);
	return field_set(s, s->field->option, false, text);
}

static int set_sibling(struct setter *s, const void *value)
{
	bool on = *(const protobuf_c_boolean *)value;

	if (on && !s->client->swrk)
		return err_set(s->e, ERR_USAGE, EINVAL, "use", "criu_opts.rst_sibling",
			       "only a child of the client can give it a child; "
			       "a service cannot");
	return field_set(s, s->field->option, !on, UNSET);
}

/* Read before the others. */
static int set_log_file(struct setter *s, const void *value)
{
	return s->log_to_stderr ? 0 : set_text(s, value);
}

static int set_log_to_stderr(struct setter *s, const void *value)
{
	s->log_to_stderr = *(const protobuf_c_boolean *)value;
	return 0;
}

static int set_exec_cmd(struct setter *s, const void *value)
{
	/* All words at once, when the job is complete. */
	return 0;
}

/* -- what is the case anyway, though the option is not built -- */

/* A network namespace with more than lo is refused for itself. */
static bool moot_empty_ns(const CriuOpts *o)
{
	return true;
}

static bool moot_cpu_cap(const CriuOpts *o)
{
	return o->cpu_cap == UINT32_MAX;
}

/* clang-format off */
static const struct field fields[] = {
	/* Read by job_init(), before the others. */
	{ "images_dir_fd", "images-dir", NULL, NULL },
	{ "images_dir", "images-dir", NULL, NULL },
	{ "work_dir_fd", "work-dir", NULL, NULL },
	{ "pid", "tree", NULL, NULL },
	{ "notify_scripts", "", NULL, NULL },
	{ "config_file", "config", NULL, NULL },
	/* A console is handed over whenever its master is an orphan's. */
	{ "orphan_pts_master", "", NULL, NULL },
	/* Of a client's own store for pidfds between pre-dumps, which are refused. */
	{ "pidfd_store_sk", "", NULL, NULL },
	/* Written when pages are served on demand, which is refused. */
	{ "status_fd", "status-fd", NULL, NULL },
	{ "leave_running", "leave-running", set_bool, NULL },
	{ "ext_unix_sk", "ext-unix-sk", set_bool, NULL },
	{ "tcp_established", "tcp-established", set_bool, NULL },
	{ "evasive_devices", "evasive-devices", set_bool, NULL },
	{ "shell_job", "shell-job", set_bool, NULL },
	{ "file_locks", "file-locks", set_bool, NULL },
	{ "log_level", "verbosity", set_log_level, NULL },
	{ "log_file", "log-file", set_log_file, NULL },
	{ "ps", "page-server", set_page_server, NULL },
	{ "root", "root", set_text, NULL },
	{ "parent_img", "prev-images-dir", set_text, NULL },
	{ "track_mem", "track-mem", set_bool, NULL },
	{ "auto_dedup", "auto-dedup", set_bool, NULL },
	{ "link_remap", "link-remap", set_bool, NULL },
	{ "veths", "veth-pair", set_veth, NULL },
	{ "cpu_cap", "cpu-cap", set_cpu_cap, moot_cpu_cap },
	{ "force_irmap", "force-irmap", set_bool, NULL },
	{ "exec_cmd", "exec-cmd", set_exec_cmd, NULL },
	{ "ext_mnt", "external", set_ext_mnt, NULL },
	{ "manage_cgroups", "manage-cgroups", set_manage_cgroups, NULL },
	{ "cg_root", "cgroup-root", set_cg_root, NULL },
	{ "rst_sibling", "restore-sibling", set_sibling, NULL },
	{ "inherit_fd", "inherit-fd", set_inherit_fd, NULL },
	{ "auto_ext_mnt", "ext-mount-map", set_auto_ext_mnt, NULL },
	{ "ext_sharing", "enable-external-sharing", set_bool, NULL },
	{ "ext_masters", "enable-external-masters", set_bool, NULL },
	{ "skip_mnt", "skip-mnt", set_text, NULL },
	{ "enable_fs", "enable-fs", set_text, NULL },
	{ "unix_sk_ino", "ext-unix-sk", set_unix_sk, NULL },
	{ "manage_cgroups_mode", "manage-cgroups", set_cgroup_mode, NULL },
	{ "ghost_limit", "ghost-limit", set_uint, NULL },
	{ "irmap_scan_paths", "irmap-scan-path", set_text, NULL },
	{ "external", "external", set_text, NULL },
	{ "empty_ns", "empty-ns", set_empty_ns, moot_empty_ns },
	{ "join_ns", "join-ns", set_join_ns, NULL },
	{ "cgroup_props", "cgroup-props", set_text, NULL },
	{ "cgroup_props_file", "cgroup-props-file", set_text, NULL },
	{ "cgroup_dump_controller", "cgroup-dump-controller", set_text, NULL },
	{ "freeze_cgroup", "freeze-cgroup", set_text, NULL },
	{ "timeout", "timeout", set_uint, NULL },
	{ "tcp_skip_in_flight", "skip-in-flight", set_bool, NULL },
	{ "weak_sysctls", "weak-sysctls", set_bool, NULL },
	{ "lazy_pages", "lazy-pages", set_bool, NULL },
	{ "tcp_close", "tcp-close", set_bool, NULL },
	{ "lsm_profile", "lsm-profile", set_text, NULL },
	{ "tls_cacert", "tls-cacert", set_text, NULL },
	{ "tls_cacrl", "tls-cacrl", set_text, NULL },
	{ "tls_cert", "tls-cert", set_text, NULL },
	{ "tls_key", "tls-key", set_text, NULL },
	{ "tls", "tls", set_bool, NULL },
	{ "tls_no_cn_verify", "tls-no-cn-verify", set_bool, NULL },
	{ "cgroup_yard", "cgroup-yard", set_text, NULL },
	{ "pre_dump_mode", "pre-dump-mode", set_pre_dump_mode, NULL },
	{ "lsm_mount_context", "lsm-mount-context", set_text, NULL },
	{ "network_lock", "network-lock", set_network_lock, NULL },
	{ "mntns_compat_mode", "mntns-compat-mode", set_bool, NULL },
	{ "skip_file_rwx_check", "skip-file-rwx-check", set_bool, NULL },
	{ "unprivileged", "unprivileged", set_bool, NULL },
	{ "leave_stopped", "leave-stopped", set_bool, NULL },
	{ "display_stats", "display-stats", set_bool, NULL },
	{ "log_to_stderr", "", set_log_to_stderr, NULL },
};
/* clang-format on */

static const struct field *field_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	return NULL;
}

const char *field_option(const char *name)
{
	const struct field *f = field_find(name);

	return f ? f->option : NULL;
}

/* How many values a field has in the message, and where the first one is. */
static size_t values_of(const CriuOpts *o, const ProtobufCFieldDescriptor *d, const char **ret_at,
			size_t *ret_step)
{
	const char *base = (const char *)o, *at = base + d->offset;

	*ret_step = sizeof(char *);
	if (d->label == PROTOBUF_C_LABEL_REPEATED) {
		*ret_at = *(const char *const *)at;
		return *(const size_t *)(base + d->quantifier_offset);
	}
	*ret_at = at;
	if (d->label == PROTOBUF_C_LABEL_REQUIRED)
		return 1;
	if (d->type == PROTOBUF_C_TYPE_STRING || d->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(const char *const *)at && *(const char *const *)at != d->default_value;
	return *(const protobuf_c_boolean *)(base + d->quantifier_offset);
}

static int apply(struct setter *s, const ProtobufCFieldDescriptor *d)
{
	const char *at;
	size_t step, n = values_of(s->opts, d, &at, &step);
	int r = 0;

	s->field = field_find(d->name);
	if (n && !s->field)
		return err_set(s->e, ERR_USAGE, EINVAL, "use", d->name, "no such field is known");
	for (size_t k = 0; !r && s->field && s->field->set && k < n; k++)
		r = s->field->set(s, at + k * step);
	return r;
}

int field_apply(struct setter *s, const char *name)
{
	return apply(s,
		     protobuf_c_message_descriptor_get_field_by_name(&criu_opts__descriptor, name));
}

int fields_set(struct setter *s)
{
	const ProtobufCMessageDescriptor *m = &criu_opts__descriptor;
	int r = 0;

	for (unsigned i = 0; !r && i < m->n_fields; i++)
		r = apply(s, &m->fields[i]);
	for (unsigned i = 0; i < s->opts->base.n_unknown_fields; i++)
		log_warn("criu_opts has a field %u that nobody knows, going on without it",
			 s->opts->base.unknown_fields[i].tag);
	return r;
}

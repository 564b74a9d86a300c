// SPDX-License-Identifier: LGPL-2.1-or-later
/* The calls without an options argument: one set of options for the whole program. */
#include "lib/criu-internal.h"

static criu_opts *global;

int criu_init_opts(void)
{
	criu_opts *o;
	int r = criu_local_init_opts(&o);

	if (r)
		return r;
	criu_local_free_opts(global);
	global = o;
	return 0;
}

void criu_free_opts(void)
{
	criu_local_free_opts(global);
	global = NULL;
}

int criu_set_service_address(const char *path)
{
	return criu_local_set_service_address(global, path);
}

void criu_set_service_fd(int fd)
{
	criu_local_set_service_fd(global, fd);
}

int criu_set_service_binary(const char *path)
{
	return criu_local_set_service_binary(global, path);
}

void criu_set_pid(int pid)
{
	criu_local_set_pid(global, pid);
}

void criu_set_images_dir_fd(int fd)
{
	criu_local_set_images_dir_fd(global, fd);
}

int criu_set_parent_images(const char *path)
{
	return criu_local_set_parent_images(global, path);
}

void criu_set_work_dir_fd(int fd)
{
	criu_local_set_work_dir_fd(global, fd);
}

void criu_set_leave_running(bool leave_running)
{
	criu_local_set_leave_running(global, leave_running);
}

void criu_set_ext_unix_sk(bool ext_unix_sk)
{
	criu_local_set_ext_unix_sk(global, ext_unix_sk);
}

int criu_add_unix_sk(unsigned int inode)
{
	return criu_local_add_unix_sk(global, inode);
}

void criu_set_tcp_established(bool tcp_established)
{
	criu_local_set_tcp_established(global, tcp_established);
}

void criu_set_tcp_skip_in_flight(bool tcp_skip_in_flight)
{
	criu_local_set_tcp_skip_in_flight(global, tcp_skip_in_flight);
}

void criu_set_tcp_close(bool tcp_close)
{
	criu_local_set_tcp_close(global, tcp_close);
}

void criu_set_weak_sysctls(bool val)
{
	criu_local_set_weak_sysctls(global, val);
}

void criu_set_evasive_devices(bool evasive_devices)
{
	criu_local_set_evasive_devices(global, evasive_devices);
}

void criu_set_shell_job(bool shell_job)
{
	criu_local_set_shell_job(global, shell_job);
}

void criu_set_skip_file_rwx_check(bool skip_file_rwx_check)
{
	criu_local_set_skip_file_rwx_check(global, skip_file_rwx_check);
}

void criu_set_unprivileged(bool unprivileged)
{
	criu_local_set_unprivileged(global, unprivileged);
}

void criu_set_orphan_pts_master(bool orphan_pts_master)
{
	criu_local_set_orphan_pts_master(global, orphan_pts_master);
}

void criu_set_file_locks(bool file_locks)
{
	criu_local_set_file_locks(global, file_locks);
}

void criu_set_track_mem(bool track_mem)
{
	criu_local_set_track_mem(global, track_mem);
}

void criu_set_auto_dedup(bool auto_dedup)
{
	criu_local_set_auto_dedup(global, auto_dedup);
}

void criu_set_force_irmap(bool force_irmap)
{
	criu_local_set_force_irmap(global, force_irmap);
}

void criu_set_link_remap(bool link_remap)
{
	criu_local_set_link_remap(global, link_remap);
}

void criu_set_log_level(int log_level)
{
	criu_local_set_log_level(global, log_level);
}

int criu_set_log_file(const char *log_file)
{
	return criu_local_set_log_file(global, log_file);
}

void criu_set_cpu_cap(unsigned int cap)
{
	criu_local_set_cpu_cap(global, cap);
}

int criu_set_root(const char *root)
{
	return criu_local_set_root(global, root);
}

void criu_set_manage_cgroups(bool manage)
{
	criu_local_set_manage_cgroups(global, manage);
}

void criu_set_manage_cgroups_mode(enum criu_cg_mode mode)
{
	criu_local_set_manage_cgroups_mode(global, mode);
}

int criu_set_freeze_cgroup(const char *name)
{
	return criu_local_set_freeze_cgroup(global, name);
}

int criu_set_lsm_profile(const char *name)
{
	return criu_local_set_lsm_profile(global, name);
}

int criu_set_lsm_mount_context(const char *name)
{
	return criu_local_set_lsm_mount_context(global, name);
}

void criu_set_timeout(unsigned int timeout)
{
	criu_local_set_timeout(global, timeout);
}

void criu_set_auto_ext_mnt(bool val)
{
	criu_local_set_auto_ext_mnt(global, val);
}

void criu_set_ext_sharing(bool val)
{
	criu_local_set_ext_sharing(global, val);
}

void criu_set_ext_masters(bool val)
{
	criu_local_set_ext_masters(global, val);
}

int criu_set_exec_cmd(int argc, char *argv[])
{
	return criu_local_set_exec_cmd(global, argc, argv);
}

int criu_add_ext_mount(const char *key, const char *val)
{
	return criu_local_add_ext_mount(global, key, val);
}

int criu_add_veth_pair(const char *in, const char *out)
{
	return criu_local_add_veth_pair(global, in, out);
}

int criu_add_cg_root(const char *ctrl, const char *path)
{
	return criu_local_add_cg_root(global, ctrl, path);
}

int criu_add_enable_fs(const char *fs)
{
	return criu_local_add_enable_fs(global, fs);
}

int criu_add_skip_mnt(const char *mnt)
{
	return criu_local_add_skip_mnt(global, mnt);
}

void criu_set_ghost_limit(unsigned int limit)
{
	criu_local_set_ghost_limit(global, limit);
}

int criu_add_irmap_path(const char *path)
{
	return criu_local_add_irmap_path(global, path);
}

int criu_add_inherit_fd(int fd, const char *key)
{
	return criu_local_add_inherit_fd(global, fd, key);
}

int criu_add_external(const char *key)
{
	return criu_local_add_external(global, key);
}

int criu_set_page_server_address_port(const char *address, int port)
{
	return criu_local_set_page_server_address_port(global, address, port);
}

int criu_set_pre_dump_mode(enum criu_pre_dump_mode mode)
{
	return criu_local_set_pre_dump_mode(global, mode);
}

void criu_set_pidfd_store_sk(int sk)
{
	criu_local_set_pidfd_store_sk(global, sk);
}

int criu_set_network_lock(enum criu_network_lock_method method)
{
	return criu_local_set_network_lock(global, method);
}

int criu_join_ns_add(const char *ns, const char *ns_file, const char *extra_opt)
{
	return criu_local_join_ns_add(global, ns, ns_file, extra_opt);
}

void criu_set_mntns_compat_mode(bool val)
{
	criu_local_set_mntns_compat_mode(global, val);
}

int criu_set_config_file(const char *path)
{
	return criu_local_set_config_file(global, path);
}

void criu_set_notify_cb(int (*cb)(char *action, criu_notify_arg_t na))
{
	criu_local_set_notify_cb(global, cb);
}

int criu_check(void)
{
	return criu_local_check(global);
}

int criu_dump(void)
{
	return criu_local_dump(global);
}

int criu_pre_dump(void)
{
	return criu_local_pre_dump(global);
}

int criu_restore(void)
{
	return criu_local_restore(global);
}

int criu_restore_child(void)
{
	return criu_local_restore_child(global);
}

int criu_dump_iters(int (*more)(criu_predump_info pi))
{
	return criu_local_dump_iters(global, more);
}

int criu_get_version(void)
{
	return criu_local_get_version(global);
}

int criu_check_version(int minimum)
{
	return criu_local_check_version(global, minimum);
}

int criu_feature_check(struct criu_feature_check *features, size_t size)
{
	return criu_local_feature_check(global, features, size);
}

void criu_set_empty_ns(int namespaces)
{
	criu_local_set_empty_ns(global, namespaces);
}

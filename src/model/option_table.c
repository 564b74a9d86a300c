// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of options and the table of commands. One line per option; those
 * with a last field are known but not built, and are refused by name when they
 * are asked for. Order: as the manual lists them.
 */
#include "model/options.h"

#define DUMP CMD_DUMP
#define RESTORE CMD_RESTORE
#define CHECK CMD_CHECK
#define PRE_DUMP CMD_PRE_DUMP
#define SERVERS (CMD_PAGE_SERVER | CMD_SERVICE | CMD_LAZY_PAGES)
#define ALL CMD_ALL

#define F(field) offsetof(struct options, field)
#define BOOL(f) OPT_BOOL, F(f), NULL
#define FLAG(f) OPT_FLAG, F(f), NULL
#define STR(f) OPT_STR, F(f), NULL
#define LIST(f) OPT_LIST, F(f), NULL
#define CHOICE(f, v) OPT_CHOICE, F(f), v
#define NONE OPT_NONE, 0, NULL

/* What is missing, where several options share it. */
#define NO_UNIX "unix sockets with a peer outside the tree cannot be saved"
#define NO_EXTERNAL "resources given from outside cannot be named"
#define NO_NET "only a network namespace with lo alone is handled"
#define NO_ITERATIVE "there are no iterative dumps"
#define NO_LAZY "there is no restore on demand"
#define NO_PAGE_SERVER "pages cannot be sent over the network"
#define NO_TLS "pages cannot be sent over the network, so there is nothing to protect"
#define NO_LSM "security labels are neither saved nor restored"

/* clang-format off */
const struct option_def option_table[] = {
	{ "tree", 't', "PID", DUMP | PRE_DUMP | CHECK, OPT_PID, F(tree), NULL,
	  "root of the process tree", NULL },
	{ "images-dir", 'D', "DIR", ALL, STR(images_dir),
	  "where the images are (default: the current directory)", NULL },
	{ "work-dir", 'W', "DIR", ALL, STR(work_dir),
	  "where logs, pid files and statistics go (default: the images directory)", NULL },
	{ "prev-images-dir", 0, "DIR", DUMP | PRE_DUMP, NONE,
	  "earlier images; pages found there are not written again", NO_ITERATIVE },
	{ "leave-running", 'R', NULL, DUMP, BOOL(leave_running), "tasks go on after the dump",
	  NULL },
	{ "leave-stopped", 's', NULL, DUMP | RESTORE, BOOL(leave_stopped),
	  "tasks stay stopped afterwards", NULL },
	{ "restore-detached", 'd', NULL, RESTORE | CMD_SERVICE, BOOL(restore_detached),
	  "do not wait for the restored root task; for service the same as --daemon", NULL },
	{ "restore-sibling", 'S', NULL, RESTORE, BOOL(restore_sibling),
	  "the root task becomes a child of the caller (with --restore-detached)", NULL },
	{ "exec-cmd", 0, NULL, RESTORE, FLAG(want_exec),
	  "after the restore run the command that follows \"--\", as parent of the tree", NULL },
	{ "pidfile", 0, "FILE", RESTORE | CMD_SERVICE | CMD_PAGE_SERVER, STR(pidfile),
	  "write the root task's, or the service's, pid there", NULL },
	{ "root", 'r', "PATH", DUMP | RESTORE, STR(root),
	  "directory that becomes the root of the tree's mount namespace; a dump takes no notice", NULL },
	{ "shell-job", 'j', NULL, DUMP | RESTORE | CHECK, BOOL(shell_job),
	  "session leader and terminal may lie outside the tree; a restore takes over its own", NULL },
	{ "tcp-established", 0, NULL, DUMP | RESTORE | CHECK, BOOL(tcp_established),
	  "save and restore established TCP connections", NULL },
	{ "skip-in-flight", 0, NULL, DUMP, BOOL(skip_in_flight),
	  "drop connections not yet accepted", NULL },
	{ "tcp-close", 0, NULL, DUMP | RESTORE | CHECK, BOOL(tcp_close),
	  "established TCP connections come back closed", NULL },
	{ "ext-unix-sk", 'x', "[INO,...]", DUMP | RESTORE, NONE,
	  "unix sockets whose peer lies outside", NO_UNIX },
	{ "file-locks", 'l', NULL, DUMP | RESTORE | CHECK, BOOL(file_locks),
	  "save file locks and leases; a restore takes those in the images in any case", NULL },
	{ "link-remap", 0, NULL, DUMP | RESTORE | CHECK, BOOL(link_remap),
	  "a file whose name was removed, but not all of its names, may get one for the time until "
	  "the restore",
	  NULL },
	{ "ghost-limit", 0, "SIZE", DUMP, OPT_SIZE, F(ghost_limit), NULL,
	  "largest unlinked file whose content goes into an image (K, M, G; default 1M)", NULL },
	{ "ghost-fiemap", 0, NULL, DUMP, NONE, "copy unlinked files by extents",
	  "unlinked files are copied by SEEK_DATA" },
	{ "evasive-devices", 0, NULL, DUMP, NONE, "another path to the same device is good enough",
	  "devices are saved by their own path only" },
	{ "force-irmap", 0, NULL, DUMP, BOOL(force_irmap),
	  "find what inotify watches by scanning", NULL },
	{ "irmap-scan-path", 0, "PATH", DUMP, LIST(irmap_scan_paths), "where that scan looks first", NULL },
	{ "cgroup", 0, "DIR", DUMP, STR(cgroup),
	  "directory of a cgroup: the tree is the one that is in it and below (instead of --tree)",
	  NULL },
	{ "manage-cgroups", 'M', "[MODE]", DUMP | RESTORE,
	  CHOICE(manage_cgroups, "soft|none|props|full|strict|ignore"),
	  "what a restore does about cgroups: none: they must be there; props: they must be there and "
	  "get the saved properties; soft (default): those that are not there are made, with their "
	  "properties; full: they are made or set as they were; strict: they must not be there; ignore: "
	  "tasks stay where stasis runs (a dump with ignore saves none)", NULL },
	{ "cgroup-root", 0, "[CTRL:]PATH", DUMP | RESTORE, LIST(cgroup_roots),
	  "dump: the topmost cgroup that is saved; restore: where the topmost saved one goes; for "
	  "one controller, or for those not named", NULL },
	{ "cgroup-props", 0, "YAML", DUMP, STR(cgroup_props), "extra controllers and properties", NULL },
	{ "cgroup-props-file", 0, "FILE", DUMP, STR(cgroup_props_file), "the same from a file", NULL },
	{ "cgroup-dump-controller", 0, "NAME", DUMP, LIST(cgroup_controllers),
	  "only these controllers, may be repeated", NULL },
	{ "cgroup-yard", 0, "PATH", DUMP | RESTORE, STR(cgroup_yard),
	  "look for mounted hierarchies below this directory only", NULL },
	{ "freeze-cgroup", 0, "PATH", DUMP | PRE_DUMP, STR(freeze_cgroup),
	  "freezer cgroup that holds the tree, v1 or v2", NULL },
	{ "timeout", 0, "SEC", DUMP | RESTORE | CHECK, OPT_UINT, F(timeout), NULL,
	  "deadline for freezing and stopping the tree, and for an answer of a filesystem "
	  "(default 10)", NULL },
	{ "exec-tasks", 0, "MODE", DUMP | CHECK, NONE,
	  "processes started into the container from outside: include (as further roots) or refuse",
	  "only the processes below the root are looked for" },
	{ "external", 0, "RES", DUMP | RESTORE | CHECK, LIST(externals),
	  "treat a resource as given from outside: mnt[PATH]:KEY, at the restore mnt[KEY]:PATH (see "
	  "MOUNT TREES), tty[RDEV:DEV] or file[MOUNT:INODE] (see EXTERNAL RESOURCES); may be repeated",
	  NULL },
	{ "inherit-fd", 0, "fd[N]:RES", RESTORE, LIST(inherit_fds),
	  "use the caller's descriptor N for RES: pipe:[INODE], tty[RDEV:DEV], "
	  "file[MOUNT:INODE] or a path; may be repeated",
	  NULL },
	{ "join-ns", 'J', "NS:FILE[,OPT]", RESTORE, NONE, "restore into an existing namespace",
	  "namespaces are always made anew" },
	{ "empty-ns", 0, "net", DUMP | RESTORE, NONE,
	  "create the namespace, leave its content to scripts", NO_NET },
	{ "skip-mnt", 0, "PATH", DUMP | RESTORE | CHECK, LIST(skip_mnts),
	  "leave the mount at PATH out, with all that is mounted on it; may be repeated", NULL },
	{ "enable-fs", 0, "LIST", DUMP | RESTORE | CHECK, LIST(enable_fs),
	  "filesystems of these types (with commas between; or all) may be mounted anew, without "
	  "content",
	  NULL },
	{ "mntns-compat-mode", 0, NULL, RESTORE, NONE, "older mount algorithm",
	  "mount trees are built in one way" },
	{ "ext-mount-map", 0, "KEY:VAL", DUMP | RESTORE | CHECK, LIST(ext_mount_maps),
	  "old spelling of --external mnt[KEY]:VAL; \"auto\" is mnt[]", NULL },
	{ "enable-external-sharing", 0, NULL, DUMP | RESTORE | CHECK, BOOL(ext_sharing),
	  "old spelling of --external mnt[]:s", NULL },
	{ "enable-external-masters", 0, NULL, DUMP | RESTORE | CHECK, BOOL(ext_masters),
	  "old spelling of --external mnt[]:m", NULL },
	{ "veth-pair", 0, "IN=OUT[@BRIDGE]", RESTORE, NONE, "old spelling of --external veth[]",
	  NO_EXTERNAL },
	{ "action-script", 0, "FILE", DUMP | RESTORE, LIST(action_scripts),
	  "hook script, may be repeated; the last one given runs first", NULL },
	{ "network-lock", 0, "METHOD", DUMP | RESTORE, CHOICE(network_lock, "nftables|skip"),
	  "how the packets of connections are held up meanwhile: nftables (default), or skip when "
	  "somebody else sees to that",
	  NULL },
	{ "weak-sysctls", 0, NULL, RESTORE, NONE, "a missing sysctl is a warning", NO_NET },
	{ "lsm-profile", 0, "TYPE:NAME", RESTORE, NONE, "profile to use instead", NO_LSM },
	{ "lsm-mount-context", 0, "CTX", RESTORE, NONE, "SELinux context for mounts", NO_LSM },
	{ "file-validation", 0, "METHOD", DUMP | RESTORE,
	  CHOICE(file_validation, "filesize|buildid"),
	  "how opened and mapped files are recognised: by filesize, or also by buildid (default)",
	  NULL },
	{ "skip-file-rwx-check", 0, NULL, RESTORE, BOOL(skip_file_rwx_check),
	  "do not compare a file's r, w and x bits", NULL },
	{ "cpu-cap", 0, "[LIST]", DUMP | RESTORE | CMD_CPUINFO, NONE,
	  "which CPU features must match", "CPU features are always compared as a whole" },
	{ "allow-uprobes", 0, NULL, DUMP | RESTORE, NONE, "an uprobes area is acceptable",
	  "tasks with an uprobes area cannot be saved" },
	{ "unprivileged", 0, NULL, ALL, NONE, "work with what capabilities there are",
	  "capabilities are asked for where they are needed, and no step has a lesser way" },
	{ "track-mem", 0, NULL, DUMP | PRE_DUMP, NONE, "start dirty tracking", NO_ITERATIVE },
	{ "pre-dump-mode", 0, "MODE", PRE_DUMP, NONE, "splice or read", NO_ITERATIVE },
	{ "auto-dedup", 0, NULL, DUMP | RESTORE, NONE, "punch out pages that a newer image replaces",
	  NO_ITERATIVE },
	{ "lazy-pages", 0, NULL, DUMP | RESTORE, NONE, "memory comes on demand", NO_LAZY },
	{ "page-server", 0, NULL, DUMP, NONE, "send pages to a server", NO_PAGE_SERVER },
	{ "stream", 0, NULL, DUMP | RESTORE, NONE, "images over a stream instead of files",
	  "images are files only" },
	{ "address", 0, "ADDR", SERVERS, STR(address),
	  "where to listen (service: the socket's path, default /var/run/criu_service.socket)",
	  NULL },
	{ "port", 0, "PORT", SERVERS | DUMP, NONE, "where to listen or connect", NO_PAGE_SERVER },
	{ "ps-socket", 0, "FD", CMD_PAGE_SERVER, NONE, "ready socket", NO_PAGE_SERVER },
	{ "daemon", 0, NULL, SERVERS, BOOL(daemon),
	  "go to the background when everything is ready", NULL },
	{ "status-fd", 0, "FD", SERVERS, OPT_FD, F(status_fd), NULL,
	  "a NUL byte is written there when ready", NULL },
	{ "tls", 0, NULL, SERVERS | DUMP, NONE, "TLS for page traffic", NO_TLS },
	{ "tls-cacert", 0, "FILE", SERVERS | DUMP, NONE, "certificate of the authority", NO_TLS },
	{ "tls-cacrl", 0, "FILE", SERVERS | DUMP, NONE, "revoked certificates", NO_TLS },
	{ "tls-cert", 0, "FILE", SERVERS | DUMP, NONE, "own certificate", NO_TLS },
	{ "tls-key", 0, "FILE", SERVERS | DUMP, NONE, "own key", NO_TLS },
	{ "tls-no-cn-verify", 0, NULL, SERVERS | DUMP, NONE, "do not compare the peer's name",
	  NO_TLS },
	{ "log-file", 'o', "FILE", ALL, STR(log_file),
	  "write the log there, inside the work directory (default: stderr)", NULL },
	{ "log-pid", 0, NULL, RESTORE, NONE, "a log per process", "there is one log" },
	{ "log-format", 0, "FORMAT", ALL, CHOICE(log_format, "human|json"),
	  "form of log and errors: human (default) or json", NULL },
	{ "verbosity", 'v', "[N]", ALL, OPT_VERBOSITY, F(verbosity), NULL,
	  "0 nothing, 1 errors, 2 warnings (default), 3 steps, 4 objects; -vN, or -v repeated", NULL },
	{ "display-stats", 0, NULL, DUMP | RESTORE, BOOL(display_stats), "print the statistics",
	  NULL },
	{ "no-sync", 0, NULL, DUMP, FLAG(no_sync),
	  "do not wait until the images are on the disk", NULL },
	{ "plan", 0, NULL, RESTORE, FLAG(plan), "print what would be done in each task, do nothing",
	  NULL },
	{ "config", 0, "FILE", ALL, LIST(configs), "read options from FILE too", NULL },
	{ "no-default-config", 0, NULL, ALL, FLAG(no_default_config),
	  "do not read the default config files", NULL },
	{ "libdir", 'L', "DIR", ALL, NONE, "plugins", "there are no plugins" },
	{ "json", 0, NULL, CHECK, FLAG(json), "print the result as JSON", NULL },
	{ "feature", 0, "NAME", CHECK, LIST(features), "probe this one only (\"list\" names them)",
	  NULL },
	{ "kinds", 0, NULL, CHECK, FLAG(kinds),
	  "list the kinds of things that can be saved, and those that are refused", NULL },
	{ "all", 0, NULL, CHECK, FLAG(check_all),
	  "fail when anything is missing, not only what every checkpoint needs", NULL },
	{ "extra", 0, NULL, CHECK, FLAG(check_all), "the same as --all", NULL },
	{ "experimental", 0, NULL, CHECK, FLAG(check_all), "the same as --all", NULL },
	{ NULL, 0, NULL, 0, OPT_NONE, 0, NULL, NULL, NULL }
};
/* clang-format on */

const struct cmd_name cmd_table[] = {
	{ "dump", CMD_DUMP, "-t PID -D DIR", "write a process tree into images and end it", NULL },
	{ "restore", CMD_RESTORE, "-D DIR [-d] [--exec-cmd -- COMMAND ...]",
	  "make the process tree again from its images", NULL },
	{ "check", CMD_CHECK, "[--tree PID] [--kinds] [--feature NAME] [--json]",
	  "say whether this kernel, or this process tree, can be handled", NULL },
	{ "recover", CMD_RECOVER, "[DIR]",
	  "put right what killed runs have left behind (journals in DIR, default /run/stasis)",
	  NULL },
	{ "service", CMD_SERVICE, "[--address PATH] [--daemon] [--pidfile FILE]",
	  "serve requests of other programs on a unix socket (stasis-rpc(7))", NULL },
	{ "swrk", CMD_SWRK, "FD", "serve the one program whose socket is descriptor FD", NULL },
	{ "unlock", CMD_UNLOCK, "-D DIR",
	  "take away the network lock that a dump has left for its connections, which then are "
	  "lost",
	  NULL },
	{ "pre-dump", CMD_PRE_DUMP, NULL, NULL, NO_ITERATIVE },
	{ "page-server", CMD_PAGE_SERVER, NULL, NULL, NO_PAGE_SERVER },
	{ "dedup", CMD_DEDUP, NULL, NULL, NO_ITERATIVE },
	{ "lazy-pages", CMD_LAZY_PAGES, NULL, NULL, NO_LAZY },
	{ "cpuinfo", CMD_CPUINFO, NULL, NULL, "CPU features are compared by restore only" },
	{ NULL, 0, NULL, NULL, NULL }
};

const char *option_name_at(size_t i)
{
	return option_table[i].name;
}

const char *cmd_name_at(size_t i)
{
	return cmd_table[i].name;
}

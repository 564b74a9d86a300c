// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pseudo terminals, restore side. A devpts instance gives out its lowest free
 * number: masters are opened until the wanted one comes, the others go back.
 * Slaves whose master was gone come first: their numbers are free again at once.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/nshelper.h"
#include "fd/kinds.h"
#include "fd/tty.h"
#include "model/options.h"
#include "parasite/stub.h"

/* A pair while it is made. */
struct tty_pair {
	const TtyInfoEntry *info[2]; /* slave, master */
	struct file_obj **files[2];
	size_t n_files[2];
	struct tty_data data[2]; /* for the slave to read, for the master */
	pid_t sid;		 /* of the tree's session that it controls, or 0 */
	struct tty_pair *next;
};

struct tty_restore {
	struct tty_pair *pairs;
};

bool tty_is_hung(int master)
{
	struct pollfd p = { master, POLLIN, 0 };

	return poll(&p, 1, 0) > 0 && p.revents & POLLHUP;
}

int tty_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e)
{
	if (!f->entry->tty->has_regf_id)
		return image_bad(in, e, "file %u: a terminal without a name", f->id);
	return 0;
}

static int termios_check(const TermiosEntry *te)
{
	return !te || te->n_c_cc <= 32;
}

static int info_check(const TtyInfoEntry *ti, struct image_in *in, struct err *e)
{
	if ((ti->type != TTY_TYPE__PTY && ti->type != TTY_TYPE__EXT_TTY) || !ti->pty)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "restore", "a terminal",
			       "number %u is not a pseudo terminal: not supported", ti->id);
	if (ti->pty->index >= TTY_INDEX_MAX)
		return image_bad(in, e, "terminal %u: index %u is out of range", ti->id,
				 ti->pty->index);
	if (!termios_check(ti->termios) || !termios_check(ti->termios_locked))
		return image_bad(in, e, "terminal %u: too many control characters", ti->id);
	if (ti->winsize &&
	    (ti->winsize->ws_row > UINT16_MAX || ti->winsize->ws_col > UINT16_MAX ||
	     ti->winsize->ws_xpixel > UINT16_MAX || ti->winsize->ws_ypixel > UINT16_MAX))
		return image_bad(in, e, "terminal %u: its window is too large", ti->id);
	return 0;
}

static bool info_is_master(const TtyInfoEntry *ti)
{
	return ti->rdev == PTMX_RDEV;
}

static bool info_is_hung_up(const TtyInfoEntry *ti)
{
	return !ti->termios;
}

static int add_info(struct fd_restore *r, const TtyInfoEntry *ti, struct image_in *in,
		    struct err *e)
{
	bool master = info_is_master(ti);
	struct tty_pair *p;
	int ret = info_check(ti, in, e);

	if (ret)
		return ret;
	for (p = r->ttys->pairs; p; p = p->next)
		for (int i = 0; i < 2; i++)
			if (p->info[i] && p->info[i]->id == ti->id)
				return image_bad(in, e, "terminal %u is there twice", ti->id);
	for (p = r->ttys->pairs; p; p = p->next) {
		const TtyInfoEntry *other = p->info[!master];

		if (ti->type == TTY_TYPE__PTY && !p->info[master] && other &&
		    other->type == TTY_TYPE__PTY && other->pty->index == ti->pty->index &&
		    other->dev == ti->dev && !info_is_hung_up(other) && !info_is_hung_up(ti))
			break;
	}
	if (!p) {
		p = pool_alloc(r->m->pool, sizeof(*p));
		p->next = r->ttys->pairs;
		r->ttys->pairs = p;
	}
	p->info[master] = ti;
	return 0;
}

static struct tty_pair *pair_of(struct fd_restore *r, uint32_t info, bool *ret_master)
{
	for (struct tty_pair *p = r->ttys->pairs; p; p = p->next)
		for (int i = 0; i < 2; i++)
			if (p->info[i] && p->info[i]->id == info) {
				*ret_master = i;
				return p;
			}
	return NULL;
}

static int read_info(struct fd_restore *r, struct err *e)
{
	TtyInfoEntry *ti;
	struct image_in *in;
	int ret = image_open(r->m->dir, IMG_TTY_INFO, 0, &in, e);

	if (ret)
		return ret;
	while ((ret = image_get(in, &tty_info_entry__descriptor, &ti, e)) > 0) {
		ret = add_info(r, ti, in, e);
		if (ret)
			break;
	}
	image_in_close(in);
	return ret;
}

static int read_data(struct fd_restore *r, struct err *e)
{
	TtyDataEntry *de;
	struct image_in *in;
	int ret;

	if (!image_exists(r->m->dir, IMG_TTY_DATA, 0))
		return 0;
	ret = image_open(r->m->dir, IMG_TTY_DATA, 0, &in, e);
	if (ret)
		return ret;
	while ((ret = image_get(in, &tty_data_entry__descriptor, &de, e)) > 0) {
		bool master;
		struct tty_pair *p = pair_of(r, de->tty_id, &master);

		if (!p) {
			ret = image_bad(in, e, "there is no terminal %u", de->tty_id);
			break;
		}
		p->data[master] = (struct tty_data){ (char *)de->data.data, de->data.len };
	}
	image_in_close(in);
	return ret;
}

/* A slave that lives, but its master was not in the tree. */
static bool is_outside(const struct tty_pair *p)
{
	return p->info[0] && !p->n_files[1] && p->n_files[0] && !info_is_hung_up(p->info[0]);
}

static int caller_fd(struct fd_restore *r, const struct tty_pair *p, struct err *e)
{
	const TtyInfoEntry *ti = p->info[0];
	char key[64];
	int fd;

	tty_key_print(key, sizeof(key), ti->rdev, ti->dev);
	fd = options_inherit_fd(r->m->opt, key);
	if (fd >= 0 && isatty(fd))
		return fd;
	if (fd >= 0)
		return err_set(e, ERR_USAGE, ENOTTY, "inherit", key,
			       "descriptor %d is not a terminal", fd);
	if (ti->type == TTY_TYPE__EXT_TTY) {
		err_set(e, ERR_USAGE, EINVAL, "restore", key,
			"it was a terminal from outside, and none is given for it");
		return err_hint(e, "use --inherit-fd fd[N]:%s, N being an open terminal", key);
	}
	if (!r->m->opt->shell_job) {
		err_set(e, ERR_USAGE, EINVAL, "restore", key,
			"the tree was the job of a shell, on its terminal");
		return err_hint(e, "use --shell-job in a terminal, or --inherit-fd fd[N]:%s", key);
	}
	for (fd = 0; fd < 3; fd++)
		if (isatty(fd))
			return fd;
	err_set(e, ERR_USAGE, ENOTTY, "restore", key,
		"--shell-job takes over our own terminal, but none is on descriptor 0, 1 or 2");
	return err_hint(e, "call it from a terminal");
}

static int check_outside(struct fd_restore *r, struct err *e)
{
	for (struct tty_pair *p = r->ttys->pairs; p; p = p->next) {
		int fd = is_outside(p) ? caller_fd(r, p, e) : 0;

		if (fd < 0)
			return fd;
	}
	return 0;
}

static int link_file(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	struct file_obj *name = model_file_by_id(r->m, f->entry->tty->regf_id);
	struct tty_pair *p;
	bool master;

	if (!name || name->entry->type != FD_TYPES__REG)
		return file_bad(f, e, "its name, file %u, is none", f->entry->tty->regf_id);
	p = pair_of(r, f->entry->tty->tty_info_id, &master);
	if (!p)
		return file_bad(f, e, "there is no terminal %u", f->entry->tty->tty_info_id);
	if (master && p->n_files[1])
		return file_bad(f, e, "a terminal has two masters");
	fd_work(f)->kid = name;
	pool_push(r->m->pool, p->files[master], p->n_files[master], f);
	return 0;
}

/* A session outside of the tree has its terminal from outside, too. */
static int add_ctty(struct fd_restore *r, struct tty_pair *p, struct err *e)
{
	const TtyInfoEntry *ti = p->info[0];
	struct ctty c = { .fd = -EBADF };
	const struct task *leader;

	if (!ti || !ti->sid || is_outside(p) || ti->sid > PID_LIMIT || ti->pgrp > PID_LIMIT)
		return 0;
	leader = model_task_by_pid(r->m, (pid_t)ti->sid);
	if (!leader || leader->sid != leader->pid)
		return 0;
	if (model_ctty(r->m, leader->sid))
		return err_set(e, ERR_IMAGE, EINVAL, "read", "tty-info.img",
			       "two terminals control session %u", ti->sid);
	c.sid = leader->sid;
	c.pgrp = ti->pgrp ? (pid_t)ti->pgrp : leader->pgid;
	pool_push(r->m->pool, r->m->cttys, r->m->n_cttys, c);
	p->sid = c.sid;
	return 0;
}

int tty_read_end(struct fd_restore *r, struct err *e)
{
	struct tty_pair *p;
	int ret = 0;

	for (size_t i = 0; i < r->m->n_files && !ret; i++) {
		struct file_obj *f = r->m->files[i];

		if (f->entry->type != FD_TYPES__TTY)
			continue;
		if (!r->ttys) {
			r->ttys = pool_alloc(r->m->pool, sizeof(*r->ttys));
			ret = read_info(r, e);
		}
		if (!ret)
			ret = link_file(r, f, e);
	}
	if (ret || !r->ttys)
		return ret;
	for (p = r->ttys->pairs; p && !ret; p = p->next)
		if (p->n_files[0] || p->n_files[1])
			ret = add_ctty(r, p, e);
	if (!ret)
		ret = check_outside(r, e);
	return ret ? ret : read_data(r, e);
}

static const RegFileEntry *name_of(const struct file_obj *f)
{
	return ((struct file_obj *)fd_work((struct file_obj *)f)->kid)->entry->reg;
}

/* Where the pair's master is to be opened: by its own name, or beside the slave's. */
static void ptmx_name(const struct tty_pair *p, char *buf, size_t size)
{
	const char *name;

	if (p->n_files[1]) {
		snprintf(buf, size, "%s", name_of(p->files[1][0])->name);
		return;
	}
	name = name_of(p->files[0][0])->name;
	/* "/dev/pts/3" has it beside; "/dev/tty" and "/dev/console" say nothing. */
	snprintf(buf, size, "%.*sptmx", (int)(strrchr(name, '/') - name + 1),
		 strstr(name, "/pts/") ? name : "/dev/");
}

/* The master with that index. */
static int take_index(struct fd_restore *r, const char *ptmx, unsigned want, int flags, int *ret_fd,
		      struct err *e)
{
	int *spare = pool_alloc(r->m->pool, (want + 1) * sizeof(*spare));
	unsigned n = 0;
	int ret = 0, index = -1;

	*ret_fd = -EBADF;
	while (!ret && *ret_fd < 0) {
		int fd = open_in_root(r->root_fd, ptmx, flags | O_NOCTTY, 0);

		if (fd < 0 || ioctl(fd, TIOCGPTN, &index)) {
			errno = fd < 0 ? -fd : errno;
			ret = err_sys(e, "open", "%s", ptmx);
			if (fd >= 0)
				close(fd);
		} else if ((unsigned)index == want) {
			*ret_fd = fd;
		} else if ((unsigned)index > want || n > want) {
			char who[64];

			close(fd);
			snprintf(who, sizeof(who), "the terminal /dev/pts/%u", want);
			ret = err_set(e, ERR_CONFLICT, EBUSY, "make", who,
				      "its number is in use by another terminal");
			err_hint(e, "end what runs there, or restore with a devpts of its own");
		} else {
			spare[n++] = fd;
		}
	}
	while (n)
		close(spare[--n]);
	return ret;
}

static int set_attributes(int master, const TtyInfoEntry *ti, const char *name, struct err *e)
{
	struct termios2 t;

	if (ti->termios) {
		termios_from_entry(ti->termios, &t);
		if (ioctl(master, TCSETS2, &t))
			return err_sys(e, "ioctl", "%s: TCSETS2", name);
	}
	if (ti->winsize) {
		struct winsize ws = { (unsigned short)ti->winsize->ws_row,
				      (unsigned short)ti->winsize->ws_col,
				      (unsigned short)ti->winsize->ws_xpixel,
				      (unsigned short)ti->winsize->ws_ypixel };

		if (ioctl(master, TIOCSWINSZ, &ws))
			return err_sys(e, "ioctl", "%s: TIOCSWINSZ", name);
	}
	return 0;
}

/* What would stand in the way of the rest. */
static int set_locks(const struct tty_pair *p, int master, int slave, const char *name,
		     struct err *e)
{
	const TtyInfoEntry *s = p->info[0], *m = p->info[1], *any = m ? m : s;
	struct termios2 t;
	int one = 1;

	termios_from_entry(any->termios_locked ? any->termios_locked :
						 &(TermiosEntry)TERMIOS_ENTRY__INIT,
			   &t);
	if (any->termios_locked && ioctl(master, TIOCSLCKTRMIOS, &t))
		return err_sys(e, "ioctl", "%s: TIOCSLCKTRMIOS", name);
	if (m && m->packet_mode && ioctl(master, TIOCPKT, &one))
		return err_sys(e, "ioctl", "%s: TIOCPKT", name);
	if ((m && m->exclusive && ioctl(master, TIOCEXCL)) ||
	    (s && s->exclusive && slave >= 0 && ioctl(slave, TIOCEXCL)))
		return err_sys(e, "ioctl", "%s: TIOCEXCL", name);
	if (m && m->locked && ioctl(master, TIOCSPTLCK, &one))
		return err_sys(e, "ioctl", "%s: TIOCSPTLCK", name);
	return 0;
}

/* The node's owner and permissions: devpts made it for us. */
static int own_node(const struct tty_pair *p, int slave, const char *name, struct err *e)
{
	const TtyInfoEntry *s = p->info[0];
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", slave);
	if (s->has_uid && s->has_gid && fchown(slave, s->uid, s->gid))
		return err_sys(e, "fchown", "%s", name);
	for (size_t i = 0; i < p->n_files[0]; i++) {
		const RegFileEntry *re = name_of(p->files[0][i]);

		if (re->has_mode && strstr(re->name, "/pts/") && fchmod(slave, re->mode & 07777))
			return err_sys(e, "fchmod", "%s", name);
	}
	return 0;
}

static int open_slave(struct fd_restore *r, int master, int any, const char *path, int flags,
		      int *ret_fd)
{
	_cleanup_close_ int fd = open_in_root(r->root_fd, path, flags | O_NOCTTY, 0);
	struct stat a, b;

	/* The name may lead elsewhere by now. */
	if (fd >= 0 && !fstat(fd, &a) && !fstat(any, &b) && a.st_rdev == b.st_rdev) {
		*ret_fd = take_fd(fd);
		return 0;
	}
	*ret_fd = ioctl(master, TIOCGPTPEER, flags | O_NOCTTY | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

static bool is_dev_tty(struct fd_restore *r, const char *path)
{
	_cleanup_close_ int fd = open_in_root(r->root_fd, path, O_PATH, 0);
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == TTY_RDEV;
}

struct dev_tty {
	int slave, root_fd, flags;
	const char *path;
};

/*
 * /dev/tty is the terminal of whoever opens it. Runs in: a helper that shares
 * our descriptors; no longer its terminal when it ends, or that would hang up.
 */
static int as_session(void *arg, void *ret, struct err *e)
{
	const struct dev_tty *dt = arg;
	int fd;

	if (setsid() < 0 || ioctl(dt->slave, TIOCSCTTY, 0))
		return err_sys(e, "ioctl", "%s: TIOCSCTTY", dt->path);
	fd = open_in_root(dt->root_fd, dt->path, dt->flags, 0);
	if (ioctl(dt->slave, TIOCNOTTY))
		return err_sys(e, "ioctl", "%s: TIOCNOTTY", dt->path);
	if (fd < 0) {
		errno = -fd;
		return err_sys(e, "open", "%s", dt->path);
	}
	*(int *)ret = fd;
	return 0;
}

static int open_dev_tty(struct fd_restore *r, int slave, const char *path, int flags, int *ret_fd,
			struct err *e)
{
	struct dev_tty dt = { slave, r->root_fd, flags, path };

	return ns_helper_call(getpid(), 0, as_session, &dt, ret_fd, e);
}

static int open_slaves(struct fd_restore *r, struct tty_pair *p, int master, int *ret_any,
		       const char *name, struct err *e)
{
	*ret_any = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*ret_any < 0)
		return err_sys(e, "open", "%s", name);
	for (size_t i = 0; i < p->n_files[0]; i++) {
		struct file_obj *f = p->files[0][i];
		int flags = (int)f->entry->tty->flags & (O_ACCMODE | O_NONBLOCK);
		const char *path = name_of(f)->name;
		int ret;

		ret = is_dev_tty(r, path) ? open_dev_tty(r, *ret_any, path, flags, &f->fd, e) :
					    open_slave(r, master, *ret_any, path, flags, &f->fd);
		if (ret) {
			errno = -ret;
			return err_sys(e, "open", "%s", name);
		}
	}
	return own_node(p, *ret_any, name, e);
}

static int fill_pair(struct tty_pair *p, int master, int slave, const char *name, struct err *e)
{
	struct tty_ends t = { .master = master, .slave = slave };

	snprintf(t.name, sizeof(t.name), "%s", name);
	if (!p->data[0].n && !p->data[1].n)
		return 0;
	return tty_data_put(&t, &p->data[0], &p->data[1], e);
}

static int finish_files(struct tty_pair *p, const char *name, struct err *e)
{
	int ret = 0;

	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < p->n_files[side] && !ret; i++) {
			struct file_obj *f = p->files[side][i];

			ret = fd_set_flags(f->fd, f->entry->tty->flags, name, e);
		}
	return ret;
}

static int make_pair(struct fd_restore *r, struct tty_pair *p, struct err *e)
{
	const TtyInfoEntry *any = p->info[1] ? p->info[1] : p->info[0];
	_cleanup_close_ int master = -EBADF, slave = -EBADF;
	char ptmx[PATH_MAX + 8], name[64];
	int zero = 0, ret;

	snprintf(name, sizeof(name), "the terminal /dev/pts/%u", any->pty->index);
	ptmx_name(p, ptmx, sizeof(ptmx));
	ret = take_index(r, ptmx, any->pty->index, O_RDWR, &master, e);
	if (ret)
		return ret;
	if (ioctl(master, TIOCSPTLCK, &zero))
		return err_sys(e, "ioctl", "%s: TIOCSPTLCK", name);
	ret = set_attributes(master, any, name, e);
	if (!ret && p->info[0])
		ret = open_slaves(r, p, master, &slave, name, e);
	if (!ret)
		ret = fill_pair(p, master, slave, name, e);
	if (!ret)
		ret = set_locks(p, master, slave, name, e);
	if (!ret && p->sid)
		model_ctty(r->m, p->sid)->fd = take_fd(slave);
	if (!ret && p->n_files[1])
		p->files[1][0]->fd = take_fd(master);
	return ret ? ret : finish_files(p, name, e);
}

/*
 * Openings of a terminal of the caller's. A job finds it as it left it, and
 * gets the foreground if it had it; one from outside is the caller's business.
 */
static int take_over(struct fd_restore *r, struct tty_pair *p, struct err *e)
{
	const TtyInfoEntry *ti = p->info[0];
	char path[40], name[64];
	int fd = caller_fd(r, p, e), ret = 0;

	if (fd < 0)
		return fd;
	tty_key_print(name, sizeof(name), ti->rdev, ti->dev);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (size_t i = 0; i < p->n_files[0]; i++) {
		struct file_obj *f = p->files[0][i];
		int flags = (int)f->entry->tty->flags & (O_ACCMODE | O_NONBLOCK);

		f->fd = is_dev_tty(r, name_of(f)->name) ?
				open_in_root(r->root_fd, name_of(f)->name, flags, 0) :
				open(path, flags | O_NOCTTY | O_CLOEXEC);
		if (f->fd < 0)
			return err_sys(e, "open", "%s", name);
	}
	if (ti->type == TTY_TYPE__PTY) {
		struct termios2 t;

		termios_from_entry(ti->termios, &t);
		if (ioctl(fd, TCSETS2, &t))
			ret = err_sys(e, "ioctl", "%s: TCSETS2", name);
		r->job_tty = p->files[0][0];
		r->job_pgrp = (pid_t)ti->pgrp;
	}
	return ret ? ret : finish_files(p, name, e);
}

/*
 * The group in the foreground of a job's terminal, now that it exists. We are
 * in that session, but not in that group any more: SIGTTOU is not for us.
 */
int tty_job_foreground(struct fd_restore *r, struct err *e)
{
	struct task *t = r->job_pgrp ? model_task_by_pid(r->m, r->job_pgrp) : NULL;
	sigset_t ttou, old;
	pid_t host;
	int x = 0;

	if (!t || !t->stub || t->pgid != t->pid)
		return 0;
	host = t->stub->host;
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	sigprocmask(SIG_BLOCK, &ttou, &old);
	if (ioctl(r->job_tty->fd, TIOCSPGRP, &host))
		x = err_sys(e, "ioctl", "our terminal: TIOCSPGRP %d", host);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return x;
}

int fd_open_ttys(struct model *m, int root_fd, struct err *e)
{
	struct fd_restore *r = m->fd_state;
	int ret = 0;

	r->root_fd = root_fd;
	for (int hung = 1; hung >= 0; hung--)
		for (struct tty_pair *p = r->ttys ? r->ttys->pairs : NULL; p && !ret; p = p->next) {
			if (!p->n_files[0] && !p->n_files[1])
				continue;
			if ((p->info[0] && info_is_hung_up(p->info[0])) != hung)
				continue;
			ret = is_outside(p) ? take_over(r, p, e) : make_pair(r, p, e);
		}
	r->root_fd = -EBADF;
	return ret;
}

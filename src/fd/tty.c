// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pseudo terminals (man 7 pty), dump side: pairs whose both sides are in the
 * tree, masters whose slave nobody has open, slaves whose master is gone.
 * Attributes are read through copies; data by tty_data.c.
 */
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

#include "base/proc.h"
#include "fd/kinds.h"
#include "fd/survey.h"
#include "fd/tty.h"
#include "model/options.h"

#define HINT_OWN_TERMINAL                                                                          \
	"start the program with setsid and its input and output redirected, or in a terminal of "  \
	"its own (script, tmux) that is checkpointed with it"

/* One pair, as far as it was seen. */
struct pair {
	uint64_t dev; /* of the devpts instance; 0 when it could not be told */
	unsigned index;
	struct file_obj *master, *slave; /* a description of each */
	TtyInfoEntry *info[2];		 /* slave, master */
	bool hung_up;
	bool outside; /* the master is, and that is wanted */
	struct tty_data input, output;
};

struct tty_dump {
	struct pair *v;
	size_t n;
};

static bool is_master(const struct fd_look *l)
{
	return l->st.st_rdev == PTMX_RDEV;
}

static bool tty_is(const struct fd_look *l)
{
	if (!S_ISCHR(l->st.st_mode) || l->link[0] != '/')
		return false;
	return is_master(l) || l->st.st_rdev == TTY_RDEV || rdev_is_pts(l->st.st_rdev);
}

/* The terminal behind a slave's description: /dev/tty is any one. -EIO: its master is gone. */
static int slave_index(const struct fd_look *l, unsigned *ret)
{
	unsigned kdev;

	if (rdev_is_pts(l->st.st_rdev)) {
		*ret = pts_index(l->st.st_rdev);
		return 0;
	}
	if (ioctl(l->copy, TIOCGDEV, &kdev))
		return -errno;
	/* new_encode_dev(): linux/kdev_t.h */
	kdev = (unsigned)makedev((kdev >> 8) & 0xfff, (kdev & 0xff) | ((kdev >> 12) & 0xfff00));
	if (!rdev_is_pts(kdev))
		return -ENOTTY;
	*ret = pts_index(kdev);
	return 0;
}

static bool is_hung_up(const struct fd_look *l)
{
	struct termios2 t;

	return ioctl(l->copy, TCGETS2, &t) && errno == EIO;
}

/* The devpts instance that a master came from: beside its ptmx, or around it. */
static uint64_t master_dev(struct fd_dump *d, const struct fd_look *l)
{
	static const char *const where[] = { "pts", "." };
	char dir[FD_LINK_MAX], *slash;

	snprintf(dir, sizeof(dir), "%s", l->link);
	slash = strrchr(dir, '/');
	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		_cleanup_close_ int fd = -EBADF;
		struct statfs fs;
		struct stat st;

		snprintf(slash + 1, sizeof(dir) - (size_t)(slash + 1 - dir), "%s", where[i]);
		fd = open_in_root(d->root_fd, dir, O_PATH | O_DIRECTORY, 0);
		if (fd >= 0 && !fstatfs(fd, &fs) && fs.f_type == DEVPTS_SUPER_MAGIC &&
		    !fstat(fd, &st))
			return st.st_dev;
	}
	return 0;
}

static int check_master(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	char who[96];
	int index;

	if (ioctl(l->copy, TIOCGPTN, &index))
		return fd_refuse(l, e, "its number cannot be told");
	if (!survey_tty_outside(d, (unsigned)index, master_dev(d, l), who, sizeof(who)))
		return 0;
	fd_refuse(l, e, "the terminal that it serves, /dev/pts/%d, is used outside the tree: by %s",
		  index, who);
	return err_hint(e, "checkpoint a tree that holds both, or end that process");
}

/* The pseudo terminal that controls a task, as /proc/PID/stat gives it (new_encode_dev()). */
static bool ctty_of(const struct proc_stat *ps, unsigned *ret_index)
{
	unsigned k = (unsigned)ps->tty_nr;
	dev_t dev = makedev((k >> 8) & 0xfff, (k & 0xff) | ((k >> 12) & 0xfff00));

	*ret_index = rdev_is_pts(dev) ? pts_index(dev) : 0;
	return rdev_is_pts(dev);
}

static bool is_external(const struct fd_dump *d, const struct fd_look *l)
{
	char key[64];

	tty_key_print(key, sizeof(key), l->st.st_rdev, l->st.st_dev);
	return options_external(d->m->opt, key);
}

/* --shell-job: the terminal of the session that the root task is in, but did not begin. */
static bool is_job_terminal(const struct fd_dump *d, unsigned index)
{
	const struct task *root = d->m->root;
	struct err ignored = { 0 };
	struct proc_stat ps;
	unsigned own;

	return d->m->opt->shell_job && !proc_stat_read(root->host, &ps, &ignored) &&
	       ps.sid != root->host && ctty_of(&ps, &own) && own == index;
}

static int check_slave(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	unsigned index;
	int ldisc = 0, r;
	char key[64];

	if (is_hung_up(l))
		return 0;
	r = slave_index(l, &index);
	if (r)
		return fd_refuse(l, e, "it leads to a terminal that is no pseudo terminal");
	if (ioctl(l->copy, TIOCGETD, &ldisc) || ldisc)
		return fd_refuse(l, e, "line discipline %d is not supported", ldisc);
	if (survey_tty_master(d, index) || is_external(d, l) || is_job_terminal(d, index))
		return 0;
	fd_refuse(l, e, "the master side of /dev/pts/%u is outside the tree", index);
	tty_key_print(key, sizeof(key), l->st.st_rdev, l->st.st_dev);
	return err_hint(
		e,
		"use --shell-job (a job of a shell), --external %s (and --inherit-fd at the "
		"restore), or start it with setsid and input and output redirected",
		key);
}

static int tty_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	return is_master(l) ? check_master(d, l, e) : check_slave(d, l, e);
}

static struct pair *pair_get(struct fd_dump *d, uint64_t dev, unsigned index, bool hung_up)
{
	struct tty_dump *td = d->ttys;
	struct pair p = { .dev = dev, .index = index, .hung_up = hung_up };

	if (!td)
		td = d->ttys = pool_alloc(d->m->pool, sizeof(*td));
	for (size_t i = 0; i < td->n; i++) {
		struct pair *q = &td->v[i];

		/* A number may have been given out again. */
		if (q->index != index || q->hung_up != hung_up)
			continue;
		if (!dev || !q->dev || q->dev == dev) {
			q->dev = q->dev ? q->dev : dev;
			return q;
		}
	}
	pool_push(d->m->pool, td->v, td->n, p);
	return &td->v[td->n - 1];
}

static TtyInfoEntry *info_new(struct fd_dump *d, const struct pair *p, bool master)
{
	TtyInfoEntry *ti = pool_msg(d->m->pool, TtyInfoEntry, tty_info_entry__init);
	TtyPtyEntry *pty = pool_msg(d->m->pool, TtyPtyEntry, tty_pty_entry__init);

	ti->id = (uint32_t)(p - d->ttys->v) * 2 + 1 + master;
	ti->type = TTY_TYPE__PTY;
	ti->pty = pty;
	pty->index = p->index;
	ti->rdev = (uint32_t)(master ? PTMX_RDEV :
				       makedev(PTS_MAJOR + p->index / 256, p->index % 256));
	if (p->dev) {
		ti->has_dev = 1;
		ti->dev = (uint32_t)p->dev;
	}
	return ti;
}

/* What any description of the pair shows. */
static int info_fill(struct fd_dump *d, TtyInfoEntry *ti, int fd, const char *name, struct err *e)
{
	WinsizeEntry *we = pool_msg(d->m->pool, WinsizeEntry, winsize_entry__init);
	struct termios2 t, locked = { 0 };
	struct winsize ws;
	int exclusive = 0;

	if (ioctl(fd, TCGETS2, &t) || ioctl(fd, TIOCGLCKTRMIOS, &locked) ||
	    ioctl(fd, TIOCGWINSZ, &ws) || ioctl(fd, TIOCGEXCL, &exclusive))
		return err_sys(e, "ioctl", "%s", name);
	ti->termios = termios_entry(d->m->pool, &t);
	ti->termios_locked = termios_entry(d->m->pool, &locked);
	ti->exclusive = exclusive != 0;
	we->ws_row = ws.ws_row;
	we->ws_col = ws.ws_col;
	we->ws_xpixel = ws.ws_xpixel;
	we->ws_ypixel = ws.ws_ypixel;
	ti->winsize = we;
	return 0;
}

/* The name, as a file of its own that the message refers to. */
static int name_dump(struct fd_dump *d, const struct fd_look *l, bool hung_up,
		     struct file_obj **ret, struct err *e)
{
	static const char deleted[] = " (deleted)";
	struct file_obj *f = model_file_new(d->m);
	size_t len = strlen(l->link), tail = sizeof(deleted) - 1;
	RegFileEntry *re;

	f->kind = file_kind_by_type(FD_TYPES__REG);
	f->st = l->st;
	f->owner = l->t;
	f->owner_fd = -1;
	*ret = f;
	if (!hung_up)
		return reg_entry_dump(d, f, l, e);
	/* The name went with the master. */
	re = pool_msg(d->m->pool, RegFileEntry, reg_file_entry__init);
	file_entry_new(d, f, FD_TYPES__REG)->reg = re;
	re->id = f->id;
	re->flags = l->info.flags;
	re->fown = pool_msg(d->m->pool, FownEntry, fown_entry__init);
	re->name = pool_strdup(d->m->pool, l->link);
	if (len > tail && !strcmp(re->name + len - tail, deleted))
		re->name[len - tail] = 0;
	return 0;
}

static int dump_master(struct fd_dump *d, struct file_obj *f, const struct fd_look *l,
		       TtyInfoEntry **ret, struct err *e)
{
	int index, locked = 0, packet = 0;
	struct pair *p;
	int r;

	if (ioctl(l->copy, TIOCGPTN, &index) || ioctl(l->copy, TIOCGPTLCK, &locked) ||
	    ioctl(l->copy, TIOCGPKT, &packet))
		return err_sys(e, "ioctl", "pid %d, fd %d (%s)", l->t->pid, l->fd, l->link);
	p = pair_get(d, master_dev(d, l), (unsigned)index, false);
	p->master = f;
	*ret = p->info[1] = info_new(d, p, true);
	r = info_fill(d, *ret, l->copy, l->link, e);
	(*ret)->locked = locked != 0;
	(*ret)->packet_mode = packet != 0;
	return r;
}

static int dump_slave(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, bool hung_up,
		      TtyInfoEntry **ret, struct err *e)
{
	uint64_t dev = rdev_is_pts(l->st.st_rdev) ? l->st.st_dev : 0;
	unsigned index = 0;
	struct pair *p;
	int r = 0;

	if (slave_index(l, &index) && !hung_up)
		return fd_refuse(l, e, "its number cannot be told");
	p = pair_get(d, dev, index, hung_up);
	p->outside |= is_external(d, l) || is_job_terminal(d, index);
	if (!p->slave)
		p->slave = f;
	if (!p->info[0]) {
		p->info[0] = info_new(d, p, false);
		if (is_external(d, l))
			p->info[0]->type = TTY_TYPE__EXT_TTY;
		if (!hung_up)
			r = info_fill(d, p->info[0], l->copy, l->link, e);
	}
	if (rdev_is_pts(l->st.st_rdev)) {
		p->info[0]->has_uid = p->info[0]->has_gid = 1;
		p->info[0]->uid = l->st.st_uid;
		p->info[0]->gid = l->st.st_gid;
	}
	*ret = p->info[0];
	return r;
}

static int tty_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l, struct err *e)
{
	TtyFileEntry *te = pool_msg(d->m->pool, TtyFileEntry, tty_file_entry__init);
	bool hung_up = !is_master(l) && is_hung_up(l);
	struct file_obj *name;
	TtyInfoEntry *ti = NULL;
	int r = tty_check(d, l, e);

	if (!r)
		r = name_dump(d, l, hung_up, &name, e);
	if (!r)
		r = is_master(l) ? dump_master(d, f, l, &ti, e) :
				   dump_slave(d, f, l, hung_up, &ti, e);
	if (r)
		return r;
	file_entry_new(d, f, FD_TYPES__TTY)->tty = te;
	te->id = f->id;
	te->tty_info_id = ti->id;
	te->flags = l->info.flags;
	te->has_regf_id = 1;
	te->regf_id = name->id;
	return fown_dump(d, l, &te->fown, e);
}

static int not_whole(const struct pair *p, struct err *e)
{
	char who[64];

	snprintf(who, sizeof(who), "the terminal /dev/pts/%u", p->index);
	return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", who,
		       "its master side is outside the tree");
}

/* The group as the images number it: of any task in it. */
static pid_t group_inside(struct fd_dump *d, pid_t host, struct err *e)
{
	for (size_t i = 0; i < d->m->n_tasks; i++) {
		struct task *t = d->m->tasks[i];
		struct proc_stat ps;
		int r = proc_stat_read(t->host, &ps, e);

		if (r)
			return r;
		if (ps.pgrp == host)
			return t->pgid;
	}
	return 0;
}

/* A shell's job: whether one of its groups is in the foreground. */
static int job_group(struct fd_dump *d, struct pair *p, struct err *e)
{
	struct proc_stat ps;
	pid_t pgrp = 0;
	int r = 0;

	if (p->info[0]->type == TTY_TYPE__EXT_TTY)
		return 0;
	r = proc_stat_read(d->m->root->host, &ps, e);
	if (!r && ps.tpgid > 0)
		pgrp = group_inside(d, ps.tpgid, e);
	if (r || pgrp < 0)
		return r ? r : pgrp;
	p->info[0]->pgrp = (uint32_t)pgrp;
	return 0;
}

static int refuse_ctty(const struct task *t, unsigned index, const char *why, struct err *e)
{
	char who[80];

	snprintf(who, sizeof(who), "pid %d, controlling terminal /dev/pts/%u", t->pid, index);
	return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "checkpoint", who, "%s", why);
}

static int add_session(struct fd_dump *d, const struct task *t, const struct proc_stat *ps,
		       unsigned index, struct err *e)
{
	struct pair *p = NULL;
	pid_t pgrp;

	for (size_t i = 0; d->ttys && i < d->ttys->n; i++)
		if (d->ttys->v[i].index == index && !d->ttys->v[i].hung_up)
			p = &d->ttys->v[i];
	if (!p || !p->master || !p->info[0])
		return refuse_ctty(t, index, "its master side is outside the tree", e);
	if (p->info[0]->sid)
		return 0;
	pgrp = ps->tpgid > 0 ? group_inside(d, ps->tpgid, e) : 0;
	if (pgrp < 0)
		return pgrp;
	if (!pgrp) {
		refuse_ctty(t, index, "the process group in its foreground is gone", e);
		return err_hint(e, "try again");
	}
	p->info[0]->sid = (uint32_t)t->sid;
	p->info[0]->pgrp = (uint32_t)pgrp;
	return 0;
}

/* Sessions with a controlling terminal. Those of a session outside belong to the caller. */
static int find_sessions(struct fd_dump *d, struct err *e)
{
	for (size_t i = 0; i < d->m->n_tasks; i++) {
		struct task *t = d->m->tasks[i], *leader = model_task_by_pid(d->m, t->sid);
		struct proc_stat ps, lead;
		unsigned index, lead_index;
		bool has;
		int r;

		if (t->state == TASK_ZOMBIE || !leader)
			continue;
		r = proc_stat_read(t->host, &ps, e);
		if (!r)
			r = proc_stat_read(leader->host, &lead, e);
		if (r)
			return r;
		has = ctty_of(&ps, &index);
		if (leader->state != TASK_ZOMBIE &&
		    (has != ctty_of(&lead, &lead_index) || index != lead_index))
			return refuse_ctty(
				t, has ? index : lead_index,
				"its session's leader has another one, or it gave it up: "
				"not supported",
				e);
		r = has ? add_session(d, t, &ps, index, e) : 0;
		if (r)
			return r;
	}
	return 0;
}

int tty_check_session(struct fd_dump *d, const struct task *t, struct err *e)
{
	struct proc_stat ps;
	unsigned index;
	int r = proc_stat_read(t->host, &ps, e);

	if (r)
		return r;
	for (size_t i = 0; i < d->m->n_tasks; i++)
		/* Only of a session that begins in the tree. */
		if (d->m->tasks[i]->host == ps.sid && ctty_of(&ps, &index) &&
		    !survey_tty_master(d, index)) {
			refuse_ctty(t, index, "its master side is outside the tree", e);
			return err_hint(e, HINT_OWN_TERMINAL);
		}
	return 0;
}

static int pair_data(struct fd_dump *d, struct pair *p, struct err *e)
{
	_cleanup_close_ int master = -EBADF, slave = -EBADF;
	struct tty_ends t = { .slave = -EBADF };

	master = fd_dump_copy(p->master, e);
	if (master < 0)
		return master;
	if (p->slave) {
		slave = fd_dump_copy(p->slave, e);
		if (slave < 0)
			return slave;
	} else if (!p->info[0]) {
		return 0;
	}
	t.master = master;
	t.slave = slave;
	snprintf(t.name, sizeof(t.name), "the terminal /dev/pts/%u", p->index);
	return tty_data_copy(&t, d->m->pool, &p->input, &p->output, e);
}

/* A slave that was open once, but no longer: the master sees a hang-up (poll(2)). */
static int closed_slave(struct fd_dump *d, struct pair *p, struct err *e)
{
	_cleanup_close_ int master = fd_dump_copy(p->master, e);

	if (master < 0)
		return master;
	if (!tty_is_hung(master))
		return 0;
	p->info[0] = info_new(d, p, false);
	return info_fill(d, p->info[0], master, "a terminal's master side", e);
}

static int put_data(struct image_out **o, struct fd_dump *d, uint32_t id, const struct tty_data *td,
		    struct err *e)
{
	TtyDataEntry de = TTY_DATA_ENTRY__INIT;
	int r = 0;

	if (!td->n)
		return 0;
	if (!*o)
		r = image_create(d->m->dir, IMG_TTY_DATA, 0, o, e);
	de.tty_id = id;
	de.data = (ProtobufCBinaryData){ td->n, (uint8_t *)td->v };
	return r ? r : image_put(*o, &de.base, e);
}

static int write_all_data(struct fd_dump *d, struct err *e)
{
	struct image_out *o = NULL;
	int r = 0;

	for (size_t i = 0; i < d->ttys->n && !r; i++) {
		struct pair *p = &d->ttys->v[i];

		if (p->info[0])
			r = put_data(&o, d, p->info[0]->id, &p->input, e);
		if (!r && p->info[1])
			r = put_data(&o, d, p->info[1]->id, &p->output, e);
	}
	return image_out_end(o, r, e);
}

static int write_info(struct fd_dump *d, struct err *e)
{
	struct image_out *o;
	int r = image_create(d->m->dir, IMG_TTY_INFO, 0, &o, e);

	if (r)
		return r;
	for (size_t i = 0; i < 2 * d->ttys->n && !r; i++) {
		const TtyInfoEntry *ti = d->ttys->v[i / 2].info[i % 2];

		if (ti)
			r = image_put(o, &ti->base, e);
	}
	return image_out_end(o, r, e);
}

static int tty_dump_end(struct fd_dump *d, struct err *e)
{
	int r = 0;

	for (size_t i = 0; d->ttys && i < d->ttys->n && !r; i++) {
		struct pair *p = &d->ttys->v[i];

		if (p->hung_up)
			continue;
		if (p->outside && !p->master) {
			r = job_group(d, p, e);
			continue;
		}
		if (!p->master)
			r = not_whole(p, e);
		if (!r && !p->slave)
			r = closed_slave(d, p, e);
		if (!r)
			r = pair_data(d, p, e);
	}
	if (!r)
		r = find_sessions(d, e);
	if (!r && d->ttys)
		r = write_info(d, e);
	if (!r && d->ttys)
		r = write_all_data(d, e);
	return r;
}

const struct file_kind file_kind_tty = {
	.name = "pseudo terminal",
	.type = FD_TYPES__TTY,
	.is = tty_is,
	.check_copy = true,
	.check = tty_check,
	.dump = tty_dump,
	.dump_end = tty_dump_end,
	FILE_KIND_ENTRY(tty, TtyFileEntry),
	.read = tty_read,
	.read_end = tty_read_end,
};

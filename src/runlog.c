// SPDX-License-Identifier: GPL-2.0-or-later
/* Opening the log of an operation, and what stands at its end. */
#include "runlog.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/watchdog.h"
#include "model/options.h"
#include "steps.h"

/* The log goes to --log-file in the work directory, else to stderr. */
static int open_now(const struct options *o, struct err *e)
{
	static const int levels[] = { LOG_ERROR, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
	const char *dir = o->work_dir ? o->work_dir : o->images_dir;
	_cleanup_close_ int dir_fd = -EBADF;
	int fd = -1;

	if (o->log_file || o->work_dir)
		dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* Statistics go there too, when it is too late to complain. */
	if (dir_fd < 0 && o->work_dir) {
		err_sys(e, "open", "work directory %s", dir);
		err_class_set(e, ERR_USAGE);
		return err_hint(e, "create the directory first");
	}
	if (o->log_file) {
		if (dir_fd < 0 && o->log_file[0] != '/') {
			err_sys(e, "open", "image directory %s", dir);
			return err_class_set(e, ERR_USAGE);
		}
		fd = openat(dir_fd, o->log_file,
			    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
		if (fd < 0) {
			err_sys(e, "open", "log file %s", o->log_file);
			err_class_set(e, ERR_USAGE);
			return err_hint(
				e, "name a file in a directory that exists and may be written");
		}
	}
	log_open(fd, levels[o->verbosity], o->log_json, getenv("STASIS_DEBUG"));
	return 0;
}

int runlog_open(const struct options *o, void (*give_up)(void *ctx, const struct err *e), void *ctx,
		struct err *e)
{
	int r;

	if (!o->log_file)
		return open_now(o, e);
	r = watchdog_self(give_up, ctx, NULL, NULL, e);
	watchdog_step("open the log", steps_patience(o));
	if (!r)
		r = open_now(o, e);
	watchdog_self_end();
	return r;
}

void runlog_error(const struct err_list *problems, const struct err *e)
{
	char text[sizeof(*e) + 64];

	if (log_fd() <= STDERR_FILENO)
		return;
	for (size_t i = 0; i < problems->n && problems->n > 1; i++) {
		err_format(&problems->v[i], text, sizeof(text));
		log_line(LOG_ERROR, "stasis", "%s", text);
	}
	err_format(e, text, sizeof(text));
	log_line(LOG_ERROR, "stasis", "%s", text);
}

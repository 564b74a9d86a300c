/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log of one operation: where its options want it, and with its error at
 * the end. For whoever runs operations: the command line, the service.
 */
#ifndef STASIS_RUNLOG_H
#define STASIS_RUNLOG_H

struct err;
struct err_list;
struct options;

/*
 * Open it. A log file often lies beside the images, whose filesystem may hang
 * like any other: then @give_up gets the error and the process ends.
 */
int runlog_open(const struct options *o, void (*give_up)(void *ctx, const struct err *e), void *ctx,
		struct err *e);

/* When the log is a file: the error goes there, too, after the single problems if there are several. */
void runlog_error(const struct err_list *problems, const struct err *e);

#endif

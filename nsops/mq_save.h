/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the messages of a POSIX queue. There is no way to look at them but to
 * take them, so all are taken and put back at once. They lie in a record of the
 * journal meanwhile: whoever survives puts back what is missing.
 */
#ifndef STASIS_MQ_SAVE_H
#define STASIS_MQ_SAVE_H

#include <mqueue.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct model;

/* The record's data; the messages' bytes follow @v. */
struct mq_saved {
	int32_t pid;	  /* whose IPC namespace */
	uint32_t putting; /* all were taken */
	uint64_t starttime;
	uint64_t bytes; /* in the queue at first */
	uint32_t n, taken;
	uint32_t msgsize, pad;
	char name[256];
	struct mq_saved_message {
		uint32_t len, prio;
	} v[];
};

/*
 * Runs in: a helper inside the namespace. @fd: O_RDWR and O_NONBLOCK; @bytes: as
 * the queue's file says. The result lives as long as the journal.
 */
int mq_save(struct model *m, pid_t holder, int fd, const char *name, const struct mq_attr *attr,
	    uint64_t bytes, const struct mq_saved **ret, struct err *e);
const char *mq_saved_data(const struct mq_saved *s);

#endif

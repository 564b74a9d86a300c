/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fields of criu_opts one by one; job.c makes an operation of them. */
#ifndef STASIS_RPC_FIELDS_H
#define STASIS_RPC_FIELDS_H

#include "rpc/rpc-internal.h"

struct setter;

struct field {
	const char *name;   /* in criu_opts */
	const char *option; /* that it sets; "" when there is none */
	/* @value: where the field's value is. NULL: read by job_init(). */
	int (*set)(struct setter *s, const void *value);
	/* Though the option is not built: what is asked for is the case anyway. May be NULL. */
	bool (*moot)(const CriuOpts *o);
};

struct setter {
	struct job *j;
	const struct client *client;
	const CriuOpts *opts;
	enum cmd cmd;
	const struct field *field; /* at work */
	bool log_to_stderr;
	struct err *e;
};

/* One option from text, for the field at work. */
int field_set(struct setter *s, const char *option, bool negated, const char *value);
/* One field, if it is there, whatever its line says of others that read it. */
int field_apply(struct setter *s, const char *name);
/* All fields that are there. */
int fields_set(struct setter *s);
/* The option that a field sets, "" where it sets none; NULL: no such field. */
const char *field_option(const char *name);

#endif

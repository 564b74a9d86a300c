/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line's own: one function per command, help, and what is printed
 * for people and for machines. Commands return 0 or -errno with a filled error,
 * and all single problems in @problems where they found several; status is
 * the exit status of a run that went well, or of a veto.
 */
#ifndef STASIS_CLI_H
#define STASIS_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "model/options.h"

struct invocation {
	struct options *o;
	char **rest; /* after the command, NULL-ended */
	int status;  /* to exit with */
	struct err_list problems;
};

int cmd_dump(struct invocation *in, struct err *e);
int cmd_restore(struct invocation *in, struct err *e);
int cmd_check(struct invocation *in, struct err *e);
int cmd_recover(struct invocation *in, struct err *e);
int cmd_swrk(struct invocation *in, struct err *e);
int cmd_service(struct invocation *in, struct err *e);
int cmd_unlock(struct invocation *in, struct err *e);
/* Commands without operands: an error that names the first one given. */
int cmd_no_operands(const char *cmd, char **rest, struct err *e);

/* For the person or program that called us, on stderr. */
void print_error(const struct invocation *in, const struct err *e);

/* As options.give_up, with the invocation. Not into the log: its file may lie where we are held up. */
void print_hang(void *ctx, const struct err *e);

void help_print(FILE *f);
/* The manual's option section, from the same table. */
void help_print_man(FILE *f);
/* The manual's list of kinds, as check --kinds has it. */
void help_print_man_kinds(FILE *f);

/* A JSON string with its quotes; bytes that are no text are replaced. */
void json_print_string(FILE *f, const char *s);
/* "op":..., "object":..., "why":... of an error, without braces. */
void json_print_err(FILE *f, const struct err *e);
/* [{...}, ...] */
void json_print_err_list(FILE *f, const struct err_list *l);
/* [{"pid":..., "kind":..., "object":..., "reason":..., "hint":..., "option":...}, ...] */
void json_print_blockers(FILE *f, const struct err_list *l);
/* The same as an aligned table. */
void print_blockers(FILE *f, const struct err_list *l);
/* Numbered, one below the other. */
void print_err_list(FILE *f, const struct err_list *l);
const char *err_class_name(enum err_class class);

/* A line on stderr that is overwritten while long work goes on; nothing when stderr is no terminal. */
void progress_install(struct options *o);
void progress_end(const struct options *o);

#endif

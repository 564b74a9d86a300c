/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line's own: one function per command, help, and what is printed
 * for people and for machines. Commands return 0 or -errno with a filled error;
 * *ret_status is the exit status of a run that went well.
 */
#ifndef STASIS_CLI_H
#define STASIS_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "model/options.h"

#define STASIS_VERSION "0.1.0"
/* The level of the interfaces that other tools compare with. */
#define COMPAT_VERSION "4.2"

int cmd_dump(struct options *o, char **rest, int *ret_status, struct err *e);
int cmd_restore(struct options *o, char **rest, int *ret_status, struct err *e);
int cmd_check(struct options *o, char **rest, int *ret_status, struct err *e);
int cmd_recover(struct options *o, char **rest, int *ret_status, struct err *e);
/* Commands without operands: an error that names the first one given. */
int cmd_no_operands(const char *cmd, char **rest, struct err *e);

void help_print(FILE *f);
/* The manual's option section, from the same table. */
void help_print_man(FILE *f);

/* A JSON string with its quotes; bytes that are no text are replaced. */
void json_print_string(FILE *f, const char *s);
/* "op":..., "object":..., "why":... of an error, without braces. */
void json_print_err(FILE *f, const struct err *e);
const char *err_class_name(enum err_class class);

/* A line on stderr that is overwritten while long work goes on; nothing when stderr is no terminal. */
void progress_install(struct options *o);
void progress_end(const struct options *o);

/* The statistics file that the run left in the work directory ("stats-dump", "stats-restore"). */
int stats_print(const struct options *o, const char *name, FILE *f, struct err *e);

#endif

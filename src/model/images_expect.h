/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For unit tests of what reads images: write a small checkpoint, whole or with
 * one fault, and see it read, or refused with its reason. After cmocka.h.
 */
#ifndef STASIS_IMAGES_EXPECT_H
#define STASIS_IMAGES_EXPECT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "model/model.h"

struct images_case {
	pid_t pid; /* of the one task that the model has */
	void (*write)(void *subject, const char *dir);
	int (*read)(struct model *m, struct err *e);
	void (*right)(void *subject, struct model *m); /* what was read; may be NULL */
};

/* @want: NULL: it is right, else what the refusal says. */
static inline void images_expect(const struct images_case *c, void *subject, const char *want)
{
	char path[] = "/tmp/stasis-test-XXXXXX", cmd[64];
	struct model *m = model_new(NULL);
	struct err e = { 0 };
	bool foreign;
	int r;

	assert_non_null(mkdtemp(path));
	c->write(subject, path);
	model_task_new(m, NULL)->pid = c->pid;
	assert_int_equal(image_dir_open(&m->dir, path, m->pool, &foreign, &e), 0);
	r = c->read(m, &e);
	if (want && (!r || !strstr(e.why, want)))
		fail_msg("want \"%s\", got %d: %s", want, r, e.why);
	if (!want && r)
		fail_msg("%s: %s", e.object, e.why);
	if (!want && c->right)
		c->right(subject, m);
	image_dir_free(m->dir);
	model_free(m);
	snprintf(cmd, sizeof(cmd), "rm -r %s", path);
	assert_int_equal(system(cmd), 0);
}

/* With a test's own subject_init() and expect(): its subject s, right but for @change. */
#define BAD(change, want)                                                                          \
	do {                                                                                       \
		subject_init(&s);                                                                  \
		change;                                                                            \
		expect(&s, want);                                                                  \
	} while (0)

#endif

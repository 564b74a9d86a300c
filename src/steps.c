/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running step tables. */
#define LOG_MODULE "steps"
#include "steps.h"

#include <stdint.h>

#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/watchdog.h"
#include "model/options.h"

/* Steps that wait for the tasks have the same deadline themselves: theirs says more. */
#define PATIENCE_MORE 2

unsigned steps_patience(const struct options *o)
{
	return o->timeout + PATIENCE_MORE;
}

struct hooks steps_hooks(const struct options *o)
{
	return (struct hooks){
		.scripts = o->action_scripts,
		.n_scripts = o->n_action_scripts,
		.images_fd = -1,
		.notify = o->notify,
		.notify_ctx = o->notify_ctx,
	};
}

int steps_run(const struct step *steps, size_t n, void *ctx, unsigned patience, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t t0 = now_us();
		int r = cancel_check(e);

		watchdog_step(steps[i].name, patience);
		if (!r)
			r = steps[i].run(ctx, e);
		log_info("step %zu/%zu %s: %s, %llu us", i + 1, n, steps[i].name,
			 r ? "failed" : "done", (unsigned long long)(now_us() - t0));
		if (!r)
			continue;
		err_in(e, "step \"%s\"", steps[i].name);
		for (size_t k = i + 1; k-- > 0;)
			if (steps[k].undo)
				steps[k].undo(ctx);
		return r;
	}
	return 0;
}

// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The thread that gives up for a process which a filesystem holds up for ever
 * (watchdog_self()). Only the process's end gets a thread out of such a call.
 *
 * Runs in: a thread of the started process, on restore.
 */
#define LOG_MODULE "watchdog"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hang.h"
#include "base/io.h"
#include "base/watchdog-internal.h"

/* In a small pid namespace its number could be one that the tree needs. */
#define TRIES 64

struct watcher {
	pthread_t thread;
	pid_t tid;
	bool started, stop;
	pthread_mutex_t lock;
	pthread_cond_t cond; /* tid is known; or stop */
};

static struct {
	struct watcher *now;
	struct life life;
	void (*give_up)(void *ctx, const struct err *e);
	void *ctx;
} self;

static void *watch(void *arg)
{
	struct watcher *w = arg;
	unsigned beats = 0;
	uint64_t since = now_us();
	struct err e = { 0 };

	pthread_mutex_lock(&w->lock);
	w->tid = gettid();
	pthread_cond_broadcast(&w->cond);
	while (!w->stop) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += LIFE_LOOK_NS;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&w->cond, &w->lock, &until);
		if (w->stop || !life_hangs(&self.life, &beats, &since))
			continue;
		hang_describe(getpid(), self.life.what, (now_us() - since) / 1000000, &e);
		self.give_up(self.ctx, &e);
		_exit(e.class);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void watcher_end(struct watcher *w)
{
	if (w->started) {
		pthread_mutex_lock(&w->lock);
		w->stop = true;
		pthread_cond_broadcast(&w->cond);
		pthread_mutex_unlock(&w->lock);
		pthread_join(w->thread, NULL);
	}
	free(w);
}

static int watcher_new(struct watcher **ret, struct err *e)
{
	struct watcher *w = calloc(1, sizeof(*w));
	sigset_t all, old;
	int r;

	if (!w)
		return err_sys(e, "allocate", "a thread that watches");
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->cond, NULL);
	/* Signals are for the thread that asks cancelled(). */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	r = pthread_create(&w->thread, NULL, watch, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		free(w);
		errno = r;
		return err_sys(e, "fork", "a thread that watches");
	}
	w->started = true;
	pthread_mutex_lock(&w->lock);
	while (!w->tid)
		pthread_cond_wait(&w->cond, &w->lock);
	pthread_mutex_unlock(&w->lock);
	*ret = w;
	return 0;
}

int watchdog_self(void (*give_up)(void *ctx, const struct err *e), void *give_up_ctx,
		  bool (*taken)(const void *ctx, pid_t pid), const void *ctx, struct err *e)
{
	struct watcher *passed[TRIES], *w = self.now;
	int n = 0, r = 0;

	self.give_up = give_up;
	self.ctx = give_up_ctx;
	life_is(&self.life);
	while (!r && (!w || (taken && taken(ctx, w->tid) && n < TRIES))) {
		if (w)
			passed[n++] = w;
		w = NULL;
		r = watcher_new(&w, e);
	}
	while (n > 0)
		watcher_end(passed[--n]);
	self.now = w;
	return r;
}

void watchdog_self_end(void)
{
	if (self.now)
		watcher_end(self.now);
	self.now = NULL;
	life_is(NULL);
}

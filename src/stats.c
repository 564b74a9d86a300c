/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The statistics image lies in the work directory, not among the images, and
 * is no part of the checkpoint: two magics, a size, one message.
 */
#include "stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "model/options.h"

#define IMG_SERVICE_MAGIC 0x55105940
#define STATS_MAGIC 0x57093306

static StatsEntry *entry(struct model *m)
{
	if (!m->stats)
		m->stats = pool_msg(m->pool, StatsEntry, stats_entry__init);
	return m->stats;
}

void stats_dump(struct model *m, const struct dump_times *t)
{
	StatsEntry *s = entry(m);

	if (!s->dump)
		s->dump = pool_msg(m->pool, DumpStatsEntry, dump_stats_entry__init);
	s->dump->freezing_time = t->freezing;
	s->dump->frozen_time = t->frozen;
	s->dump->memdump_time = t->memdump;
	s->dump->memwrite_time = t->memwrite;
	s->dump->pages_scanned = m->pages_scanned;
	s->dump->pages_written = m->pages_written;
	s->dump->has_shpages_written = 1;
	s->dump->shpages_written = m->shpages_written;
}

void stats_restore(struct model *m, uint64_t forking_us, uint64_t total_us)
{
	StatsEntry *s = entry(m);

	if (!s->restore)
		s->restore = pool_msg(m->pool, RestoreStatsEntry, restore_stats_entry__init);
	s->restore->forking_time = forking_us;
	s->restore->restore_time = total_us;
	s->restore->has_pages_restored = 1;
	s->restore->pages_restored = m->pages_restored;
}

static void print(const StatsEntry *s)
{
	if (s->dump)
		printf("freezing %u us, frozen %u us, memory %u us, pages written %llu\n",
		       s->dump->freezing_time, s->dump->frozen_time, s->dump->memdump_time,
		       (unsigned long long)s->dump->pages_written);
	if (s->restore)
		printf("forking %u us, restore %u us, pages restored %llu\n",
		       s->restore->forking_time, s->restore->restore_time,
		       (unsigned long long)s->restore->pages_restored);
}

int stats_write(struct model *m, const char *what, struct err *e)
{
	const char *dir = m->opt->work_dir ? m->opt->work_dir : m->opt->images_dir;
	_cleanup_close_ int fd = -EBADF;
	StatsEntry *s = entry(m);
	uint32_t head[3] = { IMG_SERVICE_MAGIC, STATS_MAGIC, stats_entry__get_packed_size(s) };
	uint8_t *buf = pool_alloc(m->pool, sizeof(head) + head[2]);
	char path[4352];
	int r;

	if (m->opt->display_stats)
		print(s);
	memcpy(buf, head, sizeof(head));
	stats_entry__pack(s, buf + sizeof(head));
	snprintf(path, sizeof(path), "%s/stats-%s", dir, what);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, "open", "%s", path);
	r = write_all(fd, buf, sizeof(head) + head[2]);
	return r ? err_set(e, ERR_SYSTEM, -r, "write", path, "%s", strerror(-r)) : 0;
}

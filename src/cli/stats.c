// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * --display-stats: print the statistics file of the run. The file has a fixed
 * head (two magics, the size) and one stats_entry.
 */
#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "cli/cli.h"
#include "image/schemas.h"

#define STATS_HEAD 12

static void print_us(FILE *f, const char *what, uint64_t us)
{
	fprintf(f, "%s: %" PRIu64 " us\n", what, us);
}

static void print_entry(FILE *f, const StatsEntry *s)
{
	if (s->dump) {
		fputs("Displaying dump stats:\n", f);
		print_us(f, "Freezing time", s->dump->freezing_time);
		print_us(f, "Frozen time", s->dump->frozen_time);
		print_us(f, "Memory dump time", s->dump->memdump_time);
		print_us(f, "Memory write time", s->dump->memwrite_time);
		fprintf(f, "Memory pages scanned: %" PRIu64 "\n", s->dump->pages_scanned);
		fprintf(f, "Memory pages written: %" PRIu64 "\n", s->dump->pages_written);
	}
	if (s->restore) {
		fputs("Displaying restore stats:\n", f);
		print_us(f, "Restore time", s->restore->restore_time);
		print_us(f, "Forking time", s->restore->forking_time);
		fprintf(f, "Pages restored: %" PRIu64 "\n", s->restore->pages_restored);
	}
}

int stats_print(const struct options *o, const char *name, FILE *f, struct err *e)
{
	const char *dir = o->work_dir ? o->work_dir : o->images_dir;
	unsigned char buf[4096];
	StatsEntry *s;
	uint32_t size;
	char path[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	n = read_text_at(AT_FDCWD, path, (char *)buf, sizeof(buf));
	if (n < 0) {
		errno = -n;
		return err_sys(e, "open", "%s", path);
	}
	memcpy(&size, buf + STATS_HEAD - sizeof(size), sizeof(size));
	size = le32toh(size);
	if (n < STATS_HEAD || size > (size_t)n - STATS_HEAD)
		return err_set(e, ERR_IMAGE, EINVAL, "read", path, "it is truncated");
	s = stats_entry__unpack(NULL, size, buf + STATS_HEAD);
	if (!s)
		return err_set(e, ERR_IMAGE, EINVAL, "read", path, "it holds no statistics");
	print_entry(f, s);
	stats_entry__free_unpacked(s, NULL);
	return 0;
}

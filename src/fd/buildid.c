// SPDX-License-Identifier: GPL-2.0-or-later
/* The build id of an ELF file: the GNU note that linkers put into a PT_NOTE segment (man 5 elf). */
#include <elf.h>

#include "fd/file_kind.h"

#define NOTES_MAX 4096

static size_t find_note(const unsigned char *p, size_t n, uint32_t *buf, size_t max)
{
	while (n >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr h;
		size_t name, desc;

		memcpy(&h, p, sizeof(h));
		if (h.n_namesz > n || h.n_descsz > n)
			return 0;
		name = (h.n_namesz + 3u) & ~3u;
		desc = (h.n_descsz + 3u) & ~3u;
		p += sizeof(h);
		n -= sizeof(h);
		if (name > n || desc > n - name)
			return 0;
		if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 && !memcmp(p, "GNU", 4)) {
			size_t words = desc / 4;

			if (!words || words > max)
				return 0;
			memset(buf, 0, desc);
			memcpy(buf, p + name, h.n_descsz);
			return words;
		}
		p += name + desc;
		n -= name + desc;
	}
	return 0;
}

/* Words of the id in the file behind @fd; 0 when it has none or is no ELF file. Reads by pread only. */
size_t build_id_read(int fd, uint32_t *buf, size_t max)
{
	unsigned char notes[NOTES_MAX];
	struct {
		Elf64_Ehdr h;
		Elf64_Phdr p[32];
	} f;
	ssize_t n = pread(fd, &f, sizeof(f), 0);
	size_t words = 0;

	if (n < (ssize_t)sizeof(f.h) || memcmp(f.h.e_ident, ELFMAG, SELFMAG) ||
	    f.h.e_ident[EI_CLASS] != ELFCLASS64 || f.h.e_phentsize != sizeof(Elf64_Phdr) ||
	    f.h.e_phoff != sizeof(f.h))
		return 0;
	for (size_t i = 0; i < f.h.e_phnum && i < ARRAY_SIZE(f.p) && !words; i++) {
		size_t len = f.p[i].p_filesz;
		ssize_t got;

		if (sizeof(f.h) + (i + 1) * sizeof(f.p[0]) > (size_t)n)
			break;
		if (f.p[i].p_type != PT_NOTE)
			continue;
		if (len > sizeof(notes))
			len = sizeof(notes);
		got = pread(fd, notes, len, (off_t)f.p[i].p_offset);
		if (got > 0)
			words = find_note(notes, (size_t)got, buf, max);
	}
	return words;
}

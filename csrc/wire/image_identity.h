/* SPDX-License-Identifier: MIT */
/* By what a mapped file is known again on another host. */
#ifndef PVM3PY_WIRE_IMAGE_IDENTITY_H
#define PVM3PY_WIRE_IMAGE_IDENTITY_H

#include <elf.h>

#include "crc32c.h"
#include "image.h"
#include "raw.h"

enum {
	IDENTITY_PART = 4096,    /* bytes read at once */
	IDENTITY_HEAD = 4 << 20, /* bytes that are compared of files without a build-id */
};

/* Find a build-id among the notes of `n` bytes; false: there is none. */
static inline int identity_note(const char *notes, size_t n, struct image_identity *identity)
{
	while (n > sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		size_t name, length;

		__builtin_memcpy(&note, notes, sizeof note);
		name = ((size_t)note.n_namesz + 3) & ~(size_t)3;
		length = sizeof note + name + (((size_t)note.n_descsz + 3) & ~(size_t)3);
		if (length > n)
			return 0;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
			note.n_descsz <= sizeof identity->bytes) {
			identity->kind = IMAGE_BUILD_ID;
			identity->length = note.n_descsz;
			__builtin_memcpy(identity->bytes, notes + sizeof note + name,
				note.n_descsz);
			return 1;
		}
		notes += length;
		n -= length;
	}
	return 0;
}

/* The build-id of an ELF file whose first n bytes are in `part`; false: it has none. */
static inline int identity_build_id(int fd, char part[IDENTITY_PART], size_t n,
	struct image_identity *identity)
{
	Elf64_Ehdr head;
	Elf64_Phdr table[16];
	unsigned count;

	if (n < sizeof head)
		return 0;
	__builtin_memcpy(&head, part, sizeof head);
	if (__builtin_memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
		head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof *table)
		return 0;
	count = head.e_phnum < 16 ? head.e_phnum : 16;
	if (raw(SYS_pread64, fd, table, count * sizeof *table, head.e_phoff) !=
		(long)(count * sizeof *table))
		return 0;
	for (unsigned i = 0; i < count; i++) {
		size_t length = table[i].p_filesz < IDENTITY_PART ? table[i].p_filesz :
								    IDENTITY_PART;

		if (table[i].p_type == PT_NOTE &&
			raw(SYS_pread64, fd, part, length, table[i].p_offset) == (long)length &&
			identity_note(part, length, identity))
			return 1;
	}
	return 0;
}

/*
 * What an open file is known by.
 *
 * part  room of IDENTITY_PART bytes
 */
static inline void image_identify(int fd, char *part, struct image_identity *identity)
{
	uint32_t crc = 0;
	uint64_t at = 0;
	long n = raw(SYS_pread64, fd, part, IDENTITY_PART, 0);

	__builtin_memset(identity, 0, sizeof *identity);
	if (n > 0 && identity_build_id(fd, part, (size_t)n, identity))
		return;
	while (at < IDENTITY_HEAD && (n = raw(SYS_pread64, fd, part, IDENTITY_PART, at)) > 0) {
		crc = crc32c(crc, part, (size_t)n);
		at += (uint64_t)n;
	}
	identity->kind = IMAGE_HEAD;
	identity->length = sizeof crc;
	__builtin_memcpy(identity->bytes, &crc, sizeof crc);
}

#endif

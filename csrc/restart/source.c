/* SPDX-License-Identifier: MIT */
/* The image, read a record at a time. */
#include <errno.h>

#include <sys/stat.h>

#include "crc32c.h"
#include "restart.h"

static void read_all(struct restart *r, void *to, size_t n)
{
	char *at = to;

	while (n) {
		long got = raw(SYS_read, r->from->fd, at, n);

		if (got == -EINTR)
			continue;
		if (got < 0)
			refuse(r, "the image cannot be read: error %u, at byte %u", -got,
				r->from->bytes);
		if (!got)
			refuse(r, "the image ends too early, after %u bytes", r->from->bytes);
		at += got;
		n -= (size_t)got;
		r->from->bytes += (uint64_t)got;
	}
}

void take(struct restart *r, void *to, size_t n)
{
	read_all(r, to, n);
	r->from->crc = crc32c(r->from->crc, to, n);
}

void skip(struct restart *r, uint64_t n)
{
	while (n) {
		size_t part = n < BUFFER ? (size_t)n : BUFFER;

		take(r, r->buffer, part);
		n -= part;
	}
}

void take_header(struct restart *r)
{
	struct image_header *head = &r->from->head;
	uint32_t crc;

	read_all(r, head, sizeof *head);
	if (memcmp(head->magic, IMAGE_MAGIC, sizeof head->magic) != 0)
		refuse(r, "this is no image of a process");
	if (head->version != IMAGE_VERSION || head->length != sizeof *head)
		refuse(r, "the image is of version %u, not %u", (uint64_t)head->version,
			(uint64_t)IMAGE_VERSION);
	crc = head->crc;
	head->crc = 0;
	if (crc32c(0, head, sizeof *head) != crc)
		refuse(r, "the header of the image is damaged");
	if (head->arch != IMAGE_ARCH_X86_64)
		refuse(r, "the image is of another architecture: %u", (uint64_t)head->arch);
	if (head->page != IMAGE_PAGE)
		refuse(r, "the image has pages of %u bytes", (uint64_t)head->page);
}

void begin_record(struct restart *r)
{
	struct image_record head;

	read_all(r, &r->from->record, sizeof r->from->record);
	head = r->from->record;
	head.crc = 0;
	r->from->crc = crc32c(0, &head, sizeof head);
	r->from->records++;
	if (head.flags & ~(uint32_t)IMAGE_MUST || head.reserved)
		refuse(r, "record %u is damaged: its flags are unknown", r->from->records);
}

void end_record(struct restart *r)
{
	if (r->from->crc != r->from->record.crc)
		refuse(r, "record %u, of type %u, is damaged", r->from->records,
			(uint64_t)r->from->record.type);
}

void look_at(struct restart *r, struct source *source)
{
	struct stat st;
	long rc = raw(SYS_fstat, source->fd, &st);

	if (rc)
		refuse(r, "descriptor %u is no image: error %u", (uint64_t)source->fd, -rc);
	source->regular = S_ISREG(st.st_mode);
}

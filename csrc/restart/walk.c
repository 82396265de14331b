/* SPDX-License-Identifier: MIT */
/* The content of memory and of files, record by record. */
#include "restart.h"

static void walk_run(struct restart *r, const struct sink *sink)
{
	uint64_t length = r->record.length - sizeof(struct image_run);
	struct image_run run;
	struct image_vma *area;

	if (r->record.length < sizeof run || length > IMAGE_RUN_MAX || length % IMAGE_PAGE)
		refuse(r, "record %u has a wrong length: %u", r->records, r->record.length);
	take(r, &run, sizeof run);
	area = area_of(r, run.address);
	if (run.address % IMAGE_PAGE || !area || area->flags & IMAGE_SHARED ||
		length > area->end - run.address)
		refuse(r, "record %u is about memory at 0x%x, which the process has not",
			r->records, run.address);
	sink->run(r, area, run.address, length);
	end_record(r);
}

static const struct image_fd *unlinked(const struct restart *r, int fd)
{
	for (unsigned i = 0; i < r->n_fds; i++)
		if (r->fds[i]->fd == fd && r->fds[i]->kind == IMAGE_FD_UNLINKED)
			return r->fds[i];
	return NULL;
}

static void walk_data(struct restart *r, const struct sink *sink)
{
	uint64_t length = r->record.length - sizeof(struct image_data);
	struct image_data data;

	if (r->record.length < sizeof data || length > BUFFER)
		refuse(r, "record %u has a wrong length: %u", r->records, r->record.length);
	take(r, &data, sizeof data);
	if (!unlinked(r, data.fd) || data.offset > IMAGE_UNLINKED_MAX)
		refuse(r, "record %u is the content of a file that is not open", r->records);
	sink->data(r, &data, length);
	end_record(r);
}

static void walk_wiped(struct restart *r, const struct sink *sink)
{
	enum { KNOWN = IMAGE_WIPED_IN_CHILD | IMAGE_DROPPABLE };
	struct image_wiped wiped;
	const struct image_vma *area;

	if (r->record.length != sizeof wiped)
		refuse(r, "record %u has a wrong length: %u", r->records, r->record.length);
	take(r, &wiped, sizeof wiped);
	area = area_of(r, wiped.start);
	if ((wiped.start | wiped.end) % IMAGE_PAGE || wiped.start >= wiped.end || !area ||
		area->file || wiped.end > area->end || !(wiped.flags & IMAGE_WIPED_IN_CHILD) ||
		wiped.flags & ~(uint32_t)KNOWN)
		refuse(r, "record %u is about memory at 0x%x, which children get", r->records,
			wiped.start);
	sink->wiped(r, area, &wiped);
	end_record(r);
}

static void walk_end(struct restart *r)
{
	struct image_end end;
	uint64_t before = r->bytes - sizeof r->record;

	if (r->record.length != sizeof end)
		refuse(r, "record %u has a wrong length: %u", r->records, r->record.length);
	take(r, &end, sizeof end);
	end_record(r);
	if (end.records != r->records || end.bytes != before)
		refuse(r, "%u records of %u bytes came, but %u of %u were written", r->records,
			before, end.records, end.bytes);
	if (r->regular && raw(SYS_read, r->image, r->buffer, 1) != 0)
		refuse(r, "more bytes follow the end of the image");
}

static void walk_other(struct restart *r)
{
	if (r->record.flags & IMAGE_MUST)
		refuse(r, "record %u, of type %u, is out of order or unknown", r->records,
			(uint64_t)r->record.type);
	skip(r, r->record.length);
	end_record(r);
}

void walk(struct restart *r, const struct sink *sink)
{
	for (;; begin_record(r)) {
		switch (r->record.type) {
		case IMAGE_RUN: walk_run(r, sink); break;
		case IMAGE_DATA: walk_data(r, sink); break;
		case IMAGE_WIPED: walk_wiped(r, sink); break;
		case IMAGE_END: walk_end(r); return;
		default: walk_other(r);
		}
	}
}

/* ---- only checking ------------------------------------------------------------------ */

static void skip_run(struct restart *r, struct image_vma *area, uint64_t address, uint64_t n)
{
	(void)area;
	(void)address;
	skip(r, n);
}

static void skip_data(struct restart *r, const struct image_data *data, uint64_t n)
{
	(void)data;
	skip(r, n);
}

static void skip_wiped(struct restart *r, const struct image_vma *area,
	const struct image_wiped *wiped)
{
	(void)r;
	(void)area;
	(void)wiped;
}

/* A file is put back to where it was. */
void check_rest(struct restart *r)
{
	static const struct sink nothing = { skip_run, skip_data, skip_wiped };
	const struct image_record record = r->record;
	uint64_t bytes = r->bytes, records = r->records;
	uint32_t crc = r->crc;

	walk(r, &nothing);
	if (r->regular && raw(SYS_lseek, r->image, -(long)(r->bytes - bytes), 1) < 0)
		refuse(r, "the image cannot be read twice");
	r->record = record;
	r->bytes = bytes;
	r->records = records;
	r->crc = crc;
}

/* SPDX-License-Identifier: MIT */
/* The content of memory and of files, record by record. */
#include "restart.h"

static void walk_run(struct restart *r, const struct sink *sink)
{
	uint64_t length = r->from->record.length - sizeof(struct image_run);
	struct image_run run;
	struct image_vma *area;

	if (r->from->record.length < sizeof run || length > IMAGE_RUN_MAX || length % IMAGE_PAGE)
		refuse(r, "record %u has a wrong length: %u", r->from->records,
			r->from->record.length);
	take(r, &run, sizeof run);
	area = area_of(r, run.address);
	if (run.address % IMAGE_PAGE || !area || area->flags & IMAGE_SHARED ||
		length > area->end - run.address)
		refuse(r, "record %u is about memory at 0x%x, which the process has not",
			r->from->records, run.address);
	sink->run(r, area, run.address, length);
	end_record(r);
}

/* Ranges of memory, by address, that are as in the base. */
static void walk_kept(struct restart *r, const struct sink *sink)
{
	uint64_t length = r->from->record.length;
	struct image_kept kept;

	if (!r->from->base.epoch || !length || length % sizeof kept)
		refuse(r, "record %u has a wrong length: %u", r->from->records, length);
	for (; length; length -= sizeof kept) {
		take(r, &kept, sizeof kept);
		if ((kept.start | kept.end) % IMAGE_PAGE || kept.start >= kept.end ||
			kept.end > USER_END || kept.start < r->from->kept)
			refuse(r, "record %u keeps memory at 0x%x, which is out of order",
				r->from->records, kept.start);
		sink->kept(r, kept.start, kept.end);
		r->from->kept = kept.end;
	}
	end_record(r);
}

/* No more is kept of the base. */
static void end_kept(struct restart *r, const struct sink *sink)
{
	if (r->from->base.epoch && r->from->kept < USER_END)
		sink->kept(r, USER_END, USER_END);
	r->from->kept = USER_END;
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
	uint64_t length = r->from->record.length - sizeof(struct image_data);
	struct image_data data;

	/* Of a base only the memory matters. */
	if (r->from != &r->image) {
		skip(r, r->from->record.length);
		end_record(r);
		return;
	}
	if (r->from->record.length < sizeof data || length > BUFFER)
		refuse(r, "record %u has a wrong length: %u", r->from->records,
			r->from->record.length);
	take(r, &data, sizeof data);
	if (!unlinked(r, data.fd) || data.offset > IMAGE_UNLINKED_MAX)
		refuse(r, "record %u is the content of a file that is not open", r->from->records);
	sink->data(r, &data, length);
	end_record(r);
}

static void walk_wiped(struct restart *r, const struct sink *sink)
{
	enum { KNOWN = IMAGE_WIPED_IN_CHILD | IMAGE_DROPPABLE };
	struct image_wiped wiped;
	const struct image_vma *area;

	/* That of a base may be other memory by now. */
	if (r->from != &r->image) {
		skip(r, r->from->record.length);
		end_record(r);
		return;
	}
	if (r->from->record.length != sizeof wiped)
		refuse(r, "record %u has a wrong length: %u", r->from->records,
			r->from->record.length);
	take(r, &wiped, sizeof wiped);
	area = area_of(r, wiped.start);
	if ((wiped.start | wiped.end) % IMAGE_PAGE || wiped.start >= wiped.end || !area ||
		area->file || wiped.end > area->end || !(wiped.flags & IMAGE_WIPED_IN_CHILD) ||
		wiped.flags & ~(uint32_t)KNOWN)
		refuse(r, "record %u is about memory at 0x%x, which children get", r->from->records,
			wiped.start);
	sink->wiped(r, area, &wiped);
	end_record(r);
}

static void walk_end(struct restart *r)
{
	struct image_end end;
	uint64_t before = r->from->bytes - sizeof r->from->record;

	if (r->from->record.length != sizeof end)
		refuse(r, "record %u has a wrong length: %u", r->from->records,
			r->from->record.length);
	take(r, &end, sizeof end);
	end_record(r);
	if (end.records != r->from->records || end.bytes != before)
		refuse(r, "%u records of %u bytes came, but %u of %u were written",
			r->from->records, before, end.records, end.bytes);
	if (r->from->regular && raw(SYS_read, r->from->fd, r->buffer, 1) != 0)
		refuse(r, "more bytes follow the end of the image");
}

static void walk_other(struct restart *r)
{
	if (r->from->record.flags & IMAGE_MUST)
		refuse(r, "record %u, of type %u, is out of order or unknown", r->from->records,
			(uint64_t)r->from->record.type);
	skip(r, r->from->record.length);
	end_record(r);
}

void walk(struct restart *r, const struct sink *sink)
{
	for (;; begin_record(r)) {
		switch (r->from->record.type) {
		case IMAGE_RUN:
			end_kept(r, sink);
			walk_run(r, sink);
			break;
		case IMAGE_DATA: walk_data(r, sink); break;
		case IMAGE_KEPT: walk_kept(r, sink); break;
		case IMAGE_WIPED: walk_wiped(r, sink); break;
		case IMAGE_END:
			end_kept(r, sink);
			walk_end(r);
			return;
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

static void skip_kept(struct restart *r, uint64_t start, uint64_t end)
{
	(void)r;
	(void)start;
	(void)end;
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
	static const struct sink nothing = { skip_run, skip_data, skip_kept, skip_wiped };
	const struct source before = *r->from;
	uint64_t read;

	walk(r, &nothing);
	read = r->from->bytes - before.bytes;
	if (before.regular && raw(SYS_lseek, before.fd, -(long)read, 1) < 0)
		refuse(r, "the image cannot be read twice");
	*r->from = before;
}

/* SPDX-License-Identifier: MIT */
/* Records that are kept: everything but the content of memory and files. */
#include "restart.h"

/* Kinds of records that are kept. */
struct rule {
	uint32_t type;
	bool many;                  /* there may be several */
	bool text;                  /* a path with its NUL follows `least` bytes */
	uint64_t least, most, unit; /* length: bounds, and what it is a multiple of */
	void (*keep)(struct restart *r, void *content, uint64_t length);
};

/* ---- keeping ----------------------------------------------------------------------- */

static void keep_process(struct restart *r, void *content, uint64_t length)
{
	(void)length;
	r->process = content;
}

static void keep_auxv(struct restart *r, void *content, uint64_t length)
{
	r->auxv = content;
	r->auxv_length = length;
}

static void keep_limits(struct restart *r, void *content, uint64_t length)
{
	(void)length;
	r->limits = content;
}

static void keep_actions(struct restart *r, void *content, uint64_t length)
{
	(void)length;
	r->actions = content;
}

static void keep_timers(struct restart *r, void *content, uint64_t length)
{
	(void)length;
	r->timers = content;
}

static void keep_waiting(struct restart *r, void *content, uint64_t length)
{
	r->waiting = content;
	r->n_waiting = length / SIGNAL_INFO;
}

static void keep_cwd(struct restart *r, void *content, uint64_t length)
{
	(void)length;
	r->cwd = content;
}

static void keep_areas(struct restart *r, void *content, uint64_t length)
{
	r->from->areas = content;
	r->from->n_areas = length / sizeof *r->from->areas;
}

static void keep_file(struct restart *r, void *content, uint64_t length)
{
	(void)length;
	if (r->from->n_files == FILES_MAX)
		refuse(r, "the image maps more than %u files", (uint64_t)FILES_MAX);
	r->files[r->from->n_files++] = content;
}

static void keep_fd(struct restart *r, void *content, uint64_t length)
{
	(void)length;
	if (r->n_fds == FILES_MAX)
		refuse(r, "the image has more than %u descriptors", (uint64_t)FILES_MAX);
	r->fds[r->n_fds++] = content;
}

static void keep_base(struct restart *r, void *content, uint64_t length)
{
	(void)length;
	r->from->base = *(const struct image_base *)content;
	if (r->from->base.epoch <= 0 || r->from->base.reserved)
		refuse(r, "record %u names no image on which this one could build",
			r->from->records);
}

#define ONE(type) sizeof(type), sizeof(type), 1
#define SOME(type, n) 0, sizeof(type) * (n), sizeof(type)
#define EXACTLY(type, n) sizeof(type) * (n), sizeof(type) * (n), 1
#define WITH_PATH(type) sizeof(type), sizeof(type) + IMAGE_PATH_MAX, 1

enum { AUXV_MAX = 4096, WAITING_MAX = 4096, AREAS_MAX = 1 << 18 };

static const struct rule rules[] = {
	{ IMAGE_PROCESS, false, false, ONE(struct image_process), keep_process },
	{ IMAGE_AUXV, false, false, 0, AUXV_MAX, 16, keep_auxv },
	{ IMAGE_LIMIT, false, false, EXACTLY(struct image_limit, IMAGE_LIMITS), keep_limits },
	{ IMAGE_SIGACTION, false, false, EXACTLY(struct image_action, IMAGE_SIGNALS),
		keep_actions },
	{ IMAGE_TIMER, false, false, EXACTLY(struct image_timer, IMAGE_TIMERS), keep_timers },
	{ IMAGE_PENDING, false, false, SOME(char[SIGNAL_INFO], WAITING_MAX), keep_waiting },
	{ IMAGE_CWD, false, true, 0, IMAGE_PATH_MAX, 1, keep_cwd },
	{ IMAGE_FILE, true, true, WITH_PATH(struct image_file), keep_file },
	{ IMAGE_VMA, false, false, SOME(struct image_vma, AREAS_MAX), keep_areas },
	{ IMAGE_FD, true, true, WITH_PATH(struct image_fd), keep_fd },
	{ IMAGE_BASE, false, false, ONE(struct image_base), keep_base },
};

static const struct rule *rule_of(uint32_t type)
{
	for (unsigned i = 0; i < sizeof rules / sizeof *rules; i++)
		if (rules[i].type == type)
			return &rules[i];
	return NULL;
}

/* ---- reading ----------------------------------------------------------------------- */

static bool is_extra(uint32_t type)
{
	return type >= IMAGE_PVM && type <= IMAGE_EXTRA_LAST;
}

/* Room for n bytes; aligned unless they are to follow the ones before. */
static char *room(struct restart *r, uint64_t n, bool aligned)
{
	char *at = r->kept;

	if (aligned)
		at = (char *)(((uintptr_t)at + 15) & ~(uintptr_t)15);
	if (at > r->kept_end || n > (uint64_t)(r->kept_end - at))
		refuse(r, "the image describes more than the restarter has room for");
	r->kept = at + n;
	return at;
}

/* A path is there, and ends where the record does. */
static void check_text(const struct restart *r, const char *text, uint64_t length)
{
	if (!length || text[length - 1] || text_length(text) != length - 1)
		refuse(r, "record %u has no proper path", r->from->records);
}

static void collect_known(struct restart *r, const struct rule *rule)
{
	uint64_t length = r->from->record.length;
	char *content;

	if (r->from->record.type < r->from->last_type ||
		(r->from->record.type == r->from->last_type && !rule->many))
		refuse(r, "record %u, of type %u, is out of order", r->from->records,
			(uint64_t)r->from->record.type);
	if (length < rule->least || length > rule->most || length % rule->unit)
		refuse(r, "record %u, of type %u, has a wrong length: %u", r->from->records,
			(uint64_t)r->from->record.type, length);
	content = room(r, length, true);
	take(r, content, length);
	end_record(r);
	if (rule->text)
		check_text(r, content + rule->least, length - rule->least);
	rule->keep(r, content, length);
	r->from->last_type = r->from->record.type;
}

/* The caller's records are kept as they are, one behind the other. */
static void collect_extra(struct restart *r)
{
	uint64_t length = r->from->record.length;
	char *at;

	if (r->from->record.type <= r->from->last_type)
		refuse(r, "record %u, of type %u, is out of order", r->from->records,
			(uint64_t)r->from->record.type);
	at = room(r, sizeof r->from->record, !r->extra);
	memcpy(at, &r->from->record, sizeof r->from->record);
	if (!r->extra)
		r->extra = at;
	take(r, room(r, length, false), length);
	end_record(r);
	r->extra_length = (uint64_t)(r->kept - r->extra);
	r->from->last_type = r->from->record.type;
}

static void pass_over(struct restart *r)
{
	if (r->from->record.flags & IMAGE_MUST)
		refuse(r, "the image has a record of type %u, which this restarter does not know",
			(uint64_t)r->from->record.type);
	skip(r, r->from->record.length);
	end_record(r);
}

/* From here on the content is too large to be kept. */
static bool is_large(uint32_t type)
{
	return type == IMAGE_DATA || type == IMAGE_RUN || type == IMAGE_KEPT || type == IMAGE_END;
}

void collect(struct restart *r)
{
	for (;;) {
		const struct rule *rule;

		begin_record(r);
		if (is_large(r->from->record.type))
			return;
		rule = rule_of(r->from->record.type);
		if (rule)
			collect_known(r, rule);
		else if (is_extra(r->from->record.type))
			collect_extra(r);
		else
			pass_over(r);
	}
}

void collect_memory(struct restart *r)
{
	for (;;) {
		uint32_t type;

		begin_record(r);
		type = r->from->record.type;
		if (is_large(type))
			return;
		if (type == IMAGE_VMA || type == IMAGE_BASE) {
			collect_known(r, rule_of(type));
			continue;
		}
		r->from->n_files += type == IMAGE_FILE;
		skip(r, r->from->record.length);
		end_record(r);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Which pages the process writes to, as the kernel notes it: memory is registered with a userfaultfd
 * that nobody reads, and a page that is protected loses its protection at the first write to it.
 * Linux 6.7 and later can do that; where it is not there, or not allowed, nothing is noted.
 */
#define _GNU_SOURCE 1
#include "checkpoint/inside.h"

#ifdef IMAGE_POSSIBLE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum {
	INCREMENTS_MAX = IMAGE_BASES_MAX,
	REST = 8,    /* images without notes, after one of which too much had changed */
	PORTION = 4, /* so much is one part in so many of the memory */
	LOWEST = 3,  /* descriptors below are the program's standard streams */
};

/* ---- the kernel's interface, which older headers lack ------------------------------------------ */

enum {
	USER_FAULTS_ONLY = 1,          /* of userfaultfd() */
	API = 0xaa,                    /* its version */
	FEATURE_NOTES = 1 << 15,       /* WP_ASYNC: a write takes the protection away */
	REGISTER_PROTECTABLE = 1 << 1, /* a mode of registration */
};

struct api {
	uint64_t api, features, ioctls;
};
struct registration {
	uint64_t start, length, mode, ioctls;
};
struct protection {
	uint64_t start, length, mode; /* 0: none */
};
#define SET_API _IOWR(API, 0x3f, struct api)
#define REGISTER _IOWR(API, 0x00, struct registration)
#define PROTECT _IOWR(API, 0x06, struct protection)

/* What a page is, and a way of looking at pages in /proc/self/pagemap. */
enum {
	TRACKED = 1 << 0,
	WRITTEN = 1 << 1,
	PRESENT = 1 << 3,
	SWAPPED = 1 << 4,
	THERE = PRESENT | SWAPPED,
	PROTECT_FOUND = 1 << 0,
};
struct found {
	uint64_t start, end, categories;
};
struct scan {
	uint64_t size, flags, start, end, reached, found, n_found, most_pages;
	uint64_t not_in, all_of, any_of, told;
};
#define SCAN _IOWR('f', 16, struct scan)

/* ---- the descriptor -------------------------------------------------------------------------- */

bool pvm__image_tracks(const struct image_tracker *tracker)
{
	static const char kind[] = "anon_inode:[userfaultfd]";
	char path[40], target[sizeof kind];
	long n;

	if (tracker->fd < 0)
		return false;
	pvm__image_numbered(path, "/proc/self/fd/", tracker->fd);
	n = raw(SYS_readlink, path, target, sizeof target - 1);
	target[n > 0 ? n : 0] = 0;
	return pvm__image_behind(target, kind);
}

void pvm__image_untrack(struct image_tracker *tracker, bool restarted)
{
	if (!restarted && pvm__image_tracks(tracker))
		raw(SYS_close, tracker->fd);
	*tracker = (struct image_tracker){ .fd = -1, .rest = tracker->rest };
}

/* A descriptor that notes writes, or a negative number. */
static long open_notes(void)
{
	struct api api = { .api = API, .features = FEATURE_NOTES };
	long fd = raw(SYS_userfaultfd, O_CLOEXEC | USER_FAULTS_ONLY), higher;

	if (raw_failed(fd))
		return fd;
	if (raw_failed(raw(SYS_ioctl, fd, SET_API, &api))) {
		raw(SYS_close, fd);
		return -1;
	}
	if (fd >= LOWEST)
		return fd;
	higher = raw(SYS_fcntl, fd, F_DUPFD_CLOEXEC, LOWEST);
	raw(SYS_close, fd);
	return higher;
}

/* Changes are noted, or begin to be. False: they cannot. */
static bool is_tracking(struct image_tracker *tracker)
{
	if (pvm__image_tracks(tracker))
		return true;
	pvm__image_untrack(tracker, true);
	tracker->fd = (int)open_notes();
	return tracker->fd >= 0;
}

/* ---- looking --------------------------------------------------------------------------------- */

/*
 * Append what was found to a list, where there are ranges of the same area from `first` on. An image
 * that stands alone does not need the list, so that may be too short for it. False: it is too short.
 */
static bool put_range(struct job *job, struct ranges *to, size_t first, const struct found *found)
{
	to->pages += (found->end - found->start) / IMAGE_PAGE;
	if (to->n > first && to->at[to->n - 1].end == found->start) {
		to->at[to->n - 1].end = found->end;
		return true;
	}
	if (to->n == to->most)
		return !job->changes.known;
	to->at[to->n++] = (struct range){ found->start, found->end };
	return true;
}

/* Note the pages of an area that the scan is about. False: not all could be. */
static bool look(struct job *job, int pagemap, struct scan scan, struct ranges *to)
{
	const size_t first = to->n;

	scan.size = sizeof scan;
	scan.found = (uint64_t)(uintptr_t)job->part;
	scan.n_found = PART / sizeof(struct found);
	while (scan.start < scan.end) {
		const struct found *found = (const struct found *)job->part;
		long n = raw(SYS_ioctl, pagemap, SCAN, &scan);

		if (n < 0)
			return false;
		for (long i = 0; i < n; i++)
			if (!put_range(job, to, first, &found[i]))
				return false;
		if (scan.reached <= scan.start)
			return false;
		scan.start = scan.reached;
	}
	return true;
}

/* Those that are as they were when they were protected, in memory that has been tracked since. */
static bool find_kept(struct job *job, int pagemap, const struct area *area)
{
	const struct scan scan = {
		.start = area->start,
		.end = area->end,
		.not_in = WRITTEN,
		.all_of = TRACKED | WRITTEN,
		.any_of = THERE,
		.told = THERE,
	};

	return look(job, pagemap, scan, &job->changes.kept);
}

/* The others that are there; all of them are protected from now on. */
static bool find_dirty(struct job *job, int pagemap, const struct area *area)
{
	const struct scan scan = {
		.flags = PROTECT_FOUND,
		.start = area->start,
		.end = area->end,
		.all_of = WRITTEN,
		.any_of = THERE,
		.told = THERE,
	};

	return look(job, pagemap, scan, &job->changes.dirty);
}

/*
 * Have writes to an area noted. Pages that were moved there by mremap may seem protected and not be
 * so; an area that has been tracked has others.
 */
static bool track(const struct image_tracker *tracker, const struct area *area, bool is_new)
{
	struct registration r = { area->start, area->end - area->start, REGISTER_PROTECTABLE, 0 };
	struct protection none = { area->start, area->end - area->start, 0 };

	return !raw_failed(raw(SYS_ioctl, tracker->fd, REGISTER, &r)) &&
		(!is_new || !raw_failed(raw(SYS_ioctl, tracker->fd, PROTECT, &none)));
}

/* The pages of one area. False: changes are not known. */
static bool find_in(struct job *job, int pagemap, struct area *area)
{
	struct ranges *kept = &job->changes.kept;
	const struct ranges before = *kept;

	if (!find_kept(job, pagemap, area))
		return false;
	area->tracked = track(job->order->tracker, area, kept->n == before.n);
	if (!area->tracked) {
		*kept = before;
		return true;
	}
	return find_dirty(job, pagemap, area);
}

/* ---- the lists ------------------------------------------------------------------------------- */

/* Private memory that has no file, but the stack, which always changes. */
static bool is_trackable(const struct area *area)
{
	return !area->shared && !area->file && !area->whole && !area->stack;
}

/* Room for lists that are long enough unless too much has changed anyway. False: there is none. */
static bool make_lists(struct job *job)
{
	struct changes *c = &job->changes;
	uint64_t pages = 0;
	size_t n;
	long at;

	for (unsigned i = 0; i < job->n_areas; i++)
		if (is_trackable(&job->areas[i]))
			pages += (job->areas[i].end - job->areas[i].start) / IMAGE_PAGE;
	n = pages / PORTION + job->n_areas;
	n = n < IMAGE_PAGE << 8 ? n : IMAGE_PAGE << 8;
	c->length = (2 * n * sizeof(struct range) + IMAGE_PAGE) & ~(uint64_t)(IMAGE_PAGE - 1);
	at = raw(SYS_mmap, 0, c->length, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw_failed(at))
		return false;
	c->memory = (uint64_t)at;
	c->kept = (struct ranges){ (struct range *)at, 0, n, 0 };
	c->dirty = (struct ranges){ (struct range *)at + n, 0, n, 0 };
	return true;
}

void pvm__image_changes_end(struct job *job)
{
	if (job->changes.memory)
		raw(SYS_munmap, job->changes.memory, job->changes.length);
	job->changes.memory = 0;
}

/* ---- an image ---------------------------------------------------------------------------------- */

static bool find_all(struct job *job)
{
	long pagemap = raw(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	bool found = pagemap >= 0;

	for (unsigned i = 0; found && i < job->n_areas; i++)
		if (is_trackable(&job->areas[i]))
			found = find_in(job, (int)pagemap, &job->areas[i]);
	if (pagemap >= 0)
		raw(SYS_close, pagemap);
	return found;
}

/* May this image build on the one before? */
static bool may_build(const struct image_order *order)
{
	const struct image_tracker *t = order->tracker;

	return order->base && t->epoch == order->base && t->increments < INCREMENTS_MAX;
}

/* Is what has changed so much that noting it costs more than it saves? */
static bool is_too_much(const struct changes *c)
{
	return c->dirty.pages >= (c->dirty.pages + c->kept.pages) / PORTION;
}

void pvm__image_changes_find(struct job *job)
{
	struct image_tracker *t = job->order->tracker;
	struct changes *c = &job->changes;
	bool found;

	if (!t)
		return;
	if (t->rest) {
		t->rest--;
		return;
	}
	c->known = is_tracking(t) && make_lists(job) && may_build(job->order);
	found = c->memory && find_all(job);
	if (found && !(c->known && is_too_much(c))) {
		job->report->base = c->known ? job->order->base : 0;
		return;
	}
	pvm__image_untrack(t, false);
	t->rest = c->known ? REST : 0;
	c->known = false;
}

void pvm__image_changes_settle(struct job *job, bool made)
{
	struct image_tracker *t = job->order->tracker;

	if (!t || t->fd < 0)
		return;
	t->epoch = made ? job->order->epoch : 0;
	t->increments = job->changes.known ? t->increments + 1 : 0;
}

#else

bool pvm__image_tracks(const struct image_tracker *tracker)
{
	(void)tracker;
	return false;
}

void pvm__image_untrack(struct image_tracker *tracker, bool restarted)
{
	(void)restarted;
	*tracker = (struct image_tracker){ .fd = -1 };
}
#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the task changes from one image to the next, and rounds of a live move: the task's memory goes
 * out while it runs, then what has changed meanwhile, and so on. A child sends each round. The
 * connection stays open in between, and the image itself is the last that goes there.
 *
 * All of it may run in a signal handler, and allocates by mmap alone.
 */
#define _GNU_SOURCE 1
#include "engine/move.h"

#include <sys/stat.h>
#include <unistd.h>

static struct image_tracker tracker = { .fd = -1 };

static struct {
	int fd; /* the connection; -1: there is none */
	dev_t device;
	ino_t inode; /* by which it is known: the program may close it */
	int epoch;   /* of the move */
} journey = { .fd = -1 };

/* Is the connection that of a move still? */
static bool is_open(void)
{
	struct stat st;

	return journey.fd >= 0 && fstat(journey.fd, &st) == 0 && st.st_dev == journey.device &&
		st.st_ino == journey.inode;
}

size_t pvm__rounds_own(int *fds)
{
	size_t n = 0;

	if (is_open())
		fds[n++] = journey.fd;
	if (pvm__image_tracks(&tracker))
		fds[n++] = tracker.fd;
	return n;
}

void pvm__rounds_end(bool restarted)
{
	if (!restarted && is_open())
		close(journey.fd);
	journey.fd = -1;
	pvm__image_untrack(&tracker, restarted);
}

void pvm__rounds_note(struct image_order *order, int base)
{
	order->tracker = &tracker;
	order->base = base;
}

int pvm__rounds_journey(const struct freeze *freeze, struct image_order *order)
{
	int fd;

	if (!is_open() || journey.epoch != freeze->epoch) {
		pvm__rounds_end(false);
		return pvm__journey_open(freeze);
	}
	fd = journey.fd;
	journey.fd = -1;
	pvm__rounds_note(order, freeze->epoch);
	order->how |= IMAGE_LAST;
	return fd;
}

/* Connect for a new move. */
static bool begin(const struct freeze *freeze)
{
	struct stat st = { 0 };

	pvm__rounds_end(false);
	journey.fd = pvm__journey_open(freeze);
	if (journey.fd < 0)
		return false;
	fstat(journey.fd, &st);
	journey.device = st.st_dev;
	journey.inode = st.st_ino;
	journey.epoch = freeze->epoch;
	return true;
}

struct objection pvm__rounds_send(const struct freeze *freeze)
{
	bool going = is_open() && journey.epoch == freeze->epoch;
	struct image_order order = {
		.how = IMAGE_ROUND | IMAGE_SNAPSHOT | IMAGE_ORPHAN,
		.tid = pvmmytid,
		.epoch = freeze->epoch,
	};
	struct image_report report;

	if (!going && !begin(freeze))
		return pvm__objection(PvmBusy, WIRE_WHY_CONNECT);
	order.fd = journey.fd;
	pvm__rounds_note(&order, going ? freeze->epoch : 0);
	if (pvm__image_save(&order, &report) == 0)
		return (struct objection){ 0 };
	pvm__rounds_end(false);
	return pvm__image_objection(&report);
}

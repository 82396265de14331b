/* SPDX-License-Identifier: MIT */
/*
 * Copies of long runs, and the choice between through the caches and past them. With the library's
 * message/copy.c, on a clock that this program sets; no task is needed.
 *
 *     copies bytes     runs of all lengths and alignments come out whole, and nothing beside them
 *     copies choice    the cheaper way is taken, also after it has become another one
 */
#include "check.h"

#include <stdint.h>
#include <time.h>

#include "../../csrc/libpvm/message/copy.h"

enum {
	KIB = 1024,
	RUN = 64 * KIB,
	ROUNDS = 100000, /* bodies until a change must have been noticed */
	ROOM = 3 * COPY_LONG,
	EDGE = 80,
};

/* ---- what the file needs ------------------------------------------------------------------- */

int64_t pvm__clock_ahead;
static int64_t clock_ns = 1;
static bool in_arena = true;

int clock_gettime(clockid_t clock, struct timespec *t)
{
	(void)clock;
	t->tv_sec = clock_ns / NS_PER_S;
	t->tv_nsec = clock_ns % NS_PER_S;
	return 0;
}

bool pvm__segment_piece(const struct fragment *f, struct share_piece *piece)
{
	(void)f, (void)piece;
	return in_arena;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static unsigned char from[ROOM], to[ROOM];

static bool is_filled(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0xee)
			return false;
	return true;
}

static void copy_one(size_t in, size_t out, size_t n, enum copy_way way)
{
	memset(to, 0xee, sizeof to);
	pvm__copy(to + EDGE + out, from + in, n, way);
	pvm__copy_finish(way);
	CHECK(is_filled(to, EDGE + out));
	CHECK(memcmp(to + EDGE + out, from + in, n) == 0);
	CHECK(is_filled(to + EDGE + out + n, sizeof to - EDGE - out - n));
}

static void bytes(void)
{
	for (size_t i = 0; i < sizeof from; i++)
		from[i] = (unsigned char)(i * 2654435761u >> 13);
	for (size_t n = 0; n < 300; n++)
		for (enum copy_way way = COPY_PAST; way <= COPY_AROUND; way++)
			copy_one(n % 16, n % 61, n, way);
	for (size_t shift = 0; shift < 130; shift++)
		for (enum copy_way way = COPY_THROUGH; way <= COPY_AROUND; way++) {
			copy_one(shift % 64, 0, COPY_LONG + shift, way);
			copy_one(0, shift % 64, COPY_LONG + shift, way);
			copy_one(shift % 67, shift % 71, COPY_LONG - 1, way);
		}
}

/* ---- the choice ------------------------------------------------------------------------------ */

/* What a run takes, ns: through the caches, past them; and the first ones after a change. */
struct world {
	int64_t cost[2], first;
};

/* Write so many bodies. Returns how many runs of the last half went past the caches, in percent. */
static int write_bodies(const struct world *w, uint64_t body, int bodies, size_t length)
{
	static const struct fragment f;
	static bool before;
	long past = 0, all = 0, fresh = 0, runs = (long)(body / length);

	for (int i = 0; i < bodies; i++)
		for (long k = 0; k < runs; k++) {
			struct copying run;
			bool way = pvm__copy_begin(&run, &f, length, body) != COPY_THROUGH;

			fresh = way == before ? fresh + 1 : 0;
			before = way;
			clock_ns += fresh < runs ? w->first : w->cost[way];
			pvm__copy_end(&run);
			past += i >= bodies / 2 && way;
			all += i >= bodies / 2;
		}
	return (int)(past * 100 / all);
}

static void choice(void)
{
	static const struct world apart = { { 28000, 2000 }, 2000 };
	static const struct world beside = { { 1300, 2200 }, 28000 };
	static const struct world alike = { { 2000, 1900 }, 1000 };
	static const struct world brief = { { 1500, 300 }, 300 };
	static const uint64_t sizes[] = { COPY_LONG, RUN, 4 * RUN, 16 * RUN };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		uint64_t body = sizes[i];
		size_t length = body < RUN ? (size_t)body : RUN;

		CHECK(write_bodies(&beside, body, ROUNDS, length) <= 1);
		CHECK(write_bodies(&apart, body, ROUNDS, length) >= 99);
		CHECK(write_bodies(&beside, body, ROUNDS, length) <= 1);
		CHECK(write_bodies(&alike, body, ROUNDS, length) <= 1);
		CHECK(write_bodies(&apart, body, ROUNDS, length) >= 99);
	}
	/* A huge one always goes around them, out of a message, too. */
	CHECK(write_bodies(&beside, COPY_HUGE, 4, RUN) == 100);
	CHECK_INT(pvm__copy_way_out(COPY_HUGE), COPY_AROUND);
	CHECK_INT(pvm__copy_way_out(COPY_HUGE - 1), COPY_THROUGH);
	/* The peer of a short body would wait for longer than what that saves. */
	CHECK(write_bodies(&brief, COPY_LONG, ROUNDS, COPY_LONG) <= 1);
	CHECK(write_bodies(&brief, RUN / 2, ROUNDS, COPY_LONG) >= 99);
	/* Others stay as they are: short bodies, and what no peer reads. */
	CHECK_INT(write_bodies(&apart, COPY_LONG / 2, ROUNDS, COPY_LONG / 2), 0);
	in_arena = false;
	CHECK_INT(write_bodies(&apart, RUN, ROUNDS, RUN), 0);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "bytes") == 0)
		bytes();
	else if (strcmp(what, "choice") == 0)
		choice();
	else
		return 2;
	return check_done();
}

/* SPDX-License-Identifier: MIT */
/*
 * Long runs of bytes into messages and out of them.
 *
 * A peer reads the arena from another processor. What it has read lies in its caches, and to write
 * there again may take ten times as long as to write past all caches. Where both share a cache it
 * takes less, and the peer need not fetch the bytes from memory. Which of the two ways is better
 * depends on the processors that both run on, and on the size of the body. So it is measured all
 * the time.
 */
#include "message/copy.h"

#include <string.h>

enum {
	LINE = 64,          /* bytes of a line of the caches */
	RUN_MIN = 4096,     /* least bytes that go past them at once */
	CLASSES = 11,       /* of bodies by size; each has twice the bytes of the one before */
	FIRST_CLASS = 14,   /* COPY_LONG, as a power of two */
	UNIT = SHARE_BLOCK, /* costs are nanoseconds for so many bytes */
	FETCH_NS = 1500,    /* what a body must save at least */
	SETTLING = 2,       /* bodies after a change of the way before costs count */
	TRIAL_REST = 300,   /* after a trial there is none for so many times what it took */
	SAMPLE = 8,         /* of so many runs one is timed; in a trial all are */
};

/*
 * What is known of a class of bodies. Now and then the other way is tried. What the first bodies by
 * a way find in the caches was left there by the other one.
 */
struct copy_choice {
	uint32_t cost[2]; /* through the caches, past them; 0: not known */
	bool used, past;  /* the way at present */
	bool trial;       /* it is being tried, */
	int64_t left;     /* for so many bytes more */
	int64_t rest;     /* ns until the next one */
	int64_t settling; /* bytes until costs count */
	unsigned runs;
};
static struct copy_choice choices[CLASSES];

/* ---- copies ------------------------------------------------------------------------------- */

#ifdef __SSE2__
#include <emmintrin.h>

enum { CAN_PASS = true };

/*
 * Copy lines to where one begins. The C library may use the string instruction of the processor
 * instead, which is slow on some when the two places differ in alignment.
 */
static inline __attribute__((always_inline)) void copy_lines(unsigned char *to,
	const unsigned char *from, size_t n, void (*store)(__m128i *, __m128i))
{
	for (size_t at = 0; at < n; at += LINE) {
		const __m128i *in = (const __m128i *)(const void *)(from + at);
		__m128i a = _mm_loadu_si128(in), b = _mm_loadu_si128(in + 1);
		__m128i c = _mm_loadu_si128(in + 2), d = _mm_loadu_si128(in + 3);
		__m128i *out = (__m128i *)(void *)(to + at);

		store(out, a);
		store(out + 1, b);
		store(out + 2, c);
		store(out + 3, d);
	}
}

static inline void into_caches(__m128i *to, __m128i value)
{
	_mm_store_si128(to, value);
}

static inline void past_caches(__m128i *to, __m128i value)
{
	_mm_stream_si128(to, value);
}

void pvm__copy(unsigned char *to, const unsigned char *from, size_t n, bool past)
{
	size_t head = -(uintptr_t)to & (LINE - 1), lines;

	if (n < COPY_LONG && !past) {
		memcpy(to, from, n);
		return;
	}
	head = head < n ? head : n;
	lines = (n - head) & ~(size_t)(LINE - 1);
	memcpy(to, from, head);
	if (past)
		copy_lines(to + head, from + head, lines, past_caches);
	else
		copy_lines(to + head, from + head, lines, into_caches);
	memcpy(to + head + lines, from + head + lines, n - head - lines);
}

/* What went past the caches is written before anything that follows. */
static void finish_past(void)
{
	_mm_sfence();
}
#else
enum { CAN_PASS = false };

void pvm__copy(unsigned char *to, const unsigned char *from, size_t n, bool past)
{
	(void)past;
	memcpy(to, from, n);
}

static void finish_past(void)
{
}
#endif

/* ---- the choice ---------------------------------------------------------------------------- */

static struct copy_choice *choice_for(uint64_t body)
{
	unsigned class = 63 - (unsigned)__builtin_clzll(body);

	class = class < FIRST_CLASS ? 0 : class - FIRST_CLASS;
	return &choices[class < CLASSES ? class : CLASSES - 1];
}

static void turn_to(struct copy_choice *c, bool past, uint64_t body)
{
	c->past = past;
	c->settling = SETTLING * (int64_t)body;
}

/* Does it pay to go past the caches? The peer has to fetch the bytes then, hence the margins. */
static bool pays(const struct copy_choice *c, uint64_t body)
{
	int64_t saved = (int64_t)c->cost[false] - c->cost[true];

	return c->cost[true] && saved * 4 > c->cost[false] &&
		saved * (int64_t)body / UNIT > FETCH_NS;
}

/* A cost was measured. Lower ones count more, since what disturbs only adds. */
static void note(uint32_t *cost, int64_t now)
{
	int64_t old = *cost, most = old ? 2 * old : INT32_MAX;

	now = now < most ? now : most;
	now = !old ? now + 1 : now < old ? (old + now + 1) / 2 : old + (now - old) / 8;
	*cost = (uint32_t)(now < INT32_MAX ? now : INT32_MAX);
}

static void begin_trial(struct copy_choice *c, uint64_t body)
{
	c->trial = true;
	c->left = (SETTLING + 1) * (int64_t)body;
	turn_to(c, !c->past, body);
	c->cost[c->past] = 0;
}

/* What so many bytes take by the way at present, ns. */
static int64_t usual_time(const struct copy_choice *c, int64_t bytes)
{
	return c->cost[c->past] * bytes / UNIT;
}

/* A part of a trial is over. */
static void go_on_with_trial(struct copy_choice *c, const struct copying *run)
{
	c->left -= (int64_t)run->bytes;
	if (c->left > 0 || !c->cost[c->past])
		return;
	c->trial = false;
	c->rest = TRIAL_REST * usual_time(c, (SETTLING + 1) * (int64_t)run->body);
	turn_to(c, pays(c, run->body), run->body);
}

/* The way for a body now. */
static bool way_for(struct copy_choice *c, uint64_t body)
{
	if (!c->used)
		turn_to(c, false, body);
	c->used = true;
	if (!c->trial && c->rest <= 0 && c->cost[c->past])
		begin_trial(c, body);
	return c->past;
}

/* Is the next run to be timed? */
static bool is_timed(struct copy_choice *c)
{
	return c->trial || !c->cost[c->past] || ++c->runs % SAMPLE == 0;
}

bool pvm__copy_begin(struct copying *run, const struct fragment *f, size_t bytes, uint64_t body)
{
	struct share_piece piece;
	struct copy_choice *c;

	*run = (struct copying){ .bytes = bytes, .body = body };
	if (!CAN_PASS || bytes < RUN_MIN || body < COPY_LONG || !pvm__segment_piece(f, &piece))
		return false;
	c = choice_for(body);
	run->past = way_for(c, body);
	if (bytes >= COPY_LONG) {
		run->choice = c;
		run->start = is_timed(c) ? pvm__now() : 0;
	}
	return run->past;
}

void pvm__copy_end(const struct copying *run)
{
	struct copy_choice *c = run->choice;
	int64_t bytes = (int64_t)run->bytes;

	if (run->past)
		finish_past();
	if (!c)
		return;
	if (c->settling > 0)
		c->settling -= bytes;
	else if (run->start)
		note(&c->cost[run->past], (pvm__now() - run->start) * UNIT / bytes);
	c->rest -= usual_time(c, bytes);
	if (c->trial)
		go_on_with_trial(c, run);
	else if (c->settling <= 0 && pays(c, run->body) != c->past)
		turn_to(c, !c->past, run->body);
}

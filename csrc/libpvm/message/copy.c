/* SPDX-License-Identifier: MIT */
/*
 * Long runs of bytes into messages and out of them.
 *
 * A peer reads the arena from another processor. What it has read lies in its caches, and to write
 * there again may take ten times as long as to write past all caches. Where both share a cache it
 * takes less, and the peer need not fetch the bytes from memory. Which of the two ways is better
 * depends on the processors that both run on, and on the size of the body. So it is measured all
 * the time; but for huge bodies, which caches do not hold anyway.
 */
#include "message/copy.h"

#include <string.h>

enum {
	LINE = 64,          /* bytes of a line of the caches */
	AHEAD = 1024,       /* bytes that are read ahead around them */
	RUN_MIN = 4096,     /* least bytes that go past them at once */
	CLASSES = 10,       /* of bodies by size; each has twice the bytes of the one before */
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
	const unsigned char *from, size_t n, void (*store)(__m128i *, __m128i), bool around)
{
	for (size_t at = 0; at < n; at += LINE) {
		const __m128i *in = (const __m128i *)(const void *)(from + at);

		if (around)
			_mm_prefetch((const char *)(uintptr_t)(from + at) + AHEAD, _MM_HINT_NTA);
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

void pvm__copy(unsigned char *to, const unsigned char *from, size_t n, enum copy_way way)
{
	size_t head = -(uintptr_t)to & (LINE - 1), lines;

	if (n < COPY_LONG && way == COPY_THROUGH) {
		memcpy(to, from, n);
		return;
	}
	head = head < n ? head : n;
	lines = (n - head) & ~(size_t)(LINE - 1);
	memcpy(to, from, head);
	if (way == COPY_THROUGH)
		copy_lines(to + head, from + head, lines, into_caches, false);
	else if (way == COPY_PAST)
		copy_lines(to + head, from + head, lines, past_caches, false);
	else
		copy_lines(to + head, from + head, lines, past_caches, true);
	memcpy(to + head + lines, from + head + lines, n - head - lines);
}

void pvm__copy_finish(enum copy_way way)
{
	if (way != COPY_THROUGH)
		_mm_sfence();
}
#else
enum { CAN_PASS = false };

void pvm__copy(unsigned char *to, const unsigned char *from, size_t n, enum copy_way way)
{
	(void)way;
	memcpy(to, from, n);
}

void pvm__copy_finish(enum copy_way way)
{
	(void)way;
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

/* Does a body go past the caches now? */
static bool is_past(struct copy_choice *c, uint64_t body)
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

enum copy_way pvm__copy_begin(struct copying *run, const struct fragment *f, size_t bytes,
	uint64_t body)
{
	struct share_piece piece;
	struct copy_choice *c;

	*run = (struct copying){ .bytes = bytes, .body = body };
	if (!CAN_PASS || bytes < RUN_MIN || body < COPY_LONG || !pvm__segment_piece(f, &piece))
		return COPY_THROUGH;
	if (body >= COPY_HUGE)
		return run->way = COPY_AROUND;
	c = choice_for(body);
	run->way = is_past(c, body) ? COPY_PAST : COPY_THROUGH;
	if (bytes >= COPY_LONG) {
		run->choice = c;
		run->start = is_timed(c) ? pvm__now() : 0;
	}
	return run->way;
}

void pvm__copy_end(const struct copying *run)
{
	struct copy_choice *c = run->choice;
	int64_t bytes = (int64_t)run->bytes;

	pvm__copy_finish(run->way);
	if (!c)
		return;
	if (c->settling > 0)
		c->settling -= bytes;
	else if (run->start)
		note(&c->cost[run->way != COPY_THROUGH], (pvm__now() - run->start) * UNIT / bytes);
	c->rest -= usual_time(c, bytes);
	if (c->trial)
		go_on_with_trial(c, run);
	else if (c->settling <= 0 && pays(c, run->body) != c->past)
		turn_to(c, !c->past, run->body);
}

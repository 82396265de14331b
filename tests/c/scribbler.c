/* SPDX-License-Identifier: MIT */
/*
 * Tasks that exchange messages through memory with one that writes anything into its own segment.
 *
 *     scribbler SECONDS
 *
 * The first task starts two friends, and scribblers one after another. Each scribbler is linked
 * with all three, and then writes at random: bytes anywhere, or words that are nearly right. What
 * the three say to each other must be right and in order all the time; what the scribbler says
 * may be anything. Nobody but the scribbler may end by it.
 */
#include "check.h"
#include "own_segment.h"

enum {
	FRIENDS = 2,
	LONGEST = 300000,
	LIFE_MS = 400, /* of a scribbler */
	HELLO = 1,     /* to a friend: there is a scribbler, with this tid */
	PING,
	PONG,
	NOISE,
	STOP,
};

static char body[LONGEST], got[LONGEST];
static const int lengths[] = { 8, 1500, 3000, 70000, 20, LONGEST };
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

/* The bytes of a message with that number. */
static void pattern(char *to, int number, int n)
{
	for (int i = 0; i < n; i++)
		to[i] = (char)(number * 31 + i * 7);
}

static void send_numbered(int tid, int tag, int number, int n)
{
	pattern(body, number, n);
	CHECK(pvm_initsend(PvmDataRaw) >= 0);
	CHECK_INT(pvm_pkint(&number, 1, 1), 0);
	CHECK_INT(pvm_pkbyte(body, n, 1), 0);
	CHECK_INT(pvm_send(tid, tag), 0);
}

/* The message is the one with that number. */
static void check_numbered(int number, int n)
{
	int found = -1;

	CHECK_INT(pvm_upkint(&found, 1, 1), 0);
	CHECK_INT(found, number);
	pattern(body, number, n);
	CHECK_INT(pvm_upkbyte(got, n, 1), 0);
	CHECK(memcmp(body, got, (size_t)n) == 0);
}

/* Say something to the scribbler, and take a little of what it says, if it still is there. */
static void meet(int scribbler, int number)
{
	int mid, bytes, tag, tid;

	if (!scribbler)
		return;
	pvm_initsend(PvmDataRaw);
	pvm_pkbyte(body, lengths[number % LENGTHS] / 4, 1);
	pvm_send(scribbler, NOISE);
	for (int i = 0; i < 3 && (mid = pvm_nrecv(scribbler, -1)) > 0; i++) {
		pvm_bufinfo(mid, &bytes, &tag, &tid);
		while (pvm_upkbyte(got, 1000, 1) == 0)
			;
	}
}

/* ---- friends ----------------------------------------------------------------------- */

static int be_friend(void)
{
	int first = pvm_parent(), scribbler = 0, number = 0;

	for (;;) {
		int mid = pvm_recv(first, -1), bytes, tag, tid;

		if (mid < 0)
			return 1;
		pvm_bufinfo(mid, &bytes, &tag, &tid);
		if (tag == STOP)
			break;
		if (tag == HELLO) {
			pvm_upkint(&scribbler, 1, 1);
			continue;
		}
		check_numbered(number, lengths[number % LENGTHS]);
		send_numbered(first, PONG, number, lengths[number % LENGTHS]);
		meet(scribbler, number++);
	}
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&check_failed, 1, 1);
	pvm_send(first, STOP);
	pvm_exit();
	return check_done();
}

/* ---- the scribbler ----------------------------------------------------------------- */

static unsigned state;

static unsigned any(unsigned below)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % below;
}

/* Any bytes somewhere: mostly where the peers look most often. */
static void scrawl(unsigned char *segment)
{
	static const unsigned ends[] = { 224, 8192, SHARE_RINGS_AT, SHARE_RINGS_AT + 200000,
		SHARE_ARENA_AT + 600000 };
	unsigned at = any(ends[any(5)]), n = 1 + any(64);

	for (unsigned i = 0; i < n; i++)
		segment[at + i] = (unsigned char)any(256);
}

/* A word of the state, of a slot or of a ring becomes one that could nearly be. */
static void bend(unsigned char *segment)
{
	struct share_home *home = (struct share_home *)segment;
	struct share_slot *slot = (struct share_slot *)(segment + SHARE_SLOTS_AT) + any(4);
	uint32_t *ring = (uint32_t *)(segment + SHARE_RINGS_AT) + any(3 * SHARE_RING / 4);

	switch (any(12)) {
	case 0: home->flags = any(4); break;
	case 1: home->epoch += any(3); break;
	case 2: home->inside = any(2); break;
	case 3: home->ring = SHARE_RING_MIN << any(5); break;
	case 4: slot->tail += 8 * any(9000); break;
	case 5: slot->want = 1; break;
	case 6: slot->head += 8 * any(100); break;
	case 7: slot->returned += any(300); break;
	case 8: slot->mark += any(3); break;
	case 9: slot->final = slot->head + any(SHARE_RING); break;
	case 10: slot->back[any(SHARE_REFS)] = (uint8_t)any(256); break;
	default: *ring ^= 1u << any(32); break;
	}
}

/* Send a message of any length to where that one came from. */
static void answer(int mid)
{
	int bytes, tag, tid;

	pvm_bufinfo(mid, &bytes, &tag, &tid);
	pvm_initsend(PvmDataRaw);
	pvm_pkbyte(body, lengths[any(LENGTHS)], 1);
	pvm_send(tid, NOISE);
}

/* Ends by the task that has started it. */
static _Noreturn void scribble(unsigned seed)
{
	int mode = (int)(seed % 3);
	unsigned char *segment = NULL;
	struct timeval moment = { 0, 1000 };
	int mid;

	state = seed * 2654435761u;
	for (unsigned round = 0;; round++) {
		/* It answers each message, so that nobody has to take in more than that. */
		for (int i = 0; i < 20 && (mid = pvm_trecv(-1, NOISE, &moment)) > 0; i++)
			answer(mid);
		if (round < 30)
			continue;
		segment = segment ? segment : (unsigned char *)own_segment();
		for (int i = 0; segment && i < 20; i++)
			if (mode == 0 || (mode == 2 && any(2)))
				scrawl(segment);
			else
				bend(segment);
	}
}

/* ---- the first task ------------------------------------------------------------------ */

static void tell(int tid, int tag, int *words, int n)
{
	pvm_initsend(PvmDataDefault);
	pvm_pkint(words, n, 1);
	pvm_send(tid, tag);
}

/* Exchange messages with the friends while a scribbler lives. */
static void live_with(int scribbler, int *friends, int *number)
{
	double end = seconds_now() + LIFE_MS / 1e3;

	for (int i = 0; i < FRIENDS; i++)
		tell(friends[i], HELLO, &scribbler, 1);
	for (; seconds_now() < end && !check_failed; ++*number) {
		int n = lengths[*number % LENGTHS];

		for (int i = 0; i < FRIENDS; i++)
			send_numbered(friends[i], PING, *number, n);
		meet(scribbler, *number);
		for (int i = 0; i < FRIENDS; i++) {
			CHECK(pvm_recv(friends[i], PONG) > 0);
			check_numbered(*number, n);
		}
	}
}

static int watch(char *seconds)
{
	char *child[] = { "scribble", "0", NULL }, *friend[] = { "friend", NULL }, seed[16];
	int friends[FRIENDS], scribbler, failures, number = 0, lives = 0;
	double end = seconds_now() + atof(seconds);
	const struct share_home *home;

	CHECK_INT(pvm_spawn("scribbler", friend, PvmTaskDefault, "", FRIENDS, friends), FRIENDS);
	child[1] = seed;
	while (seconds_now() < end && !check_failed) {
		snprintf(seed, sizeof seed, "%d", getpid() + lives++);
		CHECK_INT(pvm_spawn("scribbler", child, PvmTaskDefault, "", 1, &scribbler), 1);
		live_with(scribbler, friends, &number);
		pvm_kill(scribbler);
	}
	home = own_segment();
	CHECK(home && home->messages > 0);
	for (int i = 0; i < FRIENDS; i++) {
		tell(friends[i], STOP, &number, 1);
		CHECK(pvm_recv(friends[i], STOP) > 0);
		CHECK_INT(pvm_upkint(&failures, 1, 1), 0);
		CHECK_INT(failures, 0);
	}
	printf("%d scribblers, %d rounds, %d by memory\n", lives, number,
		home ? (int)home->messages : 0);
	pvm_exit();
	return check_done();
}

int main(int argc, char **argv)
{
	pvm_setopt(PvmAutoErr, 0);
	if (argc > 1 && strcmp(argv[1], "friend") == 0) {
		alarm(CHECK_SECONDS * 2);
		return be_friend();
	}
	if (argc > 2 && strcmp(argv[1], "scribble") == 0) {
		alarm(CHECK_SECONDS);
		scribble((unsigned)atoi(argv[2]));
	}
	alarm(argc > 1 ? (unsigned)atoi(argv[1]) + CHECK_SECONDS : CHECK_SECONDS);
	return argc > 1 ? watch(argv[1]) : 2;
}

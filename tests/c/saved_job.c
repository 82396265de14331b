/* SPDX-License-Identifier: MIT */
/*
 * A job whose checkpoints are taken: a root, which spawns a worker on each host that it is told, and
 * tokens that go round all of them. Every message has the next number of its way; whoever gets
 * another one, or damaged bytes, writes a file "wrong" and ends.
 *
 * saved_job DIR WORKERS BYTES [HOST...]   the root; each task has BYTES of memory besides
 *
 * If DIR/direct is there, messages take direct routes. When DIR/finish is there, the root takes all tokens out, ends the workers, and writes how often
 * each token has been passed on to DIR/result. It writes to DIR/begun when the ring runs. With
 * DIR/more it spawns one more worker, which is never ended, and writes its tid to DIR/spawned. With
 * DIR/save it asks for a checkpoint of its job in DIR, writes the number to DIR/saved, and the same
 * again when it is started from there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pvm3.h"

enum { TAG_RING = 1, TAG_TOKEN = 2, TAG_END = 3, TOKENS = 6, WORKERS_MAX = 64 };

static const char *directory;
static int next, before, sent, taken;

static void note(const char *name, long number)
{
	char path[512], part[520];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	snprintf(part, sizeof part, "%s.%d", path, (int)getpid());
	f = fopen(part, "w");
	fprintf(f, "%ld\n", number);
	fclose(f);
	rename(part, path);
}

static void fail(const char *what, int number)
{
	char name[64];

	/* The daemon is gone, and so is the job here. */
	if (number == PvmSysErr)
		exit(4);
	snprintf(name, sizeof name, "wrong-%s-%d-%d", what, taken, number);
	note(name, pvm_mytid());
	exit(3);
}

static int is_there(const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return access(path, F_OK) == 0;
}

/* Token, how often it was passed on. */
static int passed[TOKENS];

static void pass(int token)
{
	static const int sizes[] = { 0, 40, 3000, 20000, 70000 };
	static char bytes[70000];
	int code, size = sizes[sent % 5];

	memset(bytes, token + sent % 100, (size_t)size);
	pvm_initsend(PvmDataRaw);
	pvm_pkint(&sent, 1, 1);
	pvm_pkint(&token, 1, 1);
	pvm_pkint(&passed[token], 1, 1);
	pvm_pkint(&size, 1, 1);
	pvm_pkbyte(bytes, size, 1);
	code = pvm_send(next, TAG_TOKEN);
	if (code < 0)
		fail("send", code);
	sent++;
}

/* The token in the receive buffer, if it is what comes next. */
static int take(void)
{
	static char bytes[70000];
	int number, token, size;

	if (pvm_upkint(&number, 1, 1) || pvm_upkint(&token, 1, 1) ||
		pvm_upkint(&passed[token % TOKENS], 1, 1) || pvm_upkint(&size, 1, 1) ||
		pvm_upkbyte(bytes, size, 1))
		fail("damaged", 0);
	if (number != taken)
		fail("number", number);
	for (int i = 0; i < size; i++)
		if (bytes[i] != (char)(token + number % 100))
			fail("bytes", i);
	taken++;
	passed[token]++;
	return token;
}

/* Memory that must be as it was. */
static unsigned *filled;
static size_t words;

static void fill(long bytes)
{
	words = (size_t)bytes / sizeof *filled;
	filled = malloc(words * sizeof *filled + 1);
	for (size_t i = 0; i < words; i++)
		filled[i] = (unsigned)i * 2654435761U + (unsigned)pvm_mytid();
}

static void check_filled(void)
{
	for (size_t i = 0; i < words; i++)
		if (filled[i] != (unsigned)i * 2654435761U + (unsigned)pvm_mytid())
			fail("memory", (int)i);
}

/* Messages take direct routes if that is wanted. */
static void choose_route(void)
{
	if (is_there("direct"))
		pvm_setopt(PvmRoute, PvmRouteDirect);
}

static int work(void)
{
	static char place[400];
	int size, tag, tid, token, length;

	pvm_recv(pvm_parent(), TAG_RING);
	pvm_upkint(&length, 1, 1);
	pvm_upkbyte(place, length, 1);
	directory = place;
	choose_route();
	pvm_upkint(&before, 1, 1);
	pvm_upkint(&next, 1, 1);
	pvm_upkint(&size, 1, 1);
	fill(size);
	for (;;) {
		int id = pvm_recv(-1, -1);

		if (id < 0)
			fail("recv", id);
		pvm_bufinfo(id, &size, &tag, &tid);
		if (tag == TAG_END)
			break;
		if (tag != TAG_TOKEN || tid != before)
			fail("sender", tid);
		token = take();
		pass(token);
	}
	check_filled();
	return 0;
}

static void save(void)
{
	char path[512];
	int number;

	snprintf(path, sizeof path, "%s/save", directory);
	unlink(path);
	number = pvm_checkpoint((char *)directory, NULL, 0, 0);
	note("saved", number);
}

/* One more worker, which waits for ever, on the last host but one: that is the last of the machine. */
static void spawn_more(int argc, char **argv)
{
	char path[512];
	int tid;

	snprintf(path, sizeof path, "%s/more", directory);
	unlink(path);
	if (pvm_spawn(argv[0], NULL, PvmTaskHost, argv[argc - 2], 1, &tid) != 1)
		fail("more", tid);
	note("spawned", tid);
}

static int lead(int argc, char **argv)
{
	int tids[WORKERS_MAX + 2], n = atoi(argv[2]), size = atoi(argv[3]), left = TOKENS;
	int hosts = argc - 4, length = (int)strlen(argv[1]) + 1;
	long all = 0;

	directory = argv[1];
	choose_route();
	tids[0] = tids[n + 1] = pvm_mytid();
	for (int i = 0; i < n; i++)
		if (pvm_spawn(argv[0], NULL, hosts ? PvmTaskHost : 0,
			    hosts ? argv[4 + i % hosts] : NULL, 1, &tids[i + 1]) != 1)
			fail("spawn", i);
	for (int i = 1; i <= n; i++) {
		pvm_initsend(PvmDataRaw);
		pvm_pkint(&length, 1, 1);
		pvm_pkbyte((char *)directory, length, 1);
		pvm_pkint(&tids[i - 1], 1, 1);
		pvm_pkint(&tids[i + 1], 1, 1);
		pvm_pkint(&size, 1, 1);
		pvm_send(tids[i], TAG_RING);
	}
	next = tids[n ? 1 : 0];
	before = tids[n];
	fill(size);
	for (int i = 0; i < TOKENS; i++)
		pass(i);
	while (left) {
		int id = pvm_recv(before, TAG_TOKEN), token;

		if (id < 0)
			fail("recv", id);
		token = take();
		if (taken == 2 * TOKENS)
			note("begun", tids[0]);
		if (taken % 16 == 0)
			usleep(1000);
		if (is_there("finish"))
			left--;
		else
			pass(token);
		if (is_there("save"))
			save();
		if (is_there("more"))
			spawn_more(argc, argv);
	}
	for (int i = 0; i < TOKENS; i++)
		all += passed[i];
	pvm_initsend(PvmDataRaw);
	pvm_mcast(tids + 1, n, TAG_END);
	check_filled();
	note("result", all % (n + 1) ? -1 : all / (n + 1));
	return 0;
}

int main(int argc, char **argv)
{
	if (pvm_mytid() < 0)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	return argc > 3 ? lead(argc, argv) : work();
}

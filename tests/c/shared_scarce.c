/* SPDX-License-Identifier: MIT */
/*
 * A task that may not have what shared memory takes exchanges messages all the same.
 *
 *     shared_scarce files|space|descriptors|proc
 *
 * The first task starts others, which forbid themselves to write files, more address space, more
 * descriptors than so many, or to see /proc, and answer its messages.
 */
#define _GNU_SOURCE
#include "numbered.h"
#include "own_segment.h"

#include <sys/resource.h>

enum { ROUNDS = 60, LONGEST = 100000, FEWEST = 4, MOST = 16, ASK = 1, ANSWER };

static const int lengths[] = { 8, 3000, LONGEST };

static void receive_number(int tid, int tag, int number)
{
	CHECK(pvm_recv(tid, tag) > 0);
	CHECK_INT(unpack_number(lengths[number % 3]), number);
}

static void limit(int what, rlim_t n)
{
	struct rlimit l;

	CHECK_INT(getrlimit(what, &l), 0);
	l.rlim_cur = n;
	CHECK_INT(setrlimit(what, &l), 0);
}

/* Bytes of address space in use. */
static rlim_t space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	CHECK(f && fscanf(f, "%lu", &pages) == 1);
	if (f)
		fclose(f);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void forbid(const char *what, int n)
{
	if (strcmp(what, "files") == 0)
		limit(RLIMIT_FSIZE, 0);
	else if (strcmp(what, "space") == 0)
		limit(RLIMIT_AS, space() + (16 << 20));
	else if (strcmp(what, "descriptors") == 0)
		limit(RLIMIT_NOFILE, (rlim_t)n);
	else
		CHECK_INT(chroot(getenv("PVM_TMP")), 0);
}

static int answer(const char *what, int n)
{
	int parent = pvm_parent();

	CHECK(parent > 0);
	forbid(what, n);
	for (int i = 0; i < ROUNDS && !check_failed; i++) {
		receive_number(parent, ASK, i);
		send_number(parent, ANSWER, i, lengths[i % 3]);
	}
	pvm_exit();
	return check_done();
}

static void ask(const char *what, int n)
{
	char number[8], role[20], *child[] = { role, number, NULL };
	int tid;

	snprintf(role, sizeof role, "%s", what);
	snprintf(number, sizeof number, "%d", n);
	CHECK_INT(pvm_spawn("shared_scarce", child, PvmTaskDefault, "", 1, &tid), 1);
	for (int i = 0; i < ROUNDS && !check_failed; i++) {
		send_number(tid, ASK, i, lengths[i % 3]);
		receive_number(tid, ANSWER, i);
	}
}

int main(int argc, char **argv)
{
	alarm(CHECK_SECONDS / 2);
	if (argc > 2)
		return answer(argv[1], atoi(argv[2]));
	if (argc < 2)
		return 2;
	if (strcmp(argv[1], "descriptors") != 0)
		ask(argv[1], 0);
	for (int n = FEWEST; n <= MOST && strcmp(argv[1], "descriptors") == 0; n++)
		ask(argv[1], n);
	printf("%d by memory\n", own_segment() ? (int)own_segment()->messages : 0);
	pvm_exit();
	return check_done();
}

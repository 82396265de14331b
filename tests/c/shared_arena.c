/* SPDX-License-Identifier: MIT */
/*
 * The memory that long messages are packed into is used again, and given back to the system.
 *
 *     shared_arena again    long messages go to and fro, one at a time
 *     shared_arena rest     the task waits after that, and sends them again
 *     shared_arena sleep    its receiver keeps what it has got; the task waits, and sleeps for good
 *     shared_arena kept     a receiver keeps one long message where it lies, and copies a second one
 *     shared_arena large    a message that leaves no room for the next one is copied at once
 */
#define _GNU_SOURCE 1 /* RUSAGE_THREAD */
#include "check.h"
#include "own_segment.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum {
	MIB = 1 << 20,
	LONG = 16 * MIB,
	KEPT = 4 * MIB, /* free blocks that stay, */
	OTHER = MIB,    /* and what else the segment has */
	ROUNDS = 6,
	DATA = 1,
	LAST,
	NEVER,
	KEEP,
};
enum { KEPT_MAX = 2 }; /* messages that are kept */

static char body[LONG];

static void send_bytes(int tid, int tag, int number, int n)
{
	memset(body, number, (size_t)n);
	CHECK(pvm_initsend(PvmDataRaw) >= 0);
	CHECK_INT(pvm_pkbyte(body, n, 1), 0);
	CHECK_INT(pvm_send(tid, tag), 0);
}

/* Receive a message of `n` bytes, and see that all are the same number. */
static void receive_bytes(int tid, int tag, int number, int n)
{
	int bytes = 0, mid = pvm_recv(tid, tag);

	CHECK(mid > 0);
	pvm_bufinfo(mid, &bytes, NULL, NULL);
	CHECK_INT(bytes, n);
	memset(body, 0, (size_t)n);
	CHECK_INT(pvm_upkbyte(body, n, 1), 0);
	CHECK(body[0] == (char)number && memcmp(body, body + 1, (size_t)n - 1) == 0);
}

/* Unpack a message, all of whose bytes are the same; that one. */
static int unpack_bytes(int mid)
{
	int bytes = 0;

	pvm_bufinfo(mid, &bytes, NULL, NULL);
	CHECK_INT(pvm_upkbyte(body, bytes, 1), 0);
	CHECK(memcmp(body, body + 1, (size_t)bytes - 1) == 0);
	return body[0];
}

/* Send messages back, or keep them until the end. */
static int be_echo(void)
{
	int parent = pvm_parent(), mid, bytes = 0, tag = 0, tid = 0, kept[KEPT_MAX], nkept = 0;

	while ((mid = pvm_recv(parent, -1)) > 0) {
		pvm_bufinfo(mid, &bytes, &tag, &tid);
		if (tag == LAST)
			break;
		if (tag == KEEP) {
			kept[nkept++] = pvm_setrbuf(0);
			send_bytes(parent, DATA, nkept, 8);
			continue;
		}
		CHECK_INT(pvm_upkbyte(body, bytes, 1), 0);
		send_bytes(parent, DATA, body[0], bytes);
	}
	for (int i = 0; i < nkept; i++) {
		CHECK(pvm_setrbuf(kept[i]) >= 0);
		CHECK_INT(unpack_bytes(kept[i]), i + 1);
	}
	CHECK(own_segment() && own_segment()->streamed == 0);
	send_bytes(parent, LAST, check_failed, 1);
	pvm_exit();
	return check_done();
}

/* A partner with which a message has gone by memory. */
static int start(void)
{
	char *child[] = { "echo", NULL };
	int tid = 0;

	CHECK_INT(pvm_spawn("shared_arena", child, PvmTaskDefault, "", 1, &tid), 1);
	for (int i = 0; i < 1000 && !(own_segment() && own_segment()->messages); i++) {
		send_bytes(tid, DATA, i, 8);
		receive_bytes(tid, DATA, i, 8);
	}
	CHECK(own_segment() && own_segment()->messages > 0);
	return tid;
}

/* Long messages there and back, all by memory. */
static void exchange(int tid, int rounds)
{
	const struct share_home *home = own_segment();
	uint64_t messages = home->messages, streamed = home->streamed;

	for (int i = 1; i <= rounds; i++) {
		send_bytes(tid, DATA, i, LONG);
		receive_bytes(tid, DATA, i, LONG);
		/* The partner holds the long message until it receives this. */
		send_bytes(tid, DATA, i, 8);
		receive_bytes(tid, DATA, i, 8);
	}
	CHECK_INT((int)(home->messages - messages), 2 * rounds);
	CHECK_INT((int)(home->streamed - streamed), 0);
}

static int end(int tid)
{
	send_bytes(tid, LAST, 0, 1);
	receive_bytes(tid, LAST, 0, 1);
	pvm_exit();
	return check_done();
}

/* Bytes of memory that the own segment has, used or not. */
static long long segment_memory(void)
{
	DIR *dir = opendir("/proc/self/fd");
	long long bytes = -1;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		int fd = atoi(e->d_name);
		char name[64] = "";
		struct stat st;

		/* Peers' descriptors are closed once they are mapped. */
		if (readlinkat(dirfd(dir), e->d_name, name, sizeof name - 1) > 0 &&
			strstr(name, "memfd:pvm") && fstat(fd, &st) == 0)
			bytes = (long long)st.st_blocks * 512;
	}
	if (dir)
		closedir(dir);
	return bytes;
}

/* Each message is packed to where the one before was. */
static int again(void)
{
	int tid = start();

	exchange(tid, ROUNDS);
	CHECK(segment_memory() > LONG);
	CHECK(segment_memory() <= LONG + OTHER);
	return end(tid);
}

/* Free blocks lose their memory while the task waits, and get it again. */
static int rest(void)
{
	struct timeval moment = { 0, 50000 };
	int tid = start();

	exchange(tid, 2);
	CHECK(segment_memory() > LONG);
	while (segment_memory() > KEPT + OTHER)
		CHECK_INT(pvm_trecv(tid, NEVER, &moment), 0);
	CHECK(segment_memory() > 0);
	exchange(tid, 2);
	return end(tid);
}

/* Times that this thread has slept so far. */
static long sleeps(void)
{
	struct rusage used;

	getrusage(RUSAGE_THREAD, &used);
	return used.ru_nvcsw;
}

static int sleep_well(void)
{
	struct timeval some = { 6, 0 }, more = { 3, 0 };
	int tid = start();
	long before;

	send_bytes(tid, DATA, 1, LONG);
	receive_bytes(tid, DATA, 1, LONG);
	CHECK_INT(pvm_trecv(-1, NEVER, &some), 0);
	CHECK(segment_memory() >= LONG);
	before = sleeps();
	CHECK_INT(pvm_trecv(-1, NEVER, &more), 0);
	CHECK_INT(sleeps() - before, 1);
	return end(tid);
}

/* Send a message that is kept as the n-th one. Returns the bytes of blocks that are in use then. */
static long long send_to_keep(int tid, int n, int bytes)
{
	send_bytes(tid, KEEP, n, bytes);
	receive_bytes(tid, DATA, n, 8);
	/* A longer message takes back what has been given back, and takes a block. */
	send_bytes(tid, DATA, n, 3000);
	receive_bytes(tid, DATA, n, 3000);
	return (long long)own_segment()->arena * SHARE_BLOCK;
}

static int kept(void)
{
	int tid = start();

	for (int n = 1; n <= KEPT_MAX; n++) {
		long long used = send_to_keep(tid, n, LONG / 2);

		CHECK(used >= LONG / 2);
		CHECK(used <= LONG / 2 + OTHER);
	}
	return end(tid);
}

static int large(void)
{
	int tid = start();

	CHECK(send_to_keep(tid, 1, LONG) <= OTHER);
	return end(tid);
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";

	alarm(CHECK_SECONDS);
	pvm_setopt(PvmAutoErr, 0);
	if (strcmp(role, "echo") == 0)
		return be_echo();
	if (strcmp(role, "rest") == 0)
		return rest();
	if (strcmp(role, "sleep") == 0)
		return sleep_well();
	if (strcmp(role, "kept") == 0)
		return kept();
	if (strcmp(role, "large") == 0)
		return large();
	return strcmp(role, "again") == 0 ? again() : 2;
}

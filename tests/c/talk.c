/* SPDX-License-Identifier: MIT */
/*
 * Two tasks exchange messages in every encoding and compare the contents.
 *
 *   talk answer ROUTE SIZE...        prints its tid, then waits for the caller
 *   talk call ROUTE SIZE... TID      begins
 *
 * ROUTE is "daemon" or "direct".  The sizes are bytes, the same for both.
 * First the caller sends everything, then the other, then both at once.  The last
 * message of each round is an acknowledgement.  Ends with 0 if all was right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pvm3.h"

enum { TAG_HELLO = 1, TAG_ACK = 2, TAG_DATA = 100 };

static const int encodings[] = { PvmDataDefault, PvmDataRaw, PvmDataInPlace };
static int nsizes, peer, failures;
static size_t sizes[32];
static int *words;
static char *received;

static void fail(const char *what, int code)
{
	printf("FAIL %s: %d\n", what, code);
	failures++;
}

/* Content of a message: depends on its number. */
static int word(size_t i, int number)
{
	return (int)(i * 2654435761u + number * 40503u);
}

static void fill(size_t size, int number)
{
	for (size_t i = 0; i < (size + 3) / 4; i++)
		words[i] = word(i, number);
}

static void send_one(int encoding, size_t size, int number)
{
	int code;

	fill(size, number);
	pvm_initsend(encoding);
	code = pvm_pkint(words, size / 4, 1);
	if (code == 0)
		code = pvm_pkbyte((char *)words, size % 4, 1);
	if (code == 0)
		code = pvm_send(peer, TAG_DATA + number);
	if (code != 0)
		fail("send", code);
}

static void receive_one(size_t size, int number)
{
	int id = pvm_recv(peer, TAG_DATA + number), bytes = -1, tag, tid, code;

	if (id <= 0) {
		fail("pvm_recv", id);
		exit(1);
	}
	pvm_bufinfo(id, &bytes, &tag, &tid);
	if ((size_t)bytes != (size + 3) / 4 * 4 && (size_t)bytes != size)
		fail("length", bytes);
	fill(size, number);
	memset(received, 0, size);
	code = pvm_upkint((int *)received, size / 4, 1);
	if (code == 0)
		code = pvm_upkbyte(received + size / 4 * 4, size % 4, 1);
	if (code != 0)
		fail("unpack", code);
	if (memcmp(received, words, size / 4 * 4) != 0)
		fail("content of message", number);
	if (memcmp(received + size / 4 * 4, words, size % 4) != 0)
		fail("last bytes of message", number);
}

static void send_all(void)
{
	for (int s = 0; s < nsizes; s++)
		for (int e = 0; e < 3; e++)
			send_one(encodings[e], sizes[s], 3 * s + e);
}

static void receive_all(void)
{
	for (int s = 0; s < nsizes; s++)
		for (int e = 0; e < 3; e++)
			receive_one(sizes[s], 3 * s + e);
}

static void acknowledge(void)
{
	pvm_initsend(PvmDataDefault);
	pvm_send(peer, TAG_ACK);
}

static void await_acknowledgement(void)
{
	if (pvm_recv(peer, TAG_ACK) <= 0)
		fail("acknowledgement", -1);
}

/* Is there a socket besides the daemon's? */
static void check_route(const char *route)
{
	int *fds, count = pvm_getfds(&fds), wanted = strcmp(route, "direct") == 0 ? 2 : 1;

	if (count != wanted)
		fail("number of sockets", count);
}

static void meet(int argc, char **argv, int calling)
{
	int id, bytes, tag;

	printf("%d\n", pvm_mytid());
	fflush(stdout);
	if (calling) {
		peer = atoi(argv[argc - 1]);
		pvm_initsend(PvmDataDefault);
		pvm_send(peer, TAG_HELLO);
	} else {
		id = pvm_recv(-1, TAG_HELLO);
		pvm_bufinfo(id, &bytes, &tag, &peer);
	}
}

int main(int argc, char **argv)
{
	int calling = argc > 1 && strcmp(argv[1], "call") == 0;
	size_t largest = 4;

	if (argc < 4 + calling)
		return 2;
	alarm(200);
	for (int i = 3; i < argc - calling && nsizes < 32; i++) {
		sizes[nsizes] = strtoul(argv[i], NULL, 10);
		if (sizes[nsizes] > largest)
			largest = sizes[nsizes];
		nsizes++;
	}
	words = malloc(largest + 4);
	received = malloc(largest + 4);
	if (!words || !received)
		return 2;
	meet(argc, argv, calling);
	pvm_setopt(PvmRoute, strcmp(argv[2], "direct") == 0 ? PvmRouteDirect : PvmDontRoute);
	for (int round = 0; round < 2; round++) {
		if (calling == (round == 0)) {
			send_all();
			await_acknowledgement();
		} else {
			receive_all();
			acknowledge();
		}
	}
	check_route(argv[2]);
	send_all();
	receive_all();
	acknowledge();
	await_acknowledgement();
	pvm_exit();
	return failures ? 1 : 0;
}

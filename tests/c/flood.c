/* SPDX-License-Identifier: MIT */
/*
 * One task sends more than another takes.
 *
 *   flood receive GO         prints its tid, sleeps until the file GO exists, receives all
 *   flood send TID MIB       sends MIB messages of 1 MiB, prints "sent" and their checksum
 *   flood pong               prints its tid and answers; ends on a message with tag 2
 *   flood ping TID STOP      counts round trips to pong, a line each, until STOP exists
 *
 * The receiver prints number and checksum of what it got.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pvm3.h"

enum { TAG_DATA = 1, TAG_END = 2, MESSAGE = 1 << 20 };

static char block[MESSAGE];

static uint64_t checksum(uint64_t sum)
{
	uint64_t word;

	for (size_t i = 0; i < MESSAGE; i += sizeof word) {
		memcpy(&word, block + i, sizeof word);
		sum = (sum << 1 | sum >> 63) ^ word;
	}
	return sum;
}

static void announce(void)
{
	printf("%d\n", pvm_mytid());
	fflush(stdout);
}

static int receive(const char *go)
{
	uint64_t sum = 0;
	int count = 0, bytes, tag, tid;

	announce();
	while (access(go, F_OK) != 0)
		usleep(10000);
	for (;; count++) {
		pvm_bufinfo(pvm_recv(-1, -1), &bytes, &tag, &tid);
		if (tag == TAG_END)
			break;
		if (bytes != MESSAGE || pvm_upkbyte(block, MESSAGE, 1) != 0)
			return 1;
		sum = checksum(sum);
	}
	printf("%d %016llx\n", count, (unsigned long long)sum);
	return 0;
}

static int send_many(int tid, int count)
{
	uint64_t sum = 0, state = 1;

	announce();
	for (int n = 0; n < count; n++) {
		for (size_t i = 0; i < MESSAGE; i += sizeof state) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			memcpy(block + i, &state, sizeof state);
		}
		sum = checksum(sum);
		pvm_initsend(PvmDataInPlace);
		pvm_pkbyte(block, MESSAGE, 1);
		if (pvm_send(tid, TAG_DATA) != 0)
			return 1;
	}
	pvm_initsend(PvmDataDefault);
	pvm_send(tid, TAG_END);
	printf("%d %016llx\n", count, (unsigned long long)sum);
	return 0;
}

static int pong(void)
{
	int bytes, tag, tid;

	announce();
	for (;;) {
		pvm_bufinfo(pvm_recv(-1, -1), &bytes, &tag, &tid);
		if (tag == TAG_END)
			return 0;
		pvm_initsend(PvmDataDefault);
		pvm_send(tid, TAG_DATA);
	}
}

static int ping(int tid, const char *stop)
{
	for (long count = 0; access(stop, F_OK) != 0; count++) {
		pvm_initsend(PvmDataDefault);
		pvm_send(tid, TAG_DATA);
		pvm_recv(tid, TAG_DATA);
		if (count % 100 == 0)
			dprintf(1, "%ld\n", count);
		usleep(1000);
	}
	pvm_initsend(PvmDataDefault);
	pvm_send(tid, TAG_END);
	return 0;
}

int main(int argc, char **argv)
{
	int code = 2;

	alarm(200);
	if (argc == 3 && strcmp(argv[1], "receive") == 0)
		code = receive(argv[2]);
	else if (argc == 4 && strcmp(argv[1], "send") == 0)
		code = send_many(atoi(argv[2]), atoi(argv[3]));
	else if (argc == 2 && strcmp(argv[1], "pong") == 0)
		code = pong();
	else if (argc == 4 && strcmp(argv[1], "ping") == 0)
		code = ping(atoi(argv[2]), argv[3]);
	if (code == 0)
		pvm_exit();
	return code;
}

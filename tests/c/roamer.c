/* SPDX-License-Identifier: MIT */
/*
 * Tasks that pass numbered messages on in a ring while they are moved. The argument "ring COUNT HOPS
 * HOSTS..." makes it the first: it spawns COUNT others in turn on the HOSTS, and prints "ring" and
 * their tids. Each message goes round HOPS times; all have bytes that follow from their numbers. At
 * the end it prints "done", and what was wrong before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pvm3.h"

enum { TAG_NEXT = 1, TAG_WORK = 2, TAG_END = 3, AHEAD = 8, LARGEST = 390000 };

static unsigned char bytes[LARGEST];

static void fail(const char *what, int number, int expected)
{
	printf("wrong: t%x %s %d, not %d\n", pvm_mytid(), what, number, expected);
	fflush(stdout);
	exit(3);
}

static int length_of(int number)
{
	static const int lengths[] = { 0, 12, 4000, 130, 70000, 1, 9000, LARGEST };

	return lengths[number % 8];
}

static void send_on(int tid, int number, int hops)
{
	int length = length_of(number);

	for (int i = 0; i < length; i++)
		bytes[i] = (unsigned char)(number + i * 7);
	pvm_initsend(PvmDataRaw);
	pvm_pkint(&number, 1, 1);
	pvm_pkint(&hops, 1, 1);
	pvm_pkbyte((char *)bytes, length, 1);
	if (pvm_send(tid, TAG_WORK) < 0)
		fail("send", number, 0);
}

/* The number and the hops of a message; its bytes are checked. */
static int take(int *hops)
{
	int number, length;

	if (pvm_upkint(&number, 1, 1) || pvm_upkint(hops, 1, 1))
		fail("head", 0, 0);
	length = length_of(number);
	if (pvm_upkbyte((char *)bytes, length, 1))
		fail("length of", number, length);
	for (int i = 0; i < length; i++)
		if (bytes[i] != (unsigned char)(number + i * 7))
			fail("byte", i, length);
	return number;
}

/* Messages come in the order of their numbers, whatever happens to this task. */
static int be_member(void)
{
	int next, expected = 0, tag;

	pvm_recv(pvm_parent(), TAG_NEXT);
	pvm_upkint(&next, 1, 1);
	for (;;) {
		int hops, number;

		pvm_bufinfo(pvm_recv(-1, -1), NULL, &tag, NULL);
		if (tag == TAG_END)
			return 0;
		number = take(&hops);
		if (number != expected++)
			fail("number", number, expected - 1);
		send_on(next, number, hops + 1);
	}
}

int main(int argc, char **argv)
{
	int tids[64], count = argc > 2 ? atoi(argv[1]) : 0, hops = 0;
	int messages = argc > 2 ? atoi(argv[2]) : 0;

	if (pvm_mytid() < 0)
		return 2;
	if (!count)
		return be_member();
	for (int i = 0; i < count; i++)
		if (pvm_spawn("roamer", NULL, PvmTaskHost, argv[3 + i % (argc - 3)], 1, tids + i) !=
			1)
			fail("spawn", tids[i], 1);
	printf("ring");
	for (int i = 0; i < count; i++) {
		int next = i + 1 < count ? tids[i + 1] : pvm_mytid();

		pvm_initsend(PvmDataRaw);
		pvm_pkint(&next, 1, 1);
		pvm_send(tids[i], TAG_NEXT);
		printf(" %d", tids[i]);
	}
	printf("\n");
	fflush(stdout);
	for (int sent = 0, done = 0; done < messages; done++) {
		while (sent < messages && sent < done + AHEAD)
			send_on(tids[0], sent++, 0);
		pvm_recv(tids[count - 1], TAG_WORK);
		if (take(&hops) != done || hops != count)
			fail("hops", hops, count);
	}
	pvm_initsend(PvmDataRaw);
	pvm_mcast(tids, count, TAG_END);
	printf("done\n");
	pvm_exit();
	return 0;
}

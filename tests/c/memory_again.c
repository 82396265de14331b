/* SPDX-License-Identifier: MIT */
/*
 * A task that leaves and comes back while it holds messages that lie in shared memory: they stay
 * right, and when they are freed nothing of any segment is left.
 */
#include "memory.h"

enum { TAG_LARGE = 1, TAG_SMALL, TAG_END, INTS = 30000, TIMES = 20 };

static int numbers[INTS];

static void pack(int first)
{
	for (int i = 0; i < INTS; i++)
		numbers[i] = first + i;
	pvm_pkint(numbers, INTS, 1);
}

static bool holds(int buffer, int first)
{
	bool good;

	pvm_setrbuf(buffer);
	good = pvm_upkint(numbers, INTS, 1) == 0;
	for (int i = 0; i < INTS; i++)
		good = good && numbers[i] == first + i;
	pvm_setrbuf(0);
	return good;
}

/* Be a task, and leave with a message packed, one received, and some that are neither. */
static void visit(int echo, int round, int *packed, int *received)
{
	CHECK(pvm_mytid() > 0);
	link_with_echo(echo, TAG_SMALL);
	for (int i = 0; i < 3; i++) {
		pvm_initsend(PvmDataRaw);
		pack(100 * round + i);
		CHECK_INT(pvm_send(echo, TAG_LARGE), 0);
	}
	*received = pvm_recv(echo, TAG_LARGE);
	pvm_setrbuf(0);
	*packed = pvm_initsend(PvmDataRaw);
	pack(-round);
	pvm_setsbuf(0);
	check_send_int(echo, TAG_SMALL, round);
	CHECK_INT(check_recv_int(echo, TAG_SMALL), round);
	/* What the echo has not got yet lies in the segment of a task that has left. */
	pvm_initsend(PvmDataRaw);
	pack(round);
	CHECK_INT(pvm_send(echo, TAG_LARGE), 0);
	CHECK_INT(pvm_exit(), 0);
}

/* Send a buffer that was packed in an earlier life. */
static void send_again(int echo, int packed, int first)
{
	int received;

	link_with_echo(echo, TAG_SMALL);
	pvm_freebuf(pvm_setsbuf(packed));
	CHECK_INT(pvm_send(echo, TAG_LARGE), 0);
	pvm_setsbuf(0);
	received = pvm_recv(echo, TAG_LARGE);
	CHECK(holds(received, first));
	CHECK_INT(pvm_freebuf(received), 0);
}

int main(int argc, char **argv)
{
	int echo, packed[TIMES], received[TIMES], open;

	check_start();
	setenv("PVM_SHM_AFTER", "0", 1);
	if (argc > 1)
		return check_echo(TAG_END);
	CHECK_INT(check_spawn(argv, "echo", 1, &echo), 1);
	CHECK_INT(pvm_exit(), 0);
	open = descriptors();
	for (int i = 0; i < TIMES; i++) {
		visit(echo, i, &packed[i], &received[i]);
		CHECK_INT(descriptors(), open);
		CHECK_INT(segments("rw-s"), i + 1);
		CHECK_INT(segments("r--s"), 0);
	}
	CHECK(pvm_mytid() > 0);
	for (int i = 0; i < TIMES; i++) {
		CHECK(holds(received[i], 100 * i));
		CHECK_INT(pvm_freebuf(received[i]), 0);
		send_again(echo, packed[i], -i);
		CHECK_INT(pvm_freebuf(packed[i]), 0);
	}
	pvm_initsend(PvmDataRaw);
	CHECK_INT(pvm_send(echo, TAG_END), 0);
	pvm_freebuf(pvm_getsbuf());
	pvm_freebuf(pvm_getrbuf());
	CHECK_INT(pvm_exit(), 0);
	CHECK_INT(descriptors(), open);
	CHECK_INT(segments("rw-s"), 0);
	CHECK_INT(segments("r--s"), 0);
	return check_done();
}

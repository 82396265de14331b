/* SPDX-License-Identifier: MIT */
/*
 * Sizes that an int does not hold: large message PIECES ROUTE [HOST] sends so many pieces of 256 MiB
 * as one message, over the daemon or directly, raw and in place, to a copy of itself (on a host);
 * large mailbox MEGABYTES puts an entry of that size and gets it back.
 */
#include "check.h"

enum { TAG_DATA = 1, TAG_ANSWER = 2 };

#define PIECE (256 << 20)

static char *piece(void)
{
	char *p = calloc(1, PIECE);

	if (!p)
		exit(2);
	return p;
}

/* What 3.4.6 reports of so many pieces: the low 32 bits. */
static int reported(int pieces)
{
	return (int)(unsigned)((unsigned long long)PIECE * (unsigned)pieces);
}

/* Receive the message, look at both ends of each piece. */
static int receiver(int pieces)
{
	int parent = pvm_parent(), bytes = -1, good = 0, old;
	char *p = piece();

	pvm_setopt(PvmRoute, PvmRouteDirect);
	pvm_bufinfo(old = pvm_recv(parent, TAG_DATA), &bytes, NULL, NULL);
	for (int i = 0; i < pieces; i++) {
		p[0] = p[PIECE - 1] = 0;
		good += pvm_upkbyte(p, PIECE, 1) == 0 && p[0] == 1 && p[PIECE - 1] == 2;
	}
	good += pvm_upkbyte(p, 1, 1) == PvmNoData;
	pvm_freebuf(old);
	check_send_int(parent, TAG_ANSWER, bytes);
	check_send_int(parent, TAG_ANSWER, good);
	return pvm_exit();
}

static void exchange(char **argv, int pieces, int encoding, char *host)
{
	char *arguments[] = { "receiver", argv[2], NULL };
	char *p = piece();
	int tid;

	p[0] = 1;
	p[PIECE - 1] = 2;
	CHECK_INT(pvm_spawn(argv[0], arguments, host ? PvmTaskHost : PvmTaskDefault, host, 1, &tid),
		1);
	pvm_initsend(encoding);
	for (int i = 0; i < pieces; i++)
		CHECK_INT(pvm_pkbyte(p, PIECE, 1), PvmOk);
	CHECK_INT(pvm_send(tid, TAG_DATA), PvmOk);
	pvm_initsend(PvmDataDefault);
	free(p);
	CHECK_INT(check_recv_int(tid, TAG_ANSWER), reported(pieces));
	CHECK_INT(check_recv_int(tid, TAG_ANSWER), pieces + 1);
}

static void mailbox(int size)
{
	int id = pvm_initsend(PvmDataRaw), bytes = 0, me = pvm_mytid();
	char *p = calloc(1, (size_t)size);

	if (!p)
		exit(2);
	p[size - 1] = 3;
	CHECK_INT(pvm_pkbyte(p, size, 1), PvmOk);
	CHECK_INT(pvm_putinfo("large", id, PvmMboxDefault), 0);
	pvm_initsend(PvmDataDefault);
	p[size - 1] = 0;
	CHECK_INT(pvm_bufinfo(pvm_recvinfo("large", 0, PvmMboxDefault), &bytes, NULL, NULL), PvmOk);
	CHECK_INT(bytes, size);
	CHECK_INT(pvm_upkbyte(p, size, 1), PvmOk);
	CHECK_INT(p[size - 1], 3);
	CHECK_INT(pvm_delinfo("large", 0, PvmMboxDefault), 0);
	CHECK_INT(pvm_mytid(), me);
	free(p);
}

int main(int argc, char **argv)
{
	int number = argc > 2 ? atoi(argv[2]) : 0;

	check_start();
	alarm(2 * CHECK_SECONDS);
	if (argc > 2 && strcmp(argv[1], "receiver") == 0)
		return receiver(number);
	if (argc > 2 && strcmp(argv[1], "mailbox") == 0) {
		mailbox(number << 20);
	} else if (argc > 3) {
		if (strcmp(argv[3], "direct") == 0)
			pvm_setopt(PvmRoute, PvmRouteDirect);
		exchange(argv, number, PvmDataRaw, argv[4]);
		exchange(argv, number, PvmDataInPlace, argv[4]);
	}
	pvm_exit();
	return check_done();
}

/* SPDX-License-Identifier: MIT */
/* A course of calls whose messages go through memory that both tasks share. */
#include "faulty.h"

#include <stdlib.h>
#include <string.h>

#include "own_segment.h"

enum { ROUNDS = 4, LONGEST = 150000 };

static char body[LONGEST];
static const int lengths[] = { 8, 3000, LONGEST };
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

void share_at_once(void)
{
	setenv("PVM_SHM_AFTER", "0", 1);
}

void share_back(void)
{
	int mid, bytes, tag, tid;

	share_at_once();
	while ((mid = pvm_recv(-1, ECHO)) > 0) {
		pvm_bufinfo(mid, &bytes, &tag, &tid);
		pvm_setsbuf(mid);
		pvm_send(tid, REPLY);
	}
}

/* A message of that length goes to the partner and comes back. */
static int exchange(int number, int n)
{
	static char got[LONGEST];
	int found = -1;

	memset(body, number, (size_t)n);
	STEP(pvm_initsend(PvmDataRaw));
	STEP(pvm_pkint(&number, 1, 1));
	STEP(pvm_pkbyte(body, n, 1));
	STEP(pvm_send(partner_tid, ECHO));
	STEP(receive(partner_tid, REPLY));
	STEP(pvm_upkint(&found, 1, 1));
	STEP(pvm_upkbyte(got, n, 1));
	RIGHT(found == number && memcmp(got, body, (size_t)n) == 0);
	return 0;
}

static int exchange_all(int first)
{
	int code = 0;

	for (int i = 0; i < ROUNDS * LENGTHS && code >= 0; i++)
		code = exchange(first + i, lengths[i % LENGTHS]);
	return code;
}

void shared(void)
{
	const struct share_home *home;
	int *fds;

	if (exchange_all(0) < 0)
		return;
	home = own_segment();
	if (!fault->fired)
		RIGHT(home && home->messages >= LENGTHS && home->received >= LENGTHS);
	TRY(pvm_getfds(&fds));
	exchange_all(ROUNDS * LENGTHS);
}

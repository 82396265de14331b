/* SPDX-License-Identifier: MIT */
/* Commands of tests/c/intake.c that receive messages, and the function that chooses them. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "intake.h"

enum { LISTED = 1000 };

/* Answer for a buffer or code; the number in the message if it is received. */
static void answer_message(int bufid, bool received)
{
	int tag = 0, tid = 0, value = 0;

	if (bufid <= 0) {
		answer(bufid);
		return;
	}
	pvm_bufinfo(bufid, NULL, &tag, &tid);
	say("%d %d", tag, tid);
	if (received && pvm_upkint(&value, 1, 1) == 0)
		say("%d", value);
}

/* nrecv TID TAG */
static void do_nrecv(char **word)
{
	answer_message(pvm_nrecv(number(word[0]), number(word[1])), true);
}

/* recv TID TAG */
static void do_recv(char **word)
{
	answer_message(pvm_recv(number(word[0]), number(word[1])), true);
}

/* probe TID TAG */
static void do_probe(char **word)
{
	answer_message(pvm_probe(number(word[0]), number(word[1])), false);
}

/* trecv TID TAG SECONDS MICROSECONDS */
static void do_trecv(char **word)
{
	struct timeval time = { number(word[2]), number(word[3]) };

	answer_message(pvm_trecv(number(word[0]), number(word[1]), &time), true);
}

/* ---- the function that chooses messages ---- */

static int (*asking)(int bufid, int tid, int tag);
static int chosen;

static int asked(int bufid)
{
	int tag = -1;

	pvm_bufinfo(bufid, NULL, &tag, NULL);
	printf("asked %d\n", tag);
	return tag;
}

static int rate_none(int bufid, int tid, int tag)
{
	(void)tid, (void)tag;
	asked(bufid);
	return 0;
}

static int rate_by_tag(int bufid, int tid, int tag)
{
	(void)tid, (void)tag;
	return asked(bufid) + 1;
}

static int rate_chosen(int bufid, int tid, int tag)
{
	(void)tid, (void)tag;
	return asked(bufid) == chosen;
}

static int refuse(int bufid, int tid, int tag)
{
	(void)tid, (void)tag;
	asked(bufid);
	return -7;
}

/* recvf off|none|tag|refuse|TAG: the function that is asked, TAG rating 1 */
static void do_recvf(char **word)
{
	asking = rate_chosen;
	if (strcmp(word[0], "off") == 0)
		asking = NULL;
	else if (strcmp(word[0], "none") == 0)
		asking = rate_none;
	else if (strcmp(word[0], "tag") == 0)
		asking = rate_by_tag;
	else if (strcmp(word[0], "refuse") == 0)
		asking = refuse;
	chosen = number(word[0]);
	pvm_recvf(asking);
	answer(0);
}

static int listed_ids[LISTED], listed_count;

/* Say the tag of a message that has not been shown yet. */
static int listed(int bufid, int tid, int tag)
{
	int is = -1;

	(void)tid, (void)tag;
	for (int i = 0; i < listed_count; i++)
		if (listed_ids[i] == bufid)
			return 0;
	if (listed_count < LISTED)
		listed_ids[listed_count++] = bufid;
	pvm_bufinfo(bufid, NULL, &is, NULL);
	say("%d", is);
	return 0;
}

/* list: tags of the messages that have been taken in and not received; nothing is taken in */
static void do_list(char **word)
{
	struct timeval negative = { -1, 0 };

	(void)word;
	listed_count = 0;
	pvm_recvf(listed);
	pvm_trecv(-1, -1, &negative);
	pvm_recvf(asking);
}

const struct command receive_commands[] = {
	{ "list", do_list },
	{ "nrecv", do_nrecv },
	{ "probe", do_probe },
	{ "recv", do_recv },
	{ "recvf", do_recvf },
	{ "trecv", do_trecv },
	{ NULL, NULL },
};

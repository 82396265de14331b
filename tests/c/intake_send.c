/* SPDX-License-Identifier: MIT */
/* Commands of tests/c/intake.c that send messages. */
#include <stdlib.h>

#include "intake.h"

/* send TID TAG NUMBER */
static void do_send(char **word)
{
	int value = number(word[2]);

	pvm_initsend(PvmDataDefault);
	pvm_pkint(&value, 1, 1);
	answer(pvm_send(number(word[0]), number(word[1])));
}

/* empty TID TAG */
static void do_empty(char **word)
{
	pvm_initsend(PvmDataDefault);
	answer(pvm_send(number(word[0]), number(word[1])));
}

/* packed TID TAG NUMBER BYTES: an int and so many bytes */
static void do_packed(char **word)
{
	int value = number(word[2]), bytes = number(word[3]);
	char *data = calloc(1, bytes + 1);

	pvm_initsend(PvmDataDefault);
	pvm_pkint(&value, 1, 1);
	pvm_pkbyte(data, bytes, 1);
	answer(pvm_send(number(word[0]), number(word[1])));
	free(data);
}

/* blocks TID TAG N: in place, the first block large */
static void do_blocks(char **word)
{
	static char data[20000];
	int n = number(word[2]);

	pvm_initsend(PvmDataInPlace);
	pvm_pkbyte(data, sizeof data, 1);
	for (int i = 1; i < n; i++)
		pvm_pkbyte(data, 8, 1);
	answer(pvm_send(number(word[0]), number(word[1])));
}

/* psend TID TAG BYTES */
static void do_psend(char **word)
{
	int bytes = number(word[2]);
	char *data = calloc(1, bytes + 1);

	answer(pvm_psend(number(word[0]), number(word[1]), data, bytes, PVM_BYTE));
	free(data);
}

/* mcast TAG TID... */
static void do_mcast(char **word)
{
	int tids[MAX_WORDS], n = numbers(word + 1, tids);

	pvm_initsend(PvmDataDefault);
	answer(pvm_mcast(tids, n, number(word[0])));
}

/* notify EVENT TAG COUNT TID...; no TID: COUNT is that of route notices */
static void do_notify(char **word)
{
	int tids[MAX_WORDS], n = numbers(word + 3, tids), count = number(word[2]);

	answer(pvm_notify(number(word[0]), number(word[1]), count, n ? tids : NULL));
}

const struct command send_commands[] = {
	{ "blocks", do_blocks },
	{ "empty", do_empty },
	{ "mcast", do_mcast },
	{ "notify", do_notify },
	{ "packed", do_packed },
	{ "psend", do_psend },
	{ "send", do_send },
	{ NULL, NULL },
};

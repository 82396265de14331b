/* SPDX-License-Identifier: MIT */
/* Requests in one line: messages from and to argument lists. */
#include <stdarg.h>

#include "ask.h"

int pvm__ask(int tag, struct message *req, struct message **reply)
{
	return req ? pvm__request(tag, req, reply) : PvmNoMem;
}

int pvm__ask_code(int tag, struct message *req)
{
	return req ? pvm__request_code(tag, req) : PvmNoMem;
}

int pvm__ask_sched(int tm_tag, int sm_tag, struct message *req, struct message **reply)
{
	return req ? pvm__request_sched(tm_tag, sm_tag, req, reply) : PvmNoMem;
}

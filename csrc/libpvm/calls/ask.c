/* SPDX-License-Identifier: MIT */
/* Requests of public calls: enrol, then ask. */
#include "calls/api.h"

int pvm__ask(int tag, struct message *req, struct message **reply)
{
	int code = pvm__connect();

	if (code == 0)
		return pvm__request(tag, req, reply);
	pvm__message_unref(req);
	return code;
}

int pvm__ask_sched(int tm_tag, int sm_tag, struct message *req, struct message **reply)
{
	int code = pvm__connect();

	if (code == 0)
		return pvm__request_sched(tm_tag, sm_tag, req, reply);
	pvm__message_unref(req);
	return code;
}

int pvm__refuse(int error)
{
	int code = pvm__connect();

	return code < 0 ? code : error;
}

int pvm__ask_code(int tag, struct message *req)
{
	struct message *reply;
	int code = pvm__ask(tag, req, &reply);
	int answer;

	if (code < 0)
		return code;
	code = pvm__get_int(reply, &answer);
	pvm__message_unref(reply);
	return code < 0 ? code : answer;
}

/* SPDX-License-Identifier: MIT */
/* Where own output and trace go, as the daemon knows it too. */
#include "engine/engine.h"

/* Tell the daemon a destination; it takes hexadecimal text. */
static int tell_daemon(int what, int value)
{
	char text[12];
	struct message *reply;
	int code;

	snprintf(text, sizeof text, "%x", (unsigned)value);
	code = pvm__request(TM_SETOPT, pvm__compose("is", what, text), &reply);
	if (code == 0)
		pvm__message_unref(reply);
	return code;
}

static void inherit_output(void)
{
	pvmctrc.outtid = pvmtrc.outtid;
	pvmctrc.outctx = pvmtrc.outctx;
	pvmctrc.outtag = pvmtrc.outtag;
}

static void inherit_trace(void)
{
	pvmctrc.trctid = pvmtrc.trctid;
	pvmctrc.trcctx = pvmtrc.trcctx;
	pvmctrc.trctag = pvmtrc.trctag;
}

int pvm__redirect_output(int tid)
{
	int code = pvmtrc.outtid > 0 || tid > 0 ? tell_daemon(TS_OUTTID, tid) : 0;

	if (code)
		return code;
	pvmtrc.outtid = tid;
	inherit_output();
	return 0;
}

int pvm__redirect_trace(int tid)
{
	int code = pvmtrc.trctid > 0 || tid > 0 ? tell_daemon(TS_TRCTID, tid) : 0;

	if (code)
		return code;
	if (tid != pvmtrc.trctid) {
		pvm__trace_flush();
		pvm__trace_renew();
	}
	pvm__set_tracer(tid);
	inherit_trace();
	return 0;
}

int pvm__set_output_tag(int tag)
{
	int code = pvmtrc.outtid > 0 ? tell_daemon(TS_OUTTAG, tag) : PvmBadParam;

	if (code)
		return code;
	pvmtrc.outtag = tag;
	inherit_output();
	return 0;
}

int pvm__set_trace_tag(int tag)
{
	int code = pvmtrc.trctid > 0 ? tell_daemon(TS_TRCTAG, tag) : PvmBadParam;

	if (code)
		return code;
	pvmtrc.trctag = tag;
	inherit_trace();
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Settings of trace that a task makes for its children, and what they and theirs find. */
#include "check.h"
#include "pvmtev.h"

enum { TAG_REPORT = 1, TRACE_TAG = 77, TRACE_CONTEXT = 9, BUFFER = 1000000 };

static const int settings[] = { PvmSelfTraceTid, PvmSelfTraceContext, PvmSelfTraceCode,
	PvmSelfTraceBuffer, PvmSelfTraceOptions, PvmTraceTid, PvmTraceContext, PvmTraceCode,
	PvmTraceBuffer, PvmTraceOptions };
enum { SETTINGS = sizeof settings / sizeof *settings };

/* Tell the first task what is set here; with a generation left, spawn one more. */
static int child(char **argv)
{
	char left[2] = { (char)(argv[2][0] - 1), 0 };
	char *arguments[] = { "child", left, argv[3], NULL };
	int first = atoi(argv[3]), tid;
	Pvmtmask mask;

	pvm_mytid();
	pvm_gettmask(PvmTaskSelf, mask);
	pvm_initsend(PvmDataDefault);
	for (int i = 0; i < SETTINGS; i++) {
		int value = pvm_getopt(settings[i]);

		pvm_pkint(&value, 1, 1);
	}
	pvm_pkstr(mask);
	pvm_send(first, TAG_REPORT);
	if (left[0] >= '0')
		pvm_spawn(argv[0], arguments, PvmTaskDefault, "", 1, &tid);
	pvm_exit();
	return 0;
}

int main(int argc, char **argv)
{
	char number[20], *arguments[] = { "child", "1", number, NULL }, text[100];
	int me, tid, value;
	Pvmtmask mask;

	check_start();
	if (argc > 1)
		return child(argv);
	me = pvm_mytid();
	snprintf(number, sizeof number, "%d", me);
	TEV_MASK_INIT(mask);
	TEV_MASK_SET(mask, TEV_SEND);
	CHECK_INT(pvm_settmask(PvmTaskChild, mask), 0);
	CHECK_INT(pvm_setopt(PvmTraceTid, me), 0);
	CHECK_INT(pvm_setopt(PvmTraceContext, TRACE_CONTEXT), 0);
	CHECK_INT(pvm_setopt(PvmTraceCode, TRACE_TAG), 0);
	CHECK_INT(pvm_setopt(PvmTraceBuffer, BUFFER), 0);
	CHECK_INT(pvm_setopt(PvmTraceOptions, PvmTraceFull), 0);
	CHECK_INT(pvm_spawn(argv[0], arguments, PvmTaskDefault, "", 1, &tid), 1);
	for (int generation = 0; generation < 2; generation++) {
		const int expected[SETTINGS] = { me, TRACE_CONTEXT, TRACE_TAG, BUFFER, PvmTraceFull,
			me, TRACE_CONTEXT, TRACE_TAG, BUFFER, PvmTraceFull };

		CHECK(pvm_recv(-1, TAG_REPORT) > 0);
		for (int i = 0; i < SETTINGS; i++) {
			CHECK_INT(pvm_upkint(&value, 1, 1), 0);
			CHECK_INT(value, expected[i]);
		}
		CHECK_INT(pvm_upkstr(text), 0);
		CHECK_TEXT(text, mask);
	}
	/* The buffered events come when a child exits, in the context that was set. */
	pvm_setcontext(TRACE_CONTEXT);
	CHECK(pvm_recv(-1, TRACE_TAG) > 0);
	CHECK_INT(pvm_getopt(PvmSelfTraceTid), 0);
	pvm_setcontext(0);
	pvm_exit();
	return check_done();
}

/* SPDX-License-Identifier: MIT */
/* Enrolling and leaving, error texts, registration of system tasks, small helpers. */
#include "check.h"

static void before_enrolling(void)
{
	CHECK_TEXT(pvm_version(), "3.4.6");
	CHECK_INT(pvm_exit(), 0);
	CHECK_INT(pvm_tidtohost(0x40003), 0x40000);
	CHECK_INT(pvm_tidtohost(-1), 0x3ffc0000);
	CHECK_INT(pvm_getcontext(), 0);
}

static void again_and_again(void)
{
	int first = pvm_mytid(), second;

	CHECK(first > 0);
	CHECK_INT(pvm_mytid(), first);
	CHECK_INT(pvm_exit(), 0);
	CHECK_INT(pvm_exit(), 0);
	second = pvm_mytid();
	CHECK(second > first);
	CHECK_INT(pvm_pstat(first), PvmNoTask);
	CHECK_INT(pvm_pstat(second), PvmOk);
}

/* Whatever was received and not taken is gone after pvm_exit. */
static void exit_drops_messages(void)
{
	int mytid = pvm_mytid();

	check_send_int(mytid, 1, 1);
	check_send_int(mytid, 2, 2);
	CHECK_INT(check_recv_int(-1, 2), 2);
	pvm_exit();
	CHECK(pvm_mytid() > 0);
	CHECK_INT(pvm_nrecv(-1, -1), 0);
}

static void error_texts(void)
{
	static const struct {
		int code;
		char *text;
	} texts[] = {
		{ 0, "Error 0" },
		{ PvmBadParam, "Bad parameter" },
		{ PvmMismatch, "Parameter mismatch" },
		{ PvmOverflow, "Value too large" },
		{ PvmNoData, "End of buffer" },
		{ PvmNoHost, "No such host" },
		{ PvmNoFile, "No such file" },
		{ PvmDenied, "Permission denied" },
		{ PvmNoMem, "Malloc failed" },
		{ PvmBadMsg, "Can't decode message" },
		{ PvmSysErr, "Can't contact local daemon" },
		{ PvmNoBuf, "No current buffer" },
		{ PvmNoSuchBuf, "No such buffer" },
		{ PvmNoParent, "No parent task" },
		{ PvmNotImpl, "Not implemented" },
		{ PvmNoTask, "No such task" },
		{ PvmNotFound, "Not Found" },
		{ PvmExists, "Already Exists" },
		{ PvmParentNotSet, "Spawning parent set PvmNoParent" },
		{ 1, "Unknown Error" },
		{ -37, "Unknown Error" },
		{ -1, "Error 1" },
	};

	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
		pvm_errno = texts[i].code;
		CHECK_TEXT(pvm_strerror(), texts[i].text);
	}
	pvm_errno = 0;
	CHECK_INT(pvm_freebuf(4711), PvmNoSuchBuf);
	CHECK_INT(pvm_errno, PvmNoSuchBuf);
	CHECK_INT(pvm_freebuf(0), 0);
	CHECK_INT(pvm_errno, PvmNoSuchBuf);
}

/* Codes that only answer a question; and what programs print when a spawn started nothing. */
static void answers_are_no_errors(void)
{
	int tid;

	pvm_errno = PvmNoMem;
	CHECK_INT(pvm_parent(), PvmNoParent);
	CHECK_INT(pvm_pstat(pvm_mytid() + 1000), PvmNoTask);
	CHECK_INT(pvm_mstat("no-such-host"), PvmNoHost);
	CHECK_INT(pvm_errno, PvmNoMem);
	CHECK_INT(pvm_mstat(""), PvmBadParam);
	CHECK_INT(pvm_errno, PvmBadParam);
	pvm_exit();
	CHECK(pvm_mytid() > 0);
	CHECK_INT(pvm_errno, PvmNotFound);
	CHECK_INT(pvm_spawn("no-such-program", NULL, 0, "", 1, &tid), 0);
	CHECK_INT(tid, PvmNoFile);
	CHECK_TEXT(pvm_strerror(), "Not Found");
}

/* What a call prints on standard error. */
static void check_printed(void (*call)(void), const char *expected)
{
	char text[CHECK_PRINTED];

	check_capture(call, text);
	CHECK_TEXT(text, expected);
}

static void call_perror(void)
{
	pvm_errno = PvmNoHost;
	pvm_perror("while testing");
}

static void call_perror_null(void)
{
	pvm_errno = PvmNoHost;
	pvm_perror(NULL);
}

static void call_with_error(void)
{
	pvm_setopt(PvmAutoErr, 1);
	pvm_freebuf(4711);
	pvm_setopt(PvmAutoErr, 0);
	pvm_freebuf(4711);
}

static void call_start(void)
{
	pvm_setopt(PvmAutoErr, 1);
	pvm_start_pvmd(0, NULL, 0);
	pvm_setopt(PvmAutoErr, 0);
	pvm_start_pvmd(0, NULL, 0);
}

/* 3.4.6 says what is wrong, ours also what helps; both only if errors are told at all. */
static void second_machine(int tid)
{
	char expected[CHECK_PRINTED];
	int n = snprintf(expected, sizeof expected,
		"libpvm [t%x]: pvm_start_pvmd(): Duplicate host\n", tid);

	if (check_ours("library"))
		snprintf(expected + n, sizeof expected - (size_t)n,
			"libpvm [t%x] a daemon runs already, and this program can use it; for a second "
			"virtual machine set PVM_VMID to another name\n",
			tid);
	check_printed(call_start, expected);
}

static void call_that_keeps_quiet(void)
{
	int index;

	pvm_setopt(PvmAutoErr, 1);
	pvm_parent();
	pvm_pstat(pvm_mytid() + 1000);
	pvm_mstat("no-such-host");
	pvm_lookup("no such class", 0, &index);
	pvm_recvinfo("no such class", 0, 0);
	pvm_setopt(PvmAutoErr, 0);
}

static void error_printing(void)
{
	char expected[300];
	int tid = pvm_mytid();

	snprintf(expected, sizeof expected, "libpvm [t%x]: while testing: No such host\n", tid);
	check_printed(call_perror, expected);
	snprintf(expected, sizeof expected, "libpvm [t%x]: (null): No such host\n", tid);
	check_printed(call_perror_null, expected);
	snprintf(expected, sizeof expected, "libpvm [t%x]: pvm_freebuf(): No such buffer\n", tid);
	check_printed(call_with_error, expected);
	check_printed(call_that_keeps_quiet, "");
	second_machine(tid);
}

static void system_tasks(void)
{
	CHECK_INT(pvm_reg_tasker(), 0);
	CHECK_INT(pvm_reg_tasker(), 0);
	CHECK_INT(pvm_reg_hoster(), 0);
	CHECK_INT(pvm_reg_hoster(), 0);
}

static void exported_names(void)
{
	unsetenv("PVM_EXPORT");
	CHECK_INT(pvm_export("ONE"), 0);
	CHECK_TEXT(getenv("PVM_EXPORT"), "ONE");
	CHECK_INT(pvm_export("TWO"), 0);
	CHECK_INT(pvm_export("ONE"), 0);
	CHECK_TEXT(getenv("PVM_EXPORT"), "ONE:TWO");
	CHECK_INT(pvm_unexport("ONE"), 0);
	CHECK_TEXT(getenv("PVM_EXPORT"), "TWO");
	CHECK_INT(pvm_unexport("NONE"), 0);
	CHECK_INT(pvm_export(""), 0);
	CHECK_INT(pvm_unexport(""), 0);
	CHECK_TEXT(getenv("PVM_EXPORT"), "TWO");
	CHECK_INT(pvm_export("THREE:FOUR"), 0);
	CHECK_INT(pvm_unexport("THREE:FOUR"), 0);
	CHECK_TEXT(getenv("PVM_EXPORT"), "TWO:THREE:FOUR");
	CHECK_INT(pvm_unexport("THREE"), 0);
	CHECK_TEXT(getenv("PVM_EXPORT"), "TWO:FOUR");
}

int main(void)
{
	/* What the program sets before its first call stays. */
	pvm_errno = PvmNoHost;
	check_start();
	CHECK_TEXT(pvm_strerror(), "No such host");
	before_enrolling();
	again_and_again();
	exit_drops_messages();
	error_texts();
	answers_are_no_errors();
	error_printing();
	system_tasks();
	exported_names();
	pvm_exit();
	return check_done();
}

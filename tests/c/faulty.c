/* SPDX-License-Identifier: MIT */
/*
 * Runs a course of calls again and again, each time with a later fault, until it comes to its
 * end without one:
 *
 *     faulty SCENARIO CLASS[+] [N]
 *
 * CLASS is one of fault.c; with + all calls from the Nth on fail, for each third N. Each run is a
 * process of its own. No run may crash, hang, leak memory, descriptors or temporary files; each call that
 * fails has a code of PVM; faults that only ask for another try are not seen at all; and
 * after the fault the library works. With N only that fault happens, and it is shown where.
 *
 * Prints "N faults" and has status 0 if all is well.
 */
#define _GNU_SOURCE
#include "faulty.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	RUN_SECONDS = 100, /* a run that takes longer hangs */
	PROBLEMS_MAX = 5,  /* runs that are reported before the rest is not tried */
	FAULTS_MAX = 20000,
};

extern int pvm_errno;
void __sanitizer_print_stack_trace(void) __attribute__((weak));

const struct scenario *scenario;
int echo_tid, partner_tid;
static int problems;

/* ---- checks ------------------------------------------------------------------------- */

void wrong(const char *format, ...)
{
	va_list ap;

	problems++;
	printf("FAIL %s, %s fault %d%s (%s): ", scenario->name, fault_class_names[fault->class],
		fault->nth, fault->lasting ? "+" : "",
		fault->fired ? fault->call : "has not happened yet");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* Is it an error code of PVM that has a text? */
static bool named(int code)
{
	pvm_errno = code;
	return strncmp(pvm_strerror(), "Error ", 6) != 0 &&
		strcmp(pvm_strerror(), "Unknown Error") != 0;
}

bool went(int code, const char *call)
{
	if (code >= 0)
		return true;
	if (!fault->fired || fault_invisible(fault->class))
		wrong("%s returned %d", call, code);
	else if (!named(code))
		wrong("%s returned %d, which is no error code", call, code);
	return false;
}

int receive(int tid, int tag)
{
	bool may_lose = scenario->lossy && !fault_invisible(fault->class);
	struct timeval limit = { 0, 200000 };
	bool fired = false;
	int mid = 0;

	/* With a loss in view it is over one try after the fault. */
	for (int i = 0; i < 200 && mid == 0 && !(may_lose && fired); i++) {
		fired = fault->fired > 0;
		mid = pvm_trecv(tid, tag, &limit);
	}
	if (mid == 0 && !(may_lose && fired))
		wrong("message %d of t%x never came", tag, (unsigned)tid);
	return mid ? mid : PvmSysErr;
}

/* Number of open descriptors. */
static int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

/* The library works: this task enrols if it must, and gets a message of its own. */
static void check_usable(void)
{
	struct timeval limit = { 40, 0 };
	int tid = pvm_mytid(), sent = 4711, got = 0, mid;

	/* The daemon may have been lost behind the answer to the last call. */
	if (tid == PvmSysErr && !fault_invisible(fault->class))
		tid = pvm_mytid();
	pvm_setopt(PvmRoute, PvmAllowDirect);
	pvm_setcontext(0);
	if (tid < 0 || pvm_initsend(PvmDataDefault) < 0 || pvm_pkint(&sent, 1, 1) < 0 ||
		pvm_send(tid, 999) < 0)
		wrong("afterwards a message cannot be sent: %d", pvm_errno);
	/* What went missing while memory was short is told here at the latest. */
	mid = pvm_trecv(tid, 999, &limit);
	if (mid == PvmNoMem && fault->class == FAULT_MEMORY)
		mid = pvm_trecv(tid, 999, &limit);
	if (mid <= 0 || pvm_upkint(&got, 1, 1) < 0 || got != sent)
		wrong("afterwards a message does not arrive: %d", mid);
	if (pvm_exit() < 0)
		wrong("afterwards pvm_exit fails: %d", pvm_errno);
}

/* ---- runs --------------------------------------------------------------------------- */

static void hang(int signal)
{
	static const char text[] = "FAIL: a run hangs\n";

	(void)signal;
	if (write(STDOUT_FILENO, text, sizeof text - 1) > 0 && __sanitizer_print_stack_trace)
		__sanitizer_print_stack_trace();
	_exit(3);
}

/* The process of one run: its exit status. */
static int run(void)
{
	int before = descriptors();

	signal(SIGALRM, hang);
	alarm(RUN_SECONDS);
	problems = 0;
	pvm_setopt(PvmAutoErr, 0);
	if (scenario->enrolled && pvm_mytid() < 0)
		wrong("cannot enrol");
	if (scenario->prepare)
		scenario->prepare();
	fault_arm();
	scenario->run();
	fault_disarm();
	check_usable();
	if (descriptors() > before)
		wrong("%d descriptors are left open", descriptors() - before);
	return problems > 0;
}

/* Start a process that enrols without faults and runs `f`; its tid goes to *tid. */
static pid_t start_helper(void (*f)(void), int *tid)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0 || (pid = fork()) < 0)
		return -1;
	if (pid == 0) {
		alarm(600);
		pvm_setopt(PvmAutoErr, 0);
		*tid = pvm_mytid();
		if (scenario->groups)
			pvm_gsize("nobody");
		if (write(ends[1], tid, sizeof *tid) == sizeof *tid) {
			close(ends[0]);
			close(ends[1]);
			f();
		}
		_exit(0);
	}
	close(ends[1]);
	if (read(ends[0], tid, sizeof *tid) != sizeof *tid)
		*tid = 0;
	close(ends[0]);
	return pid;
}

static void stop_helper(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Sends each message back to where it came from, with its first tag over a direct route. */
static void send_back(void)
{
	for (;;) {
		struct pvmminfo head;
		int mid;

		pvm_setcontext(-1);
		mid = pvm_recv(-1, -1);
		if (mid < 0)
			return;
		pvm_getminfo(mid, &head);
		if (head.tag != ECHO && head.tag != ECHO_DIRECT)
			continue;
		pvm_setopt(PvmRoute, head.tag == ECHO ? PvmAllowDirect : PvmRouteDirect);
		pvm_setcontext(head.ctx);
		pvm_setsbuf(mid);
		pvm_send(head.src, REPLY);
		pvm_freebuf(mid);
	}
}

/* One run with the fault that is set. */
static bool run_process(void)
{
	pid_t partner = 0, echo = 0, pid;
	int status = 0;

	if (scenario->renewed)
		echo = start_helper(send_back, &echo_tid);
	if (scenario->partner)
		partner = start_helper(scenario->partner, &partner_tid);
	pid = fork();
	if (pid == 0)
		exit(run());
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return false;
	stop_helper(partner);
	stop_helper(echo);
	if (WIFSIGNALED(status))
		wrong("ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		wrong("ended with status %d", WEXITSTATUS(status));
	return status == 0;
}

/* Make all faults of the class happen, or only the nth: number of them, -1: something failed. */
static int run_all(int only)
{
	int bad = 0, step = fault->lasting ? 3 : 1, n;

	fault->verbose = only > 0;
	for (n = only > 0 ? only : 1; n < FAULTS_MAX; n += step) {
		fault->nth = n;
		fault->seen = fault->fired = 0;
		fault->armed = false;
		if (!run_process() && ++bad >= PROBLEMS_MAX)
			break;
		if (!fault->fired || only > 0)
			break;
	}
	return bad ? -1 : n - 1;
}

/* Take class and duration from the second argument. */
static bool parse_class(const char *text)
{
	size_t n = strcspn(text, "+");

	fault->lasting = text[n] == '+';
	for (int c = 0; c < FAULT_CLASSES; c++)
		if (strlen(fault_class_names[c]) == n &&
			strncmp(text, fault_class_names[c], n) == 0) {
			fault->class = c;
			return true;
		}
	return false;
}

int main(int argc, char **argv)
{
	pid_t echo;
	int n;

	if (!fault_init())
		return 2;
	for (scenario = scenarios; scenario->name; scenario++)
		if (argc > 2 && strcmp(scenario->name, argv[1]) == 0)
			break;
	if (argc < 3 || !scenario->name || !parse_class(argv[2])) {
		fprintf(stderr, "usage: faulty SCENARIO CLASS[+] [N]\n");
		return 2;
	}
	echo = scenario->renewed ? 0 : start_helper(send_back, &echo_tid);
	n = run_all(argc > 3 ? atoi(argv[3]) : 0);
	stop_helper(echo);
	if (n >= 0)
		printf("%d faults\n", n);
	return n < 0;
}

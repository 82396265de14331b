/* SPDX-License-Identifier: MIT */
/*
 * Order and loss of messages of two tasks while a direct route between them is being made.
 *
 *     overtaking DAEMON CASE
 *
 * A child asks the first task for a route. One of both sends while the route is not there yet, and
 * again when it is. The daemon, process DAEMON, is stopped meanwhile: what it was given comes last.
 *
 *     awaited  the first task answers the request, and sends two multicasts
 *     passed   the same, while the child is stopped for longer than anybody waits for it
 *     handler  the child sends by a handler that runs while it waits for the answer
 *     late     the first task runs a handler when the child connects, until it would wait no longer
 */
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "check.h"

enum { PID = 1, ORDER, DATA, PROVOKE, WORD, END };
enum { CAST, HANDLE, LATE, TRIGGER };

enum { LONGER_S = 3 }; /* than a task waits for one that has asked */

/* ---- processes ------------------------------------------------------------------------- */

static char state_of(pid_t pid)
{
	char name[40], text[200] = "", *end;
	FILE *file;

	snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
	file = fopen(name, "r");
	if (!file)
		return 0;
	end = fgets(text, sizeof text, file) ? strrchr(text, ')') : NULL;
	fclose(file);
	return end ? end[2] : 0;
}

static void await_state(pid_t pid, char state)
{
	while (state_of(pid) != state)
		usleep(100);
}

static void stop(pid_t pid)
{
	CHECK_INT(kill(pid, SIGSTOP), 0);
	await_state(pid, 'T');
}

static void let_go_on(pid_t pid)
{
	CHECK_INT(kill(pid, SIGCONT), 0);
}

/* ---- the child --------------------------------------------------------------------------- */

static int parent;

static int send_the_first(int id)
{
	(void)id;
	check_send_int(parent, DATA, 0);
	return 0;
}

static int child(void)
{
	int order;

	parent = pvm_parent();
	pvm_addmhf(parent, PROVOKE, -1, send_the_first);
	check_send_int(parent, PID, getpid());
	switch (order = check_recv_int(parent, ORDER)) {
	case CAST:
	case LATE:
		pvm_setopt(PvmRoute, PvmRouteDirect);
		raise(SIGSTOP);
		check_send_int(parent, WORD, 0);
		if (order == LATE)
			raise(SIGSTOP);
		for (int i = 0; i < 2; i++)
			CHECK_INT(check_recv_int(parent, DATA), i);
		break;
	case HANDLE:
		pvm_setopt(PvmRoute, PvmRouteDirect);
		raise(SIGSTOP);
		check_send_int(parent, DATA, 1);
		raise(SIGSTOP);
		break;
	case TRIGGER:
		await_state(check_recv_int(parent, PID), 'S');
		check_send_int(parent, PROVOKE, 0);
		break;
	default: CHECK(!"an order");
	}
	check_send_int(parent, END, check_failed);
	return pvm_exit();
}

/* ---- the first task ---------------------------------------------------------------------- */

struct peer {
	int tid;
	pid_t pid;
};

static int sockets(int **fds)
{
	return pvm_getfds(fds);
}

/* Have it ask for a route, and stop it before it can see the answer. The request is not taken in. */
static struct peer start_asker(char **argv, int order)
{
	struct peer p = { 0 };
	struct pollfd daemon = { .events = POLLIN };
	int *fds;

	CHECK_INT(check_spawn(argv, "child", 1, &p.tid), 1);
	p.pid = check_recv_int(p.tid, PID);
	CHECK_INT(sockets(&fds), 1);
	daemon.fd = fds[0];
	check_send_int(p.tid, ORDER, order);
	await_state(p.pid, 'T');
	let_go_on(p.pid);
	CHECK_INT(poll(&daemon, 1, -1), 1);
	stop(p.pid);
	return p;
}

/* Answer its request: the answer has come to its socket, and it does not know. */
static void answer(const struct peer *p)
{
	int *fds;

	CHECK_INT(pvm_probe(-1, END), 0);
	CHECK_INT(sockets(&fds), 2);
	/* The daemon answers these later than it passes on what was sent before. */
	for (int i = 0; i < 2; i++)
		CHECK_INT(pvm_pstat(p->tid), PvmOk);
}

static void cast(int tid, int number)
{
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&number, 1, 1);
	CHECK_INT(pvm_mcast(&tid, 1, DATA), 0);
}

/* A process that lets the other one go on when the caller sleeps. */
static pid_t start_helper(pid_t other)
{
	pid_t self = getpid(), helper = fork();

	if (helper)
		return helper;
	await_state(self, 'S');
	kill(other, SIGCONT);
	_exit(0);
}

/* The other side of the route has taken all that was written, and sleeps. */
static void await_reader(const struct peer *p)
{
	int *fds, left = 1;

	CHECK_INT(sockets(&fds), 2);
	while (left || state_of(p->pid) != 'S') {
		CHECK_INT(ioctl(fds[1], SIOCOUTQ, &left), 0);
		usleep(100);
	}
}

static void cast_twice(char **argv, pid_t daemon, bool helped)
{
	struct peer p = start_asker(argv, CAST);
	pid_t helper = -1;

	answer(&p);
	stop(daemon);
	if (helped)
		helper = start_helper(p.pid);
	cast(p.tid, 0);
	if (helped)
		CHECK_INT(waitpid(helper, NULL, 0), helper);
	let_go_on(p.pid);
	CHECK_INT(check_recv_int(p.tid, WORD), 0);
	cast(p.tid, 1);
	await_reader(&p);
	let_go_on(daemon);
	CHECK_INT(check_recv_int(p.tid, END), 0);
}

static void send_by_handler(char **argv, pid_t daemon)
{
	struct peer p = start_asker(argv, HANDLE);

	check_send_int(p.tid, PROVOKE, 0);
	answer(&p);
	stop(daemon);
	let_go_on(p.pid);
	await_state(p.pid, 'T');
	/* What has come by the route is taken in. */
	for (int i = 0; i < 10; i++)
		CHECK_INT(pvm_probe(-1, END), 0);
	let_go_on(daemon);
	let_go_on(p.pid);
	for (int i = 0; i < 2; i++)
		CHECK_INT(check_recv_int(p.tid, DATA), i);
	CHECK_INT(check_recv_int(p.tid, END), 0);
}

static struct peer late;

/* The other side connects and writes. Then time passes. */
static int let_it_connect(int id)
{
	(void)id;
	let_go_on(late.pid);
	await_state(late.pid, 'T');
	sleep(LONGER_S);
	return 0;
}

static void wait_too_long(char **argv)
{
	int trigger;

	late = start_asker(argv, LATE);
	answer(&late);
	CHECK_INT(check_spawn(argv, "child", 1, &trigger), 1);
	check_recv_int(trigger, PID);
	CHECK(pvm_addmhf(trigger, PROVOKE, -1, let_it_connect) >= 0);
	check_send_int(trigger, ORDER, TRIGGER);
	check_send_int(trigger, PID, getpid());
	check_send_int(late.tid, DATA, 0);
	let_go_on(late.pid);
	check_send_int(late.tid, DATA, 1);
	CHECK_INT(check_recv_int(late.tid, END), 0);
	CHECK(pvm_nrecv(late.tid, WORD) > 0);
	CHECK_INT(check_recv_int(trigger, END), 0);
}

int main(int argc, char **argv)
{
	check_start();
	if (argc == 2)
		return child();
	if (argc < 3)
		return 1;
	if (strcmp(argv[2], "handler") == 0)
		send_by_handler(argv, atoi(argv[1]));
	else if (strcmp(argv[2], "late") == 0)
		wait_too_long(argv);
	else
		cast_twice(argv, atoi(argv[1]), strcmp(argv[2], "awaited") == 0);
	pvm_exit();
	return check_done();
}

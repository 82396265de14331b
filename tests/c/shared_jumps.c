/* SPDX-License-Identifier: MIT */
/*
 * Multicasts that are left by a jump.
 *
 *     shared_jumps MESSAGES [stream]
 *
 * A task sends so many messages to several others, of which the last one has left the memory. Many of
 * the calls are left: where they wait for room, as a signal handler may (the linker's --wrap), and by
 * message handlers. Who is sent to rests now and then, so that there are waits. A message whose call
 * was left has come to some, or to nobody; all others have come to all, once, whole and in order.
 * With `stream` the first ones are left while they wait for room in the daemon's stream, which is lost
 * by that: the task is another one from then on, and nobody has got half a message.
 */
#include <poll.h>
#include <sched.h>
#include <setjmp.h>

#include "numbered.h"
#include "own_segment.h"

enum {
	RECEIVERS = 4,
	MESSAGES_MAX = 20000,
	JUMP_EVERY = 6, /* waits */
	REST_EVERY = 150,
	REST_US = 12000,
	SENDERS_MAX = 6, /* tasks that the sender is, one after the other */
	TOLD_EVERY = 50,
	READY = 1,
	DATA,
	TOLD,
	LAST,
	REPORT,
};

static unsigned chance = 1;
static jmp_buf back;
static volatile bool may_jump, from_stream;
static volatile int waits_left, handlers_left, streams_left;

static unsigned draw(unsigned below)
{
	chance = chance * 1664525u + 1013904223u;
	return (chance >> 8) % below;
}

static int length_of(int number)
{
	static const int lengths[] = { 8, 1500, 3000, 40, 100000, 8 };

	return lengths[number % 6];
}

/* ---- jumps --------------------------------------------------------------------------------- */

/* A daemon that is quick leaves few waits for its stream: the first of these is left in any case. */
static void jump(volatile int *count)
{
	bool first = count == &streams_left && !streams_left;

	if (!may_jump || (!first && draw(JUMP_EVERY)))
		return;
	++*count;
	may_jump = false;
	longjmp(back, 1);
}

int __real_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms);
int __real_sched_yield(void);
int __wrap_sched_yield(void);

int __wrap_poll(struct pollfd *fds, nfds_t n, int ms)
{
	bool stream = n && fds->events & POLLOUT;

	if (stream == from_stream)
		jump(stream ? &streams_left : &waits_left);
	return __real_poll(fds, n, ms);
}

int __wrap_sched_yield(void)
{
	if (!from_stream)
		jump(&waits_left);
	return __real_sched_yield();
}

static int be_told(int id)
{
	(void)id;
	jump(&handlers_left);
	return 0;
}

/* ---- receivers ------------------------------------------------------------------------------ */

static unsigned char came[MESSAGES_MAX];

/* The last number of a sender, -1: there was none. */
static int *last_of(int tid)
{
	static struct {
		int tid, last;
	} senders[SENDERS_MAX];
	int i = 0;

	while (i < SENDERS_MAX - 1 && senders[i].tid && senders[i].tid != tid)
		i++;
	if (!senders[i].tid)
		senders[i].last = -1;
	senders[i].tid = tid;
	return &senders[i].last;
}

/* Take a message: the numbers of a sender grow. */
static void take(int bytes, int tid)
{
	int length = bytes - (int)sizeof(int), number = unpack_number(length), *last = last_of(tid);

	if (!CHECK_INT(length, length_of(number)))
		return;
	CHECK(number > *last);
	*last = number;
	came[number]++;
	if (number % TOLD_EVERY == 0)
		send_number(tid, TOLD, number, 8);
	if (!draw(REST_EVERY))
		usleep(REST_US);
}

static int receive(bool leaves)
{
	int bytes, tag, tid, *fds;
	bool waits = leaves;
	sigset_t go;

	sigemptyset(&go);
	sigaddset(&go, SIGUSR1);
	sigprocmask(SIG_BLOCK, &go, NULL);
	chance = (unsigned)pvm_mytid();
	if (leaves)
		CHECK(pvm_getfds(&fds) > 0);
	check_send_int(pvm_parent(), READY, getpid());
	while (pvm_recv(-1, -1) > 0 && !check_failed) {
		pvm_bufinfo(pvm_getrbuf(), &bytes, &tag, &tid);
		if (tag == LAST)
			break;
		if (waits)
			sigwait(&go, &(int){ 0 });
		waits = false;
		take(bytes, tid);
	}
	pvm_initsend(PvmDataRaw);
	pvm_pkint(&check_failed, 1, 1);
	pvm_pkbyte((char *)came, MESSAGES_MAX, 1);
	pvm_send(tid, REPORT);
	pvm_exit();
	return check_done();
}

/* ---- the sender -------------------------------------------------------------------------------- */

static bool given_up[MESSAGES_MAX];

static void multicast(int *tids, int number)
{
	int n = length_of(number), code;

	memset(numbered_bytes, number, (size_t)n);
	CHECK(pvm_initsend(PvmDataRaw) >= 0);
	CHECK_INT(pvm_pkint(&number, 1, 1), 0);
	CHECK_INT(pvm_pkbyte(numbered_bytes, n, 1), 0);
	given_up[number] = true;
	if (setjmp(back))
		return;
	may_jump = true;
	code = pvm_mcast(tids, RECEIVERS, DATA);
	may_jump = false;
	given_up[number] = code < 0;
	if (code < 0)
		CHECK_INT(code, PvmSysErr);
}

/* The one that has left the memory takes nothing until the streams are done with. */
static void send_all(int *tids, int messages, pid_t waiting)
{
	CHECK(pvm_addmhf(-1, TOLD, -1, be_told) >= 0);
	for (volatile int i = 0; i < messages && !check_failed; i++) {
		multicast(tids, i);
		/* The next call fails for the loss of the stream; then it is another task. */
		from_stream = from_stream && streams_left < SENDERS_MAX - 1;
		if (!from_stream)
			kill(waiting, SIGUSR1);
	}
	kill(waiting, SIGUSR1);
}

/* What a receiver has got: what was not given up, once. Returns how many more. */
static void compare(int tid, int messages, unsigned char *partly)
{
	int failures = -1;

	CHECK(pvm_recv(tid, REPORT) > 0);
	CHECK_INT(pvm_upkint(&failures, 1, 1), 0);
	CHECK_INT(failures, 0);
	CHECK_INT(pvm_upkbyte((char *)came, MESSAGES_MAX, 1), 0);
	for (int i = 0; i < messages && !check_failed; i++) {
		CHECK(came[i] == 1 || (given_up[i] && came[i] == 0));
		partly[i] += came[i];
	}
}

static int be_sender(char **argv, int messages)
{
	static unsigned char partly[MESSAGES_MAX];
	int tids[RECEIVERS], some = 0, none = 0, pid = 0;

	CHECK_INT(check_spawn(argv, "receiver", RECEIVERS - 1, tids), RECEIVERS - 1);
	CHECK_INT(check_spawn(argv, "leaver", 1, tids + RECEIVERS - 1), 1);
	for (int r = 0; r < RECEIVERS; r++)
		pid = check_recv_int(tids[r], READY);
	send_all(tids, messages, pid);
	pvm_initsend(PvmDataDefault);
	CHECK_INT(pvm_mcast(tids, RECEIVERS, LAST), 0);
	for (int r = 0; r < RECEIVERS; r++)
		compare(tids[r], messages, partly);
	for (int i = 0; i < messages; i++) {
		some += given_up[i] && partly[i] && partly[i] < RECEIVERS;
		none += given_up[i] && !partly[i];
	}
	printf("left: %d waits, %d handlers, %d streams; came to some: %d, to nobody: %d; by memory: %d\n",
		waits_left, handlers_left, streams_left, some, none,
		own_segment() ? (int)own_segment()->messages : 0);
	pvm_exit();
	return check_done();
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";

	check_start();
	if (strcmp(role, "receiver") == 0 || strcmp(role, "leaver") == 0)
		return receive(role[0] == 'l');
	from_stream = argc > 2;
	return be_sender(argv, atoi(role));
}

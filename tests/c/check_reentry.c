/* SPDX-License-Identifier: MIT */
/*
 * Handlers that do not return: by a jump, out of each kind of call, or by the end of their thread.
 * With 3.4.6 what follows is not defined.
 */
#include <pthread.h>

#include "reentry.h"

enum { ROUNDS = 50, BEHIND = 5, DEEP = 16384 };

static volatile int jumps, refused;

/* ---- handlers that jump ---------------------------------------------------------------- */

static int jump(int id)
{
	int value = -1;

	(void)id;
	pvm_upkint(&value, 1, 1);
	seen = value;
	jumps++;
	longjmp(back, 1);
}

static int reply_and_jump(int id)
{
	int value = -1;

	(void)id;
	pvm_upkint(&value, 1, 1);
	check_send_int(mytid, TAG_REPLY, value + 1);
	jumps++;
	longjmp(back, 1);
}

static void receive_plain(void)
{
	pvm_recv(-1, TAG_PLAIN);
}

static void probe(void)
{
	pvm_probe(-1, TAG_PLAIN);
}

static void ask(void)
{
	pvm_pstat(mytid);
}

static void send_plain(void)
{
	check_send_int(mytid, TAG_NOISE, 99);
}

/* To more tasks than a call keeps on its stack; they do not exist. */
static void send_many(void)
{
	int tids[100];

	for (int i = 0; i < 100; i++)
		tids[i] = (mytid & ~0x3ffff) | (0x30000 + i);
	pvm_initsend(PvmDataDefault);
	pvm_mcast(tids, 100, TAG_NOISE);
}

/* Send what the handler gets, and make the call until the handler has jumped, out of either. */
static void until_jumped(void (*call)(void), int value)
{
	volatile int before = jumps;

	if (setjmp(back) != 0)
		return;
	check_send_int(mytid, TAG_HANDLED, value);
	while (jumps == before)
		call();
}

/* Take what was sent for nothing: a daemon without a bound would keep more and more of it. */
static void hush(void)
{
	check_send_int(mytid, TAG_PLAIN, 7);
	CHECK_INT(check_recv_int(mytid, TAG_PLAIN), 7);
	while (pvm_nrecv(mytid, TAG_NOISE) > 0)
		;
}

static void out_of(void (*call)(void))
{
	int id = pvm_addmhf(-1, TAG_HANDLED, -1, jump);

	for (int i = 0; i < ROUNDS; i++) {
		until_jumped(call, i);
		if (seen != i)
			CHECK_INT(seen, i);
		hush();
	}
	pvm_delmhf(id);
	usable();
}

/* Buffers that were active when the call began are so again. */
static void buffers_stay(void)
{
	int id = pvm_addmhf(-1, TAG_HANDLED, -1, jump), value = 17, sbuf;

	pvm_initsend(PvmDataDefault);
	sbuf = pvm_getsbuf();
	pvm_pkint(&value, 1, 1);
	if (setjmp(back) == 0) {
		pvm_psend(mytid, TAG_HANDLED, &value, 1, PVM_INT);
		receive_plain();
	}
	CHECK_CODE("send buffer", pvm_getsbuf(), sbuf);
	pvm_send(mytid, TAG_PLAIN);
	CHECK_INT(check_recv_int(mytid, TAG_PLAIN), 17);
	pvm_delmhf(id);
	usable();
}

/* The other task: it sends some messages for a handler, and one more. */
static int sender(void)
{
	for (int i = 0; i < BEHIND; i++)
		check_send_int(pvm_parent(), TAG_HANDLED, i);
	check_send_int(pvm_parent(), TAG_PLAIN, 9);
	return pvm_exit();
}

/* What comes behind the message gets its turn: each is handled, once, and in order. */
static void messages_behind(char **argv)
{
	int id = pvm_addmhf(-1, TAG_HANDLED, -1, jump), tid;
	volatile int wrong = 0;

	jumps = 0;
	if (setjmp(back) == 0)
		check_spawn(argv, "sender", 1, &tid);
	else
		wrong += seen != jumps - 1;
	CHECK_INT(check_recv_int(-1, TAG_PLAIN), 9);
	CHECK_INT(jumps, BEHIND);
	CHECK_INT(wrong, 0);
	pvm_delmhf(id);
	usable();
}

static void sends_before(void)
{
	int id = pvm_addmhf(-1, TAG_HANDLED, -1, reply_and_jump);

	for (int i = 0; i < ROUNDS; i++) {
		int value;

		until_jumped(receive_plain, i);
		value = check_recv_int(mytid, TAG_REPLY);
		if (value != i + 1)
			CHECK_INT(value, i + 1);
	}
	pvm_delmhf(id);
	usable();
}

/* The next call's frame is below that of the handler, which other calls have overwritten. */
static int __attribute__((noinline)) receive_deep(void)
{
	volatile char room[DEEP];

	for (int i = 0; i < DEEP; i++)
		room[i] = (char)i;
	check_send_int(mytid, TAG_PLAIN, 8);
	return check_recv_int(mytid, TAG_PLAIN) + room[0];
}

static void deeper(void)
{
	int id = pvm_addmhf(-1, TAG_HANDLED, -1, jump);

	until_jumped(receive_plain, 1);
	CHECK_INT(receive_deep(), 8);
	pvm_delmhf(id);
	usable();
}

static void leave(void)
{
	int id = pvm_addmhf(-1, TAG_HANDLED, -1, jump);

	(void)id;
	until_jumped(receive_plain, 1);
	CHECK_CODE("leaving", pvm_exit(), 0);
	mytid = pvm_mytid();
	usable();
}

/* ---- handlers that are there ----------------------------------------------------------- */

/* Calls of a handler's, on another stack: it has not been left. */
static void call_on_other_stack(int signal)
{
	(void)signal;
	refused += pvm_recv(-1, TAG_PLAIN) == PvmNotImpl;
	check_send_int(mytid, TAG_REPLY, 3);
}

static int raise_signal(int id)
{
	(void)id;
	raise(SIGUSR1);
	refused += pvm_recv(-1, TAG_PLAIN) == PvmNotImpl;
	returns++;
	return 0;
}

static void other_stack(void)
{
	static char room[1 << 16];
	struct sigaction action = { .sa_handler = call_on_other_stack, .sa_flags = SA_ONSTACK };
	int id = pvm_addmhf(-1, TAG_HANDLED, -1, raise_signal);

	sigaltstack(&(stack_t){ .ss_sp = room, .ss_size = sizeof room }, NULL);
	sigaction(SIGUSR1, &action, NULL);
	returns = refused = 0;
	check_send_int(mytid, TAG_HANDLED, 1);
	CHECK_INT(check_recv_int(mytid, TAG_REPLY), 3);
	CHECK_INT(returns, 1);
	CHECK_INT(refused, 2);
	sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL);
	pvm_delmhf(id);
	usable();
}

/* ---- threads --------------------------------------------------------------------------- */

static int end_thread(int id)
{
	(void)id;
	pthread_exit(NULL);
}

static void *wait_for_end(void *unused)
{
	(void)unused;
	check_send_int(mytid, TAG_HANDLED, 1);
	pvm_recv(-1, TAG_PLAIN);
	return NULL;
}

static void end_of_thread(void)
{
	int id = pvm_addmhf(-1, TAG_HANDLED, -1, end_thread);
	pthread_t thread;

	CHECK_INT(pthread_create(&thread, NULL, wait_for_end, NULL), 0);
	pthread_join(thread, NULL);
	pvm_delmhf(id);
	usable();
}

static void *wait_among_jumps(void *unused)
{
	(void)unused;
	setjmp(back);
	return (void *)(long)(pvm_recv(-1, TAG_END) > 0);
}

/* Handlers jump in whichever of two threads they run. */
static void jumps_of_threads(void)
{
	pthread_t thread;
	void *received;

	CHECK_INT(pthread_create(&thread, NULL, wait_among_jumps, NULL), 0);
	out_of(probe);
	check_send_int(mytid, TAG_END, 0);
	pthread_join(thread, &received);
	CHECK_INT((long)received, 1);
	usable();
}

int main(int argc, char **argv)
{
	check_start();
	if (argc > 1)
		return sender();
	mytid = pvm_mytid();
	CHECK(mytid > 0);
	if (check_ours("library")) {
		out_of(receive_plain);
		out_of(probe);
		out_of(ask);
		out_of(send_plain);
		out_of(send_many);
		buffers_stay();
		messages_behind(argv);
		sends_before();
		deeper();
		leave();
		other_stack();
		enrol_anew("on");
		jumps_of_threads();
		end_of_thread();
	}
	pvm_exit();
	return check_done();
}

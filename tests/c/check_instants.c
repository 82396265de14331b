/* SPDX-License-Identifier: MIT */
/*
 * Calls of a signal handler at every instant of a call: the processor's single step makes a signal
 * after each instruction. A handler's call is right, or refused with PvmNotImpl, and leaves the
 * interrupted one alone. With 3.4.6 what happens then is not defined.
 */
#include <setjmp.h>
#include <stdint.h>

#include "judge.h"

enum { TAG_MAIN = 70, TAG_NOTE, TAG_AWAITED, TAG_END, INTS = 200, INSTANTS = 48 };

static int mytid, echo;

/* ---- single steps ------------------------------------------------------------------------ */

#ifdef __x86_64__
/* Flip the trap flag, below the red zone. */
#define STEPS(instruction) \
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\t" instruction \
			 "\n\tpopfq\n\tlea 128(%%rsp), %%rsp" :: \
				 : "memory", "cc")
#define STEPS_BEGIN() STEPS("orq $0x100, (%%rsp)")
#define STEPS_END() STEPS("andq $~0x100, (%%rsp)")
#else
#define STEPS_BEGIN() ((void)0)
#define STEPS_END() ((void)0)
#endif

static void (*volatile handler)(void);
static volatile int steps;

static void step(int signal)
{
	(void)signal;
	steps++;
	handler();
}

/* Make the call; the handler's calls come after each instruction. */
static void stepped(void (*call)(void), void (*by)(void))
{
	steps = 0;
	handler = by;
	STEPS_BEGIN();
	call();
	STEPS_END();
}

/* ---- what handlers call ------------------------------------------------------------------- */

static volatile int notes_sent, notes_come, notes_wrong;

static void send_note(void)
{
	int buffer = pvm_mkbuf(PvmDataDefault), value = notes_sent, sbuf, code;

	if (!judge(buffer))
		return;
	sbuf = pvm_setsbuf(buffer);
	pvm_pkint(&value, 1, 1);
	code = pvm_send(mytid, TAG_NOTE);
	if (judge(code))
		notes_sent++;
	pvm_setsbuf(sbuf);
	pvm_freebuf(buffer);
}

static void take_note(void)
{
	int rbuf = pvm_setrbuf(0), value = -1, id;

	if (!judge(rbuf))
		return;
	id = pvm_nrecv(mytid, TAG_NOTE);
	if (id > 0) {
		pvm_upkint(&value, 1, 1);
		notes_wrong += value != notes_come;
		notes_come++;
		pvm_freebuf(id);
	}
	judge(id);
	pvm_setrbuf(rbuf);
}

static void look(void)
{
	int bytes, tag, tid, id = pvm_probe(-1, TAG_MAIN);

	judge(pvm_getopt(PvmRoute));
	if (judge(id) && id > 0)
		judge(pvm_bufinfo(id, &bytes, &tag, &tid));
	judge(pvm_getsbuf());
	judge(pvm_mytid());
}

static void ask(void)
{
	static unsigned turn;

	/* Requests are slow. */
	if (turn++ % 128 == 0)
		judge_status(pvm_pstat(mytid));
}

/* The handler's calls, in turn. */
static void anything(void)
{
	static void (*const calls[])(void) = { send_note, take_note, look, ask };
	static unsigned turn;

	calls[turn++ % (sizeof calls / sizeof *calls)]();
}

/* What has been sent comes, whole and in order. */
static void notes_complete(void)
{
	while (notes_come < notes_sent) {
		notes_wrong += check_recv_int(mytid, TAG_NOTE) != notes_come;
		notes_come++;
	}
	CHECK_INT(notes_wrong, 0);
	CHECK_CODE("no more notes", pvm_nrecv(-1, TAG_NOTE), 0);
}

/* ---- calls that are interrupted ------------------------------------------------------------- */

static int numbers[INTS], read_back[INTS], target, code;

static void begin_message(void)
{
	code = pvm_initsend(PvmDataDefault);
}

static void pack(void)
{
	int first = 17;

	code = pvm_pkint(&first, 1, 1);
	code = code < 0 ? code : pvm_pkint(numbers, INTS, 1);
	code = code < 0 ? code : pvm_pkstr((char *)"text");
}

static void send_message(void)
{
	code = pvm_send(target, TAG_MAIN);
}

static void multicast(void)
{
	int both[] = { target, mytid };

	code = pvm_mcast(both, 2, TAG_MAIN);
}

static void receive(void)
{
	code = pvm_recv(target, TAG_MAIN);
}

static void unpack(void)
{
	int first = 0;
	char text[16] = "";

	memset(read_back, 0, sizeof read_back);
	code = pvm_upkint(&first, 1, 1);
	code = code < 0 ? code : pvm_upkint(read_back, INTS, 1);
	code = code < 0 ? code : pvm_upkstr(text);
	if (code == 0 &&
		(first != 17 || memcmp(numbers, read_back, sizeof numbers) ||
			strcmp(text, "text") != 0))
		code = PvmBadMsg;
}

static void list_tasks(void)
{
	struct pvmtaskinfo *tasks;
	int n;

	code = pvm_tasks(0, &n, &tasks);
}

static void do_stepped(const char *name, void (*call)(void))
{
	code = 0;
	stepped(call, anything);
	CHECK_CODE(name, code < 0 ? code : 0, 0);
}

static void message_to(int tid)
{
	target = tid;
	do_stepped("begin", begin_message);
	do_stepped("pack", pack);
	do_stepped("send", send_message);
	do_stepped("receive", receive);
	do_stepped("unpack", unpack);
}

static void every_instant(void)
{
	for (int i = 0; i < INTS; i++)
		numbers[i] = i * i;
	message_to(mytid);
	message_to(echo);
	pvm_setopt(PvmRoute, PvmRouteDirect);
	message_to(echo);
	message_to(echo);
	pvm_setopt(PvmRoute, PvmAllowDirect);
	begin_message();
	pack();
	do_stepped("multicast", multicast);
	do_stepped("receive", receive);
	do_stepped("unpack", unpack);
	do_stepped("list tasks", list_tasks);
	notes_complete();
	CHECK_CODE("codes of refusal", odd, 0);
#ifdef __x86_64__
	CHECK(accepted > 0 && refused > 0);
#endif
}

/* ---- a handler that takes in what the call waits for ------------------------------------------ */

static volatile int instant, sent;

/* At one instant at which calls are accepted: have the awaited message come, and into the list. */
static void answer(void)
{
	int buffer, sbuf, value = 33;

	if (sent || (buffer = pvm_mkbuf(PvmDataDefault)) < 0)
		return;
	sbuf = pvm_setsbuf(buffer);
	if (instant-- <= 0) {
		pvm_pkint(&value, 1, 1);
		sent = pvm_send(mytid, TAG_AWAITED) == 0;
		while (sent && pvm_probe(mytid, TAG_AWAITED) == 0)
			;
	}
	pvm_setsbuf(sbuf);
	pvm_freebuf(buffer);
}

static void await(void)
{
	code = pvm_recv(mytid, TAG_AWAITED);
}

/* The wait ends, even if it was just about to sleep. */
static void answers_at_every_instant(void)
{
#ifdef __x86_64__
	for (int i = 0; i < INSTANTS; i++) {
		int value = 0;

		usleep(300); /* so that the next wait is no short one, and sleeps at once */
		instant = i;
		sent = 0;
		stepped(await, answer);
		pvm_upkint(&value, 1, 1);
		if (code < 0 || value != 33)
			CHECK_INT(value, 33);
	}
#endif
}

/* ---- a handler that jumps ------------------------------------------------------------------------ */

static sigjmp_buf back;

static void jump(int signal)
{
	(void)signal;
	siglongjmp(back, 1);
}

/* A time limit, as programs make one. It does not run out within fork, which nobody may leave so. */
static void jumps_out_of_waits(void)
{
	sigset_t strike;

	sigemptyset(&strike);
	sigaddset(&strike, SIGUSR1);
	signal(SIGUSR1, jump);
	for (int i = 0; i < 3; i++) {
		pid_t self = getpid(), helper = 0;

		if (sigsetjmp(back, 1) == 0) {
			sigprocmask(SIG_BLOCK, &strike, NULL);
			helper = fork();
			if (helper == 0) {
				usleep(2000);
				kill(self, SIGUSR1);
				_exit(0);
			}
			sigprocmask(SIG_UNBLOCK, &strike, NULL);
			pvm_recv(mytid, TAG_END);
			CHECK(!"a message");
		}
		check_send_int(mytid, TAG_MAIN, i);
		CHECK_INT(check_recv_int(mytid, TAG_MAIN), i);
	}
}

int main(int argc, char **argv)
{
	check_start();
	if (argc > 1)
		return check_echo(TAG_END);
	mytid = pvm_mytid();
	CHECK(mytid > 0);
	if (check_ours("library")) {
		signal(SIGTRAP, step);
		CHECK_INT(check_spawn(argv, "echo", 1, &echo), 1);
		every_instant();
		answers_at_every_instant();
		jumps_out_of_waits();
		check_send_int(echo, TAG_END, 0);
	}
	pvm_exit();
	return check_done();
}

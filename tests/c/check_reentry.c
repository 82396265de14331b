/* SPDX-License-Identifier: MIT */
/*
 * Handlers that do not return: by a jump, out of each kind of call, or by the end of their thread.
 * Calls of signal handlers while the task waits. With 3.4.6 what follows either is not defined.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/wait.h>

#include "check.h"

enum {
	TAG_HANDLED = 60,
	TAG_PLAIN,
	TAG_REPLY,
	TAG_LARGE,
	TAG_END,
	TAG_NOISE,
	ROUNDS = 50,
	BEHIND = 5,
	DEEP = 16384,
	LARGE = 2 << 20
};

static __thread jmp_buf back;
static volatile int jumps, returns, seen, refused;
static int mytid;

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

static int note(int id)
{
	int value = -1;

	(void)id;
	pvm_upkint(&value, 1, 1);
	seen = value;
	returns++;
	return 0;
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

/* The library is as if nothing had been: buffers, context, waiting, and handlers that return. */
static void usable(void)
{
	int id;

	CHECK_CODE("context", pvm_getcontext(), 0);
	check_send_int(mytid, TAG_PLAIN, 4);
	CHECK_INT(check_recv_int(mytid, TAG_PLAIN), 4);
	returns = 0;
	id = pvm_addmhf(-1, TAG_REPLY, -1, note);
	check_send_int(mytid, TAG_REPLY, 5);
	check_send_int(mytid, TAG_PLAIN, 6);
	CHECK_INT(check_recv_int(mytid, TAG_PLAIN), 6);
	while (!returns) /* another thread may run it */
		pvm_probe(-1, TAG_PLAIN);
	CHECK_INT(returns, 1);
	CHECK_INT(seen, 5);
	pvm_delmhf(id);
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

/* ---- signals --------------------------------------------------------------------------- */

static void send_plain_by_signal(int signal)
{
	(void)signal;
	check_send_int(mytid, TAG_PLAIN, 21);
}

/* State of a process as in /proc. */
static char state_of(pid_t pid)
{
	char path[40], state = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%*d %*s %c", &state) != 1)
		state = 0;
	if (f)
		fclose(f);
	return state;
}

static bool sleeps(pid_t pid)
{
	return state_of(pid) == 'S';
}

/* For each byte that comes: signal the task when it sleeps. */
static void signal_sleeper(pid_t pid, int from)
{
	char c;

	while (read(from, &c, 1) == 1) {
		while (!sleeps(pid))
			usleep(100);
		kill(pid, SIGUSR1);
	}
	_exit(0);
}

static void signals_while_waiting(void)
{
	int ends[2];
	pid_t helper, self = getpid();

	signal(SIGUSR1, send_plain_by_signal);
	CHECK_INT(pipe(ends), 0);
	helper = fork();
	if (helper == 0) {
		close(ends[1]);
		signal_sleeper(self, ends[0]);
	}
	close(ends[0]);
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_INT(write(ends[1], "x", 1), 1);
		if (check_recv_int(mytid, TAG_PLAIN) != 21)
			CHECK(!"the signal's message");
	}
	close(ends[1]);
	waitpid(helper, NULL, 0);
	usable();
}

/* ---- signals while a send waits for room ------------------------------------------------- */

static volatile int send_code, receive_code, kill_code, signals;

static void call_while_sending(int signal)
{
	int buffer = pvm_mkbuf(PvmDataDefault), sbuf = pvm_setsbuf(buffer);

	(void)signal;
	send_code = pvm_send(pvm_mytid(), TAG_PLAIN);
	receive_code = pvm_recv(-1, TAG_PLAIN);
	kill_code = pvm_sendsig(pvm_mytid(), SIGCONT);
	pvm_freebuf(pvm_setsbuf(sbuf));
	signals++;
}

/* The other task: it takes its messages when it is told to, and says whether they are right. */
static int receiver(void)
{
	int parent = pvm_parent(), good = 0, value = 0, *data = malloc(LARGE * sizeof *data);

	check_send_int(parent, TAG_REPLY, getpid());
	pvm_recv(parent, TAG_PLAIN);
	raise(SIGSTOP);
	while (value >= 0 && data && pvm_recv(parent, TAG_LARGE) > 0) {
		pvm_upkint(&value, 1, 1);
		pvm_upkint(data, LARGE, 1);
		for (int i = 0; i < LARGE; i++)
			good += data[i] == i;
	}
	check_send_int(parent, TAG_REPLY, good);
	free(data);
	return pvm_exit();
}

/* When the task sleeps in its send: signal it; then let the other one go on. */
static void signal_sender(pid_t sender, pid_t receiver)
{
	while (!sleeps(sender))
		usleep(100);
	kill(sender, SIGUSR1);
	kill(receiver, SIGCONT);
	_exit(0);
}

static bool stopped(pid_t pid)
{
	return state_of(pid) == 'T';
}

static void signal_while_sending(char **argv)
{
	int *data = malloc(LARGE * sizeof *data), tid, value = -1;
	pid_t pid, helper, self = getpid();

	for (int i = 0; data && i < LARGE; i++)
		data[i] = i;
	pvm_setopt(PvmRoute, PvmRouteDirect);
	CHECK_INT(check_spawn(argv, "receiver", 1, &tid), 1);
	pid = check_recv_int(tid, TAG_REPLY);
	check_send_int(tid, TAG_PLAIN, 0);
	while (!stopped(pid))
		usleep(100);
	signal(SIGUSR1, call_while_sending);
	helper = fork();
	if (helper == 0)
		signal_sender(self, pid);
	pvm_initsend(PvmDataRaw);
	pvm_pkint(&value, 1, 1);
	pvm_pkint(data, LARGE, 1);
	CHECK_CODE("large send", pvm_send(tid, TAG_LARGE), 0);
	CHECK_INT(check_recv_int(tid, TAG_REPLY), LARGE);
	CHECK_INT(signals, 1);
	CHECK_INT(send_code, PvmNotImpl);
	CHECK_INT(receive_code, PvmNotImpl);
	CHECK_INT(kill_code, PvmNotImpl);
	free(data);
	waitpid(helper, NULL, 0);
	usable();
}

/* ---- jumps of signal handlers ------------------------------------------------------------- */

static void jump_by_signal(int signal)
{
	(void)signal;
	longjmp(back, 1);
}

/*
 * Out of a send that waits for room. The connection is lost, and the receiver gets nothing of the
 * message, but what comes later.
 */
static void jump_out_of_send(char **argv)
{
	int *data = calloc(LARGE, sizeof *data), tid;
	volatile int value = 0;
	pid_t pid, helper, self = getpid();

	CHECK_INT(check_spawn(argv, "receiver", 1, &tid), 1);
	pid = check_recv_int(tid, TAG_REPLY);
	check_send_int(tid, TAG_PLAIN, 0);
	while (!stopped(pid))
		usleep(100);
	signal(SIGUSR1, jump_by_signal);
	helper = fork();
	if (helper == 0)
		signal_sender(self, pid);
	if (setjmp(back) == 0) {
		pvm_psend(tid, TAG_LARGE, data, LARGE, PVM_INT);
		CHECK(!"the send");
	}
	sigset_t mask;
	sigemptyset(&mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	pvm_initsend(PvmDataRaw);
	value = -1;
	pvm_pkint((int *)&value, 1, 1);
	for (int i = 0; i < LARGE; i++)
		data[i] = i;
	pvm_pkint(data, LARGE, 1);
	CHECK_CODE("large send", pvm_send(tid, TAG_LARGE), 0);
	CHECK_INT(check_recv_int(tid, TAG_REPLY), LARGE);
	free(data);
	waitpid(helper, NULL, 0);
	usable();
}

/* Be another task, whose messages go by memory, or by streams alone, where a large send waits. */
static void enrol_anew(const char *memory)
{
	CHECK_INT(pvm_exit(), 0);
	setenv("PVM_SHM", memory, 1);
	mytid = pvm_mytid();
	CHECK(mytid > 0);
}

/* Does the daemon grant memory? Its setting is PVM_TEST_MEMORY. */
static bool memory_is_on(void)
{
	const char *setting = getenv("PVM_TEST_MEMORY");

	return !setting || strcmp(setting, "off") != 0;
}

/* ---- a jump out of a wait for room in memory ---------------------------------------------- */

enum { TAG_NUMBER = TAG_NOISE + 1, RING = 2000 }; /* short messages that no ring has room for */

/* The other task: counts what comes in order. */
static int counter(void)
{
	int parent = pvm_parent(), value, count = 0;

	check_send_int(parent, TAG_REPLY, getpid());
	while ((value = check_recv_int(parent, TAG_NUMBER)) >= 0) {
		count += value == count;
		if (value < BEHIND)
			check_send_int(parent, TAG_REPLY, value);
	}
	check_send_int(parent, TAG_REPLY, count);
	return pvm_exit();
}

/*
 * The receiver has stopped in its wait, so the sender waits with patience. The message that it gave
 * up has not been sent, and all others come once. The receiver, asleep at the end, is woken.
 */
static void jump_out_of_ring(char **argv)
{
	static volatile int sent;
	volatile bool jumped = false;
	const char *memory = getenv("PVM_SHM");
	int tid;
	pid_t pid, helper, self = getpid();

	if (memory && strcmp(memory, "off") == 0)
		return; /* there is no ring */
	setenv("PVM_SHM_AFTER", "0", 1);
	CHECK_INT(check_spawn(argv, "counter", 1, &tid), 1);
	pid = check_recv_int(tid, TAG_REPLY);
	for (sent = 0; sent < BEHIND; sent++) {
		check_send_int(tid, TAG_NUMBER, sent);
		CHECK_INT(check_recv_int(tid, TAG_REPLY), sent);
	}
	while (!sleeps(pid))
		usleep(100);
	kill(pid, SIGSTOP);
	while (!stopped(pid))
		usleep(100);
	signal(SIGUSR1, jump_by_signal);
	helper = fork();
	if (helper == 0)
		signal_sender(self, pid);
	if (setjmp(back) == 0)
		for (; sent < RING; sent++)
			check_send_int(tid, TAG_NUMBER, sent);
	else
		jumped = true;
	CHECK(jumped && sent < RING);
	sigset_t mask;
	sigemptyset(&mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	for (; sent < 2 * RING; sent++)
		CHECK_INT(check_send_int(tid, TAG_NUMBER, sent), 0);
	while (!sleeps(pid))
		usleep(100);
	check_send_int(tid, TAG_NUMBER, -1);
	CHECK_INT(check_recv_int(tid, TAG_REPLY), 2 * RING);
	waitpid(helper, NULL, 0);
	usable();
}

int main(int argc, char **argv)
{
	check_start();
	if (argc > 1 && strcmp(argv[1], "counter") == 0)
		return counter();
	if (argc > 1)
		return strcmp(argv[1], "sender") == 0 ? sender() : receiver();
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
		signals_while_waiting();
		enrol_anew("off");
		signal_while_sending(argv);
		jump_out_of_send(argv);
		enrol_anew("on");
		if (check_ours("daemon") && memory_is_on())
			jump_out_of_ring(argv);
		jumps_of_threads();
		end_of_thread();
	}
	pvm_exit();
	return check_done();
}

/* SPDX-License-Identifier: MIT */
/*
 * Calls of signal handlers while the task waits, and their jumps out of a call that waits. With
 * 3.4.6 what follows either is not defined.
 */
#include <sys/wait.h>

#include "reentry.h"

enum { ROUNDS = 50, LARGE = 2 << 20 };

/* ---- signals while the task waits for a message ---------------------------------------- */

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

/* ---- a jump out of a wait for room in memory ---------------------------------------------- */

enum {
	FIRST = 5,
	RING = 2000, /* short messages: no ring has room for them */
	AGAIN = 64,  /* by a stream, after which memory is used again */
	TRIES = 20,
};

/* The other task: counts what comes in order. */
static int counter(void)
{
	int parent = pvm_parent(), value, count = 0;

	check_send_int(parent, TAG_REPLY, getpid());
	while ((value = check_recv_int(parent, TAG_NUMBER)) >= 0) {
		count += value == count;
		if (value < FIRST)
			check_send_int(parent, TAG_REPLY, value);
	}
	check_send_int(parent, TAG_REPLY, count);
	return pvm_exit();
}

/* Does the daemon grant memory? Its setting is PVM_TEST_MEMORY. */
static bool memory_is_on(void)
{
	const char *setting = getenv("PVM_TEST_MEMORY");

	return !setting || strcmp(setting, "off") != 0;
}

static volatile int sent; /* numbers, to the counter */

static void send_numbers(int tid, int n)
{
	for (int end = sent + n; sent < end; sent++)
		CHECK_INT(check_send_int(tid, TAG_NUMBER, sent), 0);
}

/*
 * Stop the receiver in its wait, so that the sender waits with patience, and jump out of that. False:
 * on a busy machine the helper has seen that too late, and the signal came when all was sent.
 */
static bool jumps_out(int tid, pid_t receiver)
{
	static pid_t helper; /* kept by a jump, as is this: */
	static int end;
	pid_t self = getpid();
	sigset_t none;

	end = sent + RING;
	while (!sleeps(receiver))
		usleep(100);
	kill(receiver, SIGSTOP);
	while (!stopped(receiver))
		usleep(100);
	helper = fork();
	if (helper == 0)
		signal_sender(self, receiver);
	if (setjmp(back) == 0) {
		for (; sent < end; sent++)
			check_send_int(tid, TAG_NUMBER, sent);
		pause();
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	waitpid(helper, NULL, 0);
	return sent < end;
}

/* The message that the sender gave up has not been sent, and all others come once. */
static void jump_out_of_ring(char **argv)
{
	const char *memory = getenv("PVM_SHM");
	int tid, tries = TRIES;
	bool jumped;
	pid_t pid;

	if (memory && strcmp(memory, "off") == 0)
		return; /* there is no ring */
	setenv("PVM_SHM_AFTER", "0", 1);
	CHECK_INT(check_spawn(argv, "counter", 1, &tid), 1);
	pid = check_recv_int(tid, TAG_REPLY);
	while (sent < FIRST) {
		send_numbers(tid, 1);
		CHECK_INT(check_recv_int(tid, TAG_REPLY), sent - 1);
	}
	signal(SIGUSR1, jump_by_signal);
	while (!(jumped = jumps_out(tid, pid)) && --tries)
		send_numbers(tid, AGAIN);
	CHECK(jumped);
	send_numbers(tid, RING);
	/* The receiver, asleep at the end, is woken. */
	while (!sleeps(pid))
		usleep(100);
	check_send_int(tid, TAG_NUMBER, -1);
	CHECK_INT(check_recv_int(tid, TAG_REPLY), sent);
	usable();
}

int main(int argc, char **argv)
{
	check_start();
	if (argc > 1)
		return strcmp(argv[1], "counter") == 0 ? counter() : receiver();
	mytid = pvm_mytid();
	CHECK(mytid > 0);
	if (check_ours("library")) {
		signals_while_waiting();
		enrol_anew("off");
		signal_while_sending(argv);
		jump_out_of_send(argv);
		enrol_anew("on");
		if (check_ours("daemon") && memory_is_on())
			jump_out_of_ring(argv);
	}
	pvm_exit();
	return check_done();
}

/* SPDX-License-Identifier: MIT */
/*
 * Processes that fork while their messages lie in memory that is shared: the child has copies of
 * what its parent held, and becomes a task with links of its own. The parent's links stay.
 */
#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>

#include "memory.h"

extern char **environ;

enum { TAG_LARGE = 1, TAG_SMALL, TAG_PACKED, TAG_CHILD, TAG_END, INTS = 30000, ROUNDS = 40 };

static int mytid, echo;

/* ---- large messages ------------------------------------------------------------------------ */

static void pack(int first)
{
	static int numbers[INTS];

	for (int i = 0; i < INTS; i++)
		numbers[i] = first + i;
	pvm_pkint(numbers, INTS, 1);
}

/* Are the next ones those that pack(first) has packed? */
static bool unpack(int first)
{
	static int numbers[INTS];
	bool good = pvm_upkint(numbers, INTS, 1) == 0;

	for (int i = 0; i < INTS; i++)
		good = good && numbers[i] == first + i;
	return good;
}

static void send_large(int tid, int first)
{
	pvm_initsend(PvmDataRaw);
	pack(first);
	pvm_send(tid, TAG_LARGE);
}

static bool receive_large(int tid, int first)
{
	return pvm_recv(tid, TAG_LARGE) > 0 && unpack(first);
}

/* Reuse blocks of both arenas, the own one and the peer's. */
static bool exchange(void)
{
	bool good = true;

	for (int i = 0; i < 4; i++)
		send_large(echo, -i);
	for (int i = 0; i < 4; i++)
		good = receive_large(echo, -i) && good;
	return good;
}

/* ---- children ------------------------------------------------------------------------------ */

static int status_of(pid_t pid)
{
	int status = 0;

	CHECK(pid > 0);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

/* What the parent held when it forked. */
struct held {
	int packed, first, second; /* buffers; the last two are a peer's */
};

static struct held hold(void)
{
	struct held h = { 0 };

	for (int i = 0; i < 4; i++)
		send_large(echo, 1000 * i);
	h.first = pvm_recv(echo, TAG_LARGE);
	pvm_setrbuf(0);
	h.second = pvm_recv(echo, TAG_LARGE);
	pvm_setrbuf(0);
	h.packed = pvm_initsend(PvmDataRaw);
	pack(7);
	pvm_setsbuf(0);
	/* What is behind is read ahead, and not received. */
	CHECK_INT(check_send_int(echo, TAG_SMALL, 5), 0);
	CHECK_INT(check_recv_int(echo, TAG_SMALL), 5);
	return h;
}

/* All that it held is right; it may be sent, too. */
static void check_held(const struct held *h, int to)
{
	pvm_setrbuf(h->first);
	CHECK(unpack(0));
	CHECK_INT(pvm_setrbuf(h->second), h->first);
	CHECK(unpack(1000));
	pvm_setrbuf(0);
	pvm_setsbuf(h->packed);
	pack(8);
	CHECK_INT(pvm_send(to, TAG_PACKED), 0);
	pvm_setsbuf(0);
	CHECK(pvm_recv(to, TAG_PACKED) > 0);
	CHECK(unpack(7) && unpack(8));
	CHECK_INT(pvm_freebuf(h->first), 0);
	CHECK_INT(pvm_freebuf(h->second), 0);
	CHECK_INT(pvm_freebuf(h->packed), 0);
}

/* A child: it waits until the parent has reused everything, and becomes a task. */
static int inherits(const struct held *h, int go)
{
	char byte;

	check_failed = 0;
	CHECK_INT(segments("rw-s"), 0);
	CHECK_INT(segments("r--s"), 0);
	CHECK_INT(read(go, &byte, 1), 1);
	CHECK(pvm_mytid() > 0 && pvm_mytid() != mytid);
	link_with_echo(echo, TAG_SMALL);
	check_held(h, echo);
	CHECK(exchange());
	CHECK(own_home() && own_home()->references > 0);
	CHECK_INT(pvm_exit(), 0);
	fflush(stdout);
	return check_failed;
}

static void child_has_what_its_parent_held(void)
{
	struct held h = hold();
	int go[2];
	pid_t pid;

	CHECK_INT(pipe(go), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(inherits(&h, go[0]));
	check_held(&h, echo);
	CHECK(receive_large(echo, 2000) && receive_large(echo, 3000));
	for (int i = 0; i < ROUNDS; i++)
		CHECK(exchange());
	CHECK_INT(write(go[1], "", 1), 1);
	CHECK_INT(status_of(pid), 0);
	CHECK(exchange());
	close(go[0]);
	close(go[1]);
}

/* Children that end in all ways, or become other programs. */
static void parent_stays_linked(char **argv)
{
	char *enrol[] = { argv[0], "enrol", NULL };
	char command[300];
	pid_t pid;

	snprintf(command, sizeof command, "%s enrol", argv[0]);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(0);
	CHECK_INT(status_of(pid), 0);
	CHECK(exchange());
	pid = fork();
	if (pid == 0)
		exit(0);
	CHECK_INT(status_of(pid), 0);
	CHECK(exchange());
	pid = fork();
	if (pid == 0)
		execv(argv[0], enrol);
	CHECK_INT(status_of(pid), 0);
	CHECK(exchange());
	pid = vfork();
	if (pid == 0) {
		execv(argv[0], enrol);
		_exit(1);
	}
	CHECK_INT(status_of(pid), 0);
	CHECK(exchange());
	CHECK_INT(posix_spawn(&pid, argv[0], NULL, NULL, enrol, environ), 0);
	CHECK_INT(status_of(pid), 0);
	CHECK(exchange());
	CHECK_INT(system(command), 0);
	CHECK(exchange());
}

/* ---- beside threads --------------------------------------------------------------------------- */

static bool forked_enough;

/* Past the buffers that threads share. */
static void *keep_exchanging(void *unused)
{
	static int out[INTS], in[INTS];
	long wrong = 0;

	(void)unused;
	for (int round = 0; !__atomic_load_n(&forked_enough, __ATOMIC_RELAXED); round++) {
		for (int i = 0; i < INTS; i++)
			out[i] = round + i;
		wrong += pvm_psend(echo, TAG_LARGE, out, INTS, PVM_INT) != 0;
		wrong += pvm_precv(echo, TAG_LARGE, in, INTS, PVM_INT, NULL, NULL, NULL) != 0;
		wrong += memcmp(in, out, sizeof in) != 0;
	}
	return (void *)wrong;
}

/* In a thread, beside another one that may be inside any call. */
static void *fork_often(void *unused)
{
	long wrong = 0;

	(void)unused;
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();
		int status = 1, value = i, back = -1;

		if (pid == 0) {
			bool good = pvm_psend(echo, TAG_CHILD, &value, 1, PVM_INT) == 0 &&
				pvm_precv(echo, TAG_CHILD, &back, 1, PVM_INT, NULL, NULL, NULL) ==
					0 &&
				back == i && pvm_exit() == 0;

			_exit(!good);
		}
		wrong += pid <= 0 || waitpid(pid, &status, 0) != pid || status != 0;
	}
	__atomic_store_n(&forked_enough, true, __ATOMIC_RELAXED);
	return (void *)wrong;
}

static void forks_beside_threads(void)
{
	pthread_t threads[2];
	void *wrong;

	pthread_create(&threads[0], NULL, keep_exchanging, NULL);
	pthread_create(&threads[1], NULL, fork_often, NULL);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], &wrong);
		CHECK_INT((long)wrong, 0);
	}
}

int main(int argc, char **argv)
{
	check_start();
	setenv("PVM_SHM_AFTER", "0", 1);
	if (argc > 1 && strcmp(argv[1], "enrol") == 0)
		return pvm_mytid() < 0 || pvm_exit() != 0;
	if (argc > 1)
		return check_echo(TAG_END);
	mytid = pvm_mytid();
	CHECK_INT(check_spawn(argv, "echo", 1, &echo), 1);
	link_with_echo(echo, TAG_SMALL);
	CHECK(exchange());
	CHECK(own_home() && own_home()->references > 0);
	child_has_what_its_parent_held();
	parent_stays_linked(argv);
	forks_beside_threads();
	CHECK(own_home() && own_home()->links == 1);
	check_send_int(echo, TAG_END, 0);
	CHECK_INT(pvm_exit(), 0);
	return check_done();
}

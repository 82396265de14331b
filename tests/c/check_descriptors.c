/* SPDX-License-Identifier: MIT */
/* Descriptors: few of them, closed ones, and those of the standard streams. */
#include <fcntl.h>
#include <sys/resource.h>

#include "check.h"

enum { TAG_DATA = 1, TAG_END = 2 };

static void exchange(int peer, int value)
{
	CHECK_INT(check_send_int(peer, TAG_DATA, value), 0);
	CHECK_INT(check_recv_int(peer, TAG_DATA), value);
}

/* Task with as many descriptors as are open now plus `spare`. */
static void limit_descriptors(int spare)
{
	int next = dup(0);
	struct rlimit limit = { (rlim_t)(next + spare), 0 };
	struct rlimit old;

	close(next);
	getrlimit(RLIMIT_NOFILE, &old);
	limit.rlim_max = old.rlim_max;
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void unlimit_descriptors(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < 256 ? limit.rlim_max : 256;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Who asks for a route and has no descriptor for it sends through the daemon. */
static void asking_without_descriptors(char **argv)
{
	for (int spare = 0; spare < 4; spare++) {
		int peer = -1;

		CHECK_INT(check_spawn(argv, "echo", 1, &peer), 1);
		limit_descriptors(spare);
		pvm_setopt(PvmRoute, PvmRouteDirect);
		for (int i = 0; i < 5; i++)
			exchange(peer, i);
		pvm_setopt(PvmRoute, PvmAllowDirect);
		unlimit_descriptors();
		check_send_int(peer, TAG_END, 0);
	}
}

/* So does who asks a task that has none; that one may have just enough to listen. */
static void answering_without_descriptors(char **argv)
{
	for (int spare = 0; spare < 5; spare++) {
		int peer = -1;

		CHECK_INT(check_spawn(argv, "direct", 1, &peer), 1);
		limit_descriptors(spare);
		for (int i = 0; i < 5; i++)
			exchange(peer, i);
		unlimit_descriptors();
		check_send_int(peer, TAG_END, 0);
	}
}

/* Without standard streams, what the program prints does not get into a connection. */
static void no_standard_streams(char **argv)
{
	int saved[3], peer = -1, *fds, n;

	pvm_exit();
	fflush(stdout);
	for (int fd = 0; fd < 3; fd++) {
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
		close(fd);
	}
	CHECK(pvm_mytid() > 0);
	CHECK_INT(check_spawn(argv, "echo", 1, &peer), 1);
	pvm_setopt(PvmRoute, PvmRouteDirect);
	exchange(peer, 1);
	n = pvm_getfds(&fds);
	CHECK_INT(n, 2);
	for (int i = 0; i < n; i++)
		CHECK(fds[i] > 2);
	printf("into the void\n");
	fflush(stdout);
	clearerr(stdout);
	pvm_perror("into the void");
	exchange(peer, 2);
	check_send_int(peer, TAG_END, 0);
	for (int fd = 0; fd < 3; fd++) {
		dup2(saved[fd], fd);
		close(saved[fd]);
	}
}

/* A program that closes everything is told so, whatever it was connected to. */
static void everything_closed(char **argv)
{
	for (int direct = 0; direct < 2; direct++) {
		int peer = -1;

		CHECK_INT(check_spawn(argv, "echo", 1, &peer), 1);
		pvm_setopt(PvmRoute, direct ? PvmRouteDirect : PvmAllowDirect);
		exchange(peer, 1);
		for (int fd = 3; fd < 100; fd++)
			close(fd);
		CHECK_INT(pvm_recv(-1, 4711), PvmSysErr);
		CHECK(pvm_mytid() > 0);
		pvm_setopt(PvmRoute, PvmAllowDirect);
		exchange(peer, 2);
		check_send_int(peer, TAG_END, 0);
	}
}

int main(int argc, char **argv)
{
	check_start();
	if (argc > 1 && strcmp(argv[1], "direct") == 0)
		pvm_setopt(PvmRoute, PvmRouteDirect);
	if (argc > 1)
		return check_echo(TAG_END);
	CHECK(pvm_mytid() > 0);
	if (check_ours("library")) {
		asking_without_descriptors(argv);
		answering_without_descriptors(argv);
		no_standard_streams(argv);
		everything_closed(argv);
	}
	CHECK_INT(pvm_exit(), 0);
	return check_done();
}

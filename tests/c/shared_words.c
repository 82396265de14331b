/* SPDX-License-Identifier: MIT */
/*
 * A task for tests of what is said about links, and of what a task still has when its daemon dies.
 *
 *     shared_words echo   sends back what comes, until a message with TAG_END does
 *     shared_words stop   the same; before it first refuses a link it stops, as it does while it waits
 *                         for room (the linker's --wrap)
 *     shared_words keep   holds what an echo has sent back, until a line of input says that the
 *                         daemon is dead; it is unpacked then
 *     shared_words leave  leaves the memory, and waits for a second behind a line of input: asleep,
 *                         whatever its peers have put there meanwhile
 *
 * It prints its tid; "refuses" before it stops.
 */
#include "memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "../../csrc/wire/layout.h"

enum { TAG_ECHO = 1, TAG_END, INTS = 30000, KEPT = 6 };

static bool stops;
static int numbers[INTS];

ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

/* Is that the refusal of a link? Its headers and its body lie in a piece each. */
static bool is_refusal(const struct msghdr *msg)
{
	uint32_t tag, what;

	if (msg->msg_iovlen != 2 || msg->msg_iov[0].iov_len != TDFRAGHDR + MSGHDRLEN ||
		msg->msg_iov[1].iov_len != SHARE_BODY)
		return false;
	memcpy(&tag, (char *)msg->msg_iov[0].iov_base + TDFRAGHDR + WIRE_MSG_TAG, sizeof tag);
	memcpy(&what, (char *)msg->msg_iov[1].iov_base + SHARE_WHAT, sizeof what);
	return ntohl(tag) == (uint32_t)TM_SHARE && ntohl(what) == SHARE_REFUSE;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (!stops || !is_refusal(msg))
		return __real_sendmsg(fd, msg, flags);
	stops = false;
	puts("refuses");
	fflush(stdout);
	raise(SIGSTOP);
	errno = EAGAIN;
	return -1;
}

/* Send back what comes. */
static int echo(void)
{
	int id, bytes, tag, from;

	printf("%d\n", pvm_mytid());
	fflush(stdout);
	while ((id = pvm_recv(-1, -1)) > 0) {
		CHECK_INT(pvm_bufinfo(id, &bytes, &tag, &from), 0);
		if (tag == TAG_END)
			break;
		pvm_setrbuf(0);
		pvm_freebuf(pvm_setsbuf(id));
		CHECK_INT(pvm_send(from, tag), 0);
	}
	pvm_exit();
	return check_done();
}

/* Have an echo send back messages that lie in its memory. */
static void fetch(int tid, int kept[KEPT])
{
	link_with_echo(tid, TAG_ECHO);
	for (int k = 0; k < KEPT; k++) {
		for (int i = 0; i < INTS; i++)
			numbers[i] = k + i;
		pvm_initsend(PvmDataRaw);
		pvm_pkint(numbers, INTS, 1);
		CHECK_INT(pvm_send(tid, TAG_ECHO), 0);
		kept[k] = pvm_recv(tid, TAG_ECHO);
		pvm_setrbuf(0);
	}
}

static bool holds(int id, int first)
{
	bool good;

	pvm_setrbuf(id);
	good = pvm_upkint(numbers, INTS, 1) == 0;
	for (int i = 0; i < INTS; i++)
		good = good && numbers[i] == first + i;
	pvm_setrbuf(0);
	return good;
}

static int keep(char **argv)
{
	char *child[] = { "echo", NULL };
	int tid, kept[KEPT];

	CHECK_INT(pvm_spawn(argv[0], child, PvmTaskDefault, "", 1, &tid), 1);
	fetch(tid, kept);
	printf("%d\n", pvm_mytid());
	fflush(stdout);
	CHECK(getchar() == '\n');
	for (int k = 0; k < KEPT / 2; k++)
		CHECK(holds(kept[k], k));
	/* The first call that needs the daemon says so; what is held stays right. */
	pvm_initsend(PvmDataRaw);
	while (pvm_send(tid, TAG_ECHO) == 0)
		usleep(1000);
	CHECK_INT(pvm_recv(tid, TAG_END), PvmSysErr);
	for (int k = KEPT / 2; k < KEPT; k++)
		CHECK(holds(kept[k], k));
	for (int k = 0; k < KEPT; k++)
		CHECK_INT(pvm_freebuf(kept[k]), 0);
	CHECK_INT(segments("r--s"), 0);
	return check_done();
}

static int leave(void)
{
	struct timeval second = { 1, 0 };
	clock_t before;
	int *fds;

	printf("%d\n", pvm_mytid());
	fflush(stdout);
	CHECK(pvm_recv(-1, TAG_ECHO) > 0);
	CHECK(pvm_getfds(&fds) > 0);
	puts("left");
	fflush(stdout);
	CHECK(getchar() == '\n');
	before = clock();
	CHECK_INT(pvm_trecv(-1, TAG_END, &second), 0);
	CHECK(clock() - before < 3 * CLOCKS_PER_SEC / 10);
	pvm_exit();
	return check_done();
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";

	alarm(CHECK_SECONDS);
	pvm_setopt(PvmAutoErr, 0);
	stops = strcmp(role, "stop") == 0;
	if (strcmp(role, "keep") == 0)
		return keep(argv);
	if (strcmp(role, "leave") == 0)
		return leave();
	return stops || strcmp(role, "echo") == 0 ? echo() : 2;
}

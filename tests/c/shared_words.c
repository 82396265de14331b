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
 *     shared_words once   leaves the memory at a message that says so; has one message more, once,
 *                         another one that says so, and the end
 *     shared_words lose   loses its daemon when it accepts a link, behind a message that it receives
 *     shared_words ask    the same behind an answer of the daemon's, for which it stops
 *
 * It prints its tid; "refuses" or "asks" before it stops.
 */
#include "memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "../../csrc/wire/layout.h"

enum { TAG_ECHO = 1, TAG_END, TAG_LEAVE, INTS = 30000, KEPT = 6 };

static bool stops, loses, asks;
static int numbers[INTS];

ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

/* Is that a message with this tag? Its headers and its body lie in a piece each. */
static bool is_message(const struct msghdr *msg, int expected)
{
	uint32_t tag;

	if (msg->msg_iovlen != 2 || msg->msg_iov[0].iov_len != TDFRAGHDR + MSGHDRLEN)
		return false;
	memcpy(&tag, (char *)msg->msg_iov[0].iov_base + TDFRAGHDR + WIRE_MSG_TAG, sizeof tag);
	return ntohl(tag) == (uint32_t)expected;
}

/* Does it say this about a link? */
static bool is_word(const struct msghdr *msg, int expected)
{
	uint32_t what;

	if (!is_message(msg, TM_SHARE) || msg->msg_iov[1].iov_len != SHARE_BODY)
		return false;
	memcpy(&what, (char *)msg->msg_iov[1].iov_base + SHARE_WHAT, sizeof what);
	return ntohl(what) == (uint32_t)expected;
}

static void stop(const char *why)
{
	puts(why);
	fflush(stdout);
	raise(SIGSTOP);
}

/* There is no room for what is not sent. */
static ssize_t stop_instead(void)
{
	stops = false;
	stop("refuses");
	errno = EAGAIN;
	return -1;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	bool asked = asks && is_message(msg, TM_PSTAT);
	ssize_t n;

	if (stops && is_word(msg, SHARE_REFUSE))
		return stop_instead();
	if (loses && is_word(msg, SHARE_ACCEPT)) {
		loses = false;
		errno = ECONNRESET;
		return -1;
	}
	n = __real_sendmsg(fd, msg, flags);
	if (asked) {
		asks = false;
		stop("asks"); /* until the answer has come */
	}
	return n;
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

static int once(void)
{
	int *fds;

	printf("%d\n", pvm_mytid());
	fflush(stdout);
	CHECK(pvm_recv(-1, TAG_LEAVE) > 0);
	CHECK(pvm_getfds(&fds) > 0);
	puts("left");
	fflush(stdout);
	CHECK(pvm_recv(-1, TAG_END) > 0);
	CHECK(pvm_nrecv(-1, TAG_ECHO) > 0);
	CHECK(pvm_nrecv(-1, TAG_LEAVE) > 0);
	CHECK_INT(pvm_nrecv(-1, -1), 0);
	pvm_exit();
	return check_done();
}

/* The daemon is lost behind what a call has got: the next that needs one says so, once. */
static int lose(void)
{
	int tid = pvm_mytid(), again;

	printf("%d\n", tid);
	fflush(stdout);
	if (asks) {
		CHECK(getchar() == '\n');
		CHECK_INT(pvm_pstat(tid), PvmOk);
	} else {
		CHECK(pvm_recv(-1, TAG_ECHO) > 0);
	}
	CHECK(!loses);
	CHECK(pvm_initsend(PvmDataDefault) > 0);
	CHECK_INT(pvm_gsize("nobody"), PvmSysErr);
	again = pvm_mytid();
	CHECK(again > 0 && again != tid);
	CHECK_INT(pvm_pstat(tid), PvmNoTask);
	pvm_exit();
	return check_done();
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";

	alarm(CHECK_SECONDS);
	pvm_setopt(PvmAutoErr, 0);
	stops = strcmp(role, "stop") == 0;
	asks = strcmp(role, "ask") == 0;
	loses = asks || strcmp(role, "lose") == 0;
	if (loses)
		return lose();
	if (strcmp(role, "keep") == 0)
		return keep(argv);
	if (strcmp(role, "leave") == 0)
		return leave();
	if (strcmp(role, "once") == 0)
		return once();
	return stops || strcmp(role, "echo") == 0 ? echo() : 2;
}

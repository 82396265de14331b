/* SPDX-License-Identifier: MIT */
/*
 * hpvmc: the client of HPVM on a host, a task that the parent's library spawns. It stays until the
 * parent ends, and serves one spawn after the other.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "arena.h"
#include "copies.h"
#include "cpu.h"
#include "kernel.h"
#include "libhpvm/messages.h"
#include "libhpvm/post.h"
#include "libhpvm/types.h"
#include "pool.h"
#include "pvm3.h"
#include "tasks.h"
#include "tools/options.h"
#include "wait.h"

enum { MOST_DESCRIPTORS = 2048, SECOND = 1000 };

static struct {
	int parent;
	struct hpvm_traits traits;
	bool at_work; /* a spawn has begun */
} client;

_Noreturn static void leave(const char *why)
{
	pool_stop();
	if (why)
		fprintf(stderr, "hpvmc: %s\n", why);
	pvm_exit();
	exit(why ? 1 : 0);
}

/* ---- spawns ---- */

static void report_kernel(bool good, const char *why)
{
	struct msg_ready m = { .spawn = to_be32(kernel_spawn()), .good = to_be32(good) };

	snprintf(m.text, sizeof m.text, "%s", why);
	hpvm__post(client.parent, MSG_READY, &m, sizeof m, NULL, 0);
}

static void end_spawn(void)
{
	if (!client.at_work)
		return;
	client.at_work = false;
	pool_stop();
	tasks_end();
	copies_end();
}

static void refuse_kernel(const char *why)
{
	end_spawn();
	report_kernel(false, why);
}

static void use_kernel(enum kernel_news news)
{
	if (news == KERNEL_UNUSABLE)
		refuse_kernel(kernel_why());
	if (news != KERNEL_HERE)
		return;
	client.at_work = true;
	copies_begin(kernel_spawn());
	tasks_begin(kernel_argtype());
	if (!pool_start(kernel_file()))
		refuse_kernel("no process can be started for it");
}

static bool on_kernel(void)
{
	end_spawn();
	use_kernel(kernel_offered(client.parent, &client.traits));
	return true;
}

static bool on_code(void)
{
	use_kernel(kernel_piece(client.parent));
	return true;
}

static bool on_end(void)
{
	end_spawn();
	return true;
}

static bool on_welcome(void)
{
	struct msg_welcome m;

	if (!hpvm__take(&m, sizeof m) || from_be32(m.version) != HPVM_VERSION)
		return false;
	arena.parent_format = from_be32(m.format);
	snprintf(arena.host, sizeof arena.host, "%.*s", HPVM_NAME - 1, m.host);
	return true;
}

/* ---- messages ---- */

static bool (*const handlers[])(void) = {
	[MSG_WELCOME] = on_welcome,
	[MSG_SHARES] = copies_learn,
	[MSG_KERNEL] = on_kernel,
	[MSG_CODE] = on_code,
	[MSG_TASKS] = tasks_take,
	[MSG_PIECE] = copies_take_piece,
	[MSG_END] = on_end,
};
enum { N_HANDLERS = sizeof handlers / sizeof *handlers };

static void handle(int buffer)
{
	int tag, tid = hpvm__open(buffer, &tag);

	/* The daemon tells of the parent's end, nobody else is listened to but the parent. */
	if (tid < 0 && tag == MSG_GONE)
		leave(NULL);
	if (tid != client.parent)
		return;
	if (tag <= 0 || tag >= N_HANDLERS || !handlers[tag] || !handlers[tag]())
		leave("the parent sent what cannot be understood");
}

/* Handle all messages that are there. True if there were some. */
static bool take_messages(void)
{
	int buffer;
	bool any = false;

	while ((buffer = pvm_nrecv(-1, -1)) > 0) {
		handle(buffer);
		any = true;
	}
	if (buffer < 0)
		leave(NULL);
	return any;
}

/* ---- the loop ---- */

static void wait_for_something(void)
{
	static struct pollfd fds[MOST_DESCRIPTORS];
	int *messages, count = pvm_getfds(&messages);
	int n = 1;

	if (count < 0)
		leave(NULL);
	fds[0] = (struct pollfd){ .fd = bell_descriptor(), .events = POLLIN };
	if (client.at_work)
		n += pool_polled(fds + n);
	for (int i = 0; i < count && n < MOST_DESCRIPTORS; i++)
		fds[n++] = (struct pollfd){ .fd = messages[i], .events = POLLIN };
	poll(fds, (nfds_t)n, SECOND);
}

/* What runners have done and ask for. True if there was something. */
static bool look_at_runners(void)
{
	char why[HPVM_TEXT];
	enum pool_news news = pool_loaded(why, sizeof why);

	if (news == POOL_LOADED)
		report_kernel(true, "");
	if (news == POOL_REFUSED) {
		refuse_kernel(why);
		return true;
	}
	copies_fetch(client.parent);
	return tasks_report(client.parent);
}

_Noreturn static void serve(void)
{
	for (;;) {
		bool any = take_messages();

		any |= client.at_work && look_at_runners();
		if (any)
			continue;
		if (client.at_work && !pool_reap(client.parent))
			refuse_kernel("it ends the process that loads it");
		client_idles();
		if (!client.at_work || !look_at_runners())
			wait_for_something();
		client_goes_on();
	}
}

static void say_hello(void)
{
	struct msg_hello m = {
		.version = to_be32(HPVM_VERSION),
		.processors = to_be32(arena.n_runners),
		.slots = to_be32(arena.n_slots),
		.format = to_be32(hpvm__format()),
		.n_levels = to_be32((uint32_t)client.traits.n_levels),
	};

	memcpy(m.arch, client.traits.arch, sizeof m.arch);
	memcpy(m.os, client.traits.os, sizeof m.os);
	memcpy(m.levels, client.traits.levels, sizeof m.levels);
	hpvm__post(client.parent, MSG_HELLO, &m, sizeof m, NULL, 0);
}

int main(int argc, char **argv)
{
	answer_options(argc, argv, "hpvmc",
		"Run kernels of programs that use HPVM, which start it on each host.\n"
		"`hpvmc traits` prints architecture, system and levels of this one.");
	if (argc > 1 && !strcmp(argv[1], "traits"))
		return hpvmc_print_traits();
	pvm_setopt(PvmAutoErr, 0);
	client.parent = pvm_mytid() < 0 ? PvmSysErr : pvm_parent();
	if (client.parent < 0)
		leave("programs that use HPVM start this, users need not");
	/* Signals to the group of 3.4.6's daemon are none of ours, and ours none of its. */
	setpgid(0, 0);
	signal(SIGPIPE, SIG_IGN);
	pvm_notify(PvmTaskExit, MSG_GONE, 1, &client.parent);
	pvm_setopt(PvmRoute, PvmRouteDirect);
	hpvmc_traits(&client.traits);
	if (!arena_make(pool_processors(argc > 1 ? argv[1] : NULL)) || !bell_make())
		leave(strerror(errno));
	say_hello();
	serve();
}

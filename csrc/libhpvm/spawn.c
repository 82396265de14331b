/* SPDX-License-Identifier: MIT */
/* hpvm_spawn, and what is known of the last one. */
#include <errno.h>
#include <stdio.h>
#include "clients.h"
#include "error.h"
#include "join.h"
#include "api.h"
#include "pvm3.h"
#include "serve.h"
#include "session.h"
#include "share.h"

/* Tasks have numbers of 41 bits at most, as a bit is kept of each. */
#define MOST_TASKS ((long long)1 << 40)

static struct {
	struct job job;
	struct setting setting; /* the program's, while we are at work */
	callback *call;
	long keep_blocks;
} work;

/* The program's callback may use PVM: it finds its own buffers and context. */
static void *call_program(long id, long *size)
{
	void *block;

	hpvm__leave(&work.setting);
	block = work.call(id, size);
	hpvm__enter(&work.setting);
	return block;
}

static int check(const char *tree, long count)
{
	long long tasks = count;

	if (!tree)
		return hpvm__fail(HPVM_BADARG, "hpvm_spawn: the name of the tree is NULL");
	if (tasks < 0 || tasks > MOST_TASKS)
		return hpvm__fail(HPVM_BADARG, "hpvm_spawn: %ld is no number of tasks", count);
	if (hpvm__are_shares_in_use())
		return hpvm__fail(HPVM_BUSY, "hpvm_spawn: another spawn is at work");
	return HPVM_OK;
}

static int bad_tree(const char *why)
{
	int code = errno == ENOENT ? HPVM_NOTREE : errno == ENOMEM ? HPVM_NOMEM : HPVM_BADTREE;

	return hpvm__fail(code, "hpvm_spawn: %s", why);
}

/* What a spawn comes to whose clients have done what they could. */
static int outcome(const struct spawn *s, const char *tree)
{
	const struct job *j = s->job;

	if (j->error)
		return j->error;
	if (!hpvm__job_done(j))
		return s->had_kernel || !s->refused[0] ?
			hpvm__fail(HPVM_LOST, "hpvm_spawn: all hosts lost, %ld of %ld tasks done",
				j->good, j->count) :
			hpvm__fail(HPVM_NOKERNEL, "hpvm_spawn: no host can run \"%s\": %s", tree,
				s->refused);
	if (j->n_failures)
		return hpvm__fail(HPVM_FAILED, "hpvm_spawn: %ld of %ld tasks failed; first: %s",
			j->n_failures, j->count, j->first_failure);
	return hpvm__good();
}

static int run(const struct hpvm_tree *tree, const struct hpvm_hosts *hosts, int session,
	long count, callback *call)
{
	struct spawn s = { .job = &work.job, .tree = tree };
	int result = hpvm__clients_start(session, hosts);

	if (result == 0)
		return hpvm__fail(HPVM_NOHOST, "hpvm_spawn: no host has hpvmc");
	if (result > 0)
		result = hpvm__job_begin(&work.job, count, call ? call_program : NULL,
			work.keep_blocks);
	if (result < 0)
		return result;
	hpvm__serve_begin(&s);
	while (!hpvm__job_done(&work.job) && hpvm__serve_once(&s))
		;
	hpvm__serve_end(&s);
	result = outcome(&s, hpvm_tree_name(tree));
	hpvm__job_end(&work.job);
	return result;
}

int hpvm_spawn(const char *name, long count, callback *call)
{
	char why[1024] = "";
	const struct hpvm_hosts *hosts;
	int session, result = check(name, count);
	struct hpvm_tree *tree;

	if (!result)
		result = hpvm__join(&hosts);
	if (result)
		return result;
	session = hpvm__enrol();
	if (session < 0)
		return hpvm__fail(HPVM_PVM, "hpvm_spawn: there is no virtual machine (%d)",
			session);
	tree = hpvm_tree_open(name, why, sizeof why);
	if (!tree)
		return bad_tree(why);
	hpvm__enter(&work.setting);
	hpvm__shares_in_use(true);
	work.call = call;
	result = run(tree, hosts, session, count, call);
	hpvm__shares_in_use(false);
	hpvm__leave(&work.setting);
	hpvm_tree_close(tree);
	return result;
}

long hpvm_failed(long *ids, int *codes, long room)
{
	const struct job *j = &work.job;

	for (long i = 0; i < j->n_failures && i < room; i++) {
		if (ids)
			ids[i] = j->failures[i].task;
		if (codes)
			codes[i] = j->failures[i].code;
	}
	return j->n_failures;
}

int hpvm_setopt(int option, long value)
{
	if (value != 0 && value != 1)
		return hpvm__fail(HPVM_BADARG, "hpvm_setopt: %ld is neither 0 nor 1", value);
	if (option == HPVM_AUTOERR)
		hpvm__set_autoerr(value);
	else if (option == HPVM_KEEP_BLOCKS)
		work.keep_blocks = value;
	else
		return hpvm__fail(HPVM_BADARG, "hpvm_setopt: there is no option %d", option);
	return hpvm__good();
}

/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clients.h"
#include "error.h"
#include "give.h"
#include "hpvm.h"
#include "messages.h"
#include "post.h"
#include "pvm3.h"
#include "serve.h"
#include "share.h"
#include "types.h"

/* ---- a client and its kernel ---- */

/* The client takes no part: the user is told why, and hpvm_error will know it. */
static void leave_out(struct spawn *s, struct client *c, const char *why)
{
	size_t used = strlen(s->refused);

	c->state = CLIENT_IDLE;
	snprintf(s->refused + used, sizeof s->refused - used, "%s%s (%s %s): %s", used ? "; " : "",
		c->name, c->traits.arch, c->traits.os, why);
	hpvm__say("host %s (%s %s) is left out: %s", c->name, c->traits.arch, c->traits.os, why);
}

static void begin_work(struct spawn *s, struct client *c)
{
	c->state = CLIENT_READY;
	c->has_loaded = true;
	memcpy(c->loaded, c->kernel->hash, HPVM_HASH);
	s->had_kernel = true;
}

static void offer_kernel(struct spawn *s, struct client *c)
{
	const struct hpvm_kernel *k = hpvm_select(s->tree, &c->traits, c->choice);
	struct msg_kernel m = { .spawn = to_be32(s->job->number) };
	char why[HPVM_TEXT];

	if (!k) {
		hpvm_select_why(s->tree, &c->traits, c->choice, why, sizeof why);
		leave_out(s, c, why);
		return;
	}
	if (!c->same_format && k->argtype == HPVM_UNTYPED && s->job->call) {
		leave_out(s, c, "arguments have no type, and its numbers are not the parent's");
		return;
	}
	c->kernel = k;
	memcpy(m.hash, k->hash, sizeof m.hash);
	m.bytes = to_be64((uint64_t)k->size);
	m.argtype = to_be32((uint32_t)k->argtype);
	m.source = to_be32(!strcmp(k->arch, HPVM_SOURCE));
	c->state = CLIENT_LOADING;
	if (c->has_loaded && !memcmp(c->loaded, k->hash, HPVM_HASH))
		begin_work(s, c);
	hpvm__post(c->tid, MSG_KERNEL, &m, sizeof m, NULL, 0);
}

static bool on_hello(struct spawn *s, struct client *c)
{
	struct msg_hello hello;
	struct msg_welcome m = { to_be32(HPVM_VERSION), to_be32(hpvm__format()), "" };

	if (!hpvm__take(&hello, sizeof hello) || !hpvm__client_hello(c, &hello))
		return false;
	snprintf(m.host, sizeof m.host, "%s", c->name);
	hpvm__post(c->tid, MSG_WELCOME, &m, sizeof m, NULL, 0);
	offer_kernel(s, c);
	return true;
}

/* Answer with a piece of `whole`, of which `m` says the place. */
static bool send_piece(struct client *c, int tag, struct msg_piece *m, const unsigned char *whole,
	uint64_t size)
{
	uint64_t start = from_be64(m->start);
	uint32_t bytes = from_be32(m->bytes);

	if (bytes < 1 || bytes > HPVM_PIECE || start > size || bytes > size - start)
		return false;
	whole += start;
	m->zero = to_be32(!whole[0] && !memcmp(whole, whole + 1, bytes - 1));
	hpvm__post(c->tid, tag, m, sizeof *m, whole, from_be32(m->zero) ? 0 : bytes);
	return true;
}

static bool on_need(struct spawn *s, struct client *c)
{
	struct msg_piece m;

	if (!hpvm__take(&m, sizeof m) || !c->kernel)
		return false;
	if (from_be32(m.spawn) != s->job->number)
		return true;
	return send_piece(c, MSG_CODE, &m, c->kernel->bytes, (uint64_t)c->kernel->size);
}

static bool on_ready(struct spawn *s, struct client *c)
{
	struct msg_ready m;

	if (!hpvm__take(&m, sizeof m))
		return false;
	if (from_be32(m.spawn) != s->job->number || c->state < CLIENT_LOADING)
		return true;
	if (from_be32(m.good)) {
		begin_work(s, c);
		return true;
	}
	c->has_loaded = false;
	c->in_flight = c->told = 0;
	hpvm__job_lost(s->job, hpvm__client_of(c->tid));
	m.text[sizeof m.text - 1] = 0;
	hpvm__say("host %s: %s: %s", c->name, c->kernel->path, m.text);
	c->choice++;
	offer_kernel(s, c);
	return true;
}

static bool on_get(struct spawn *s, struct client *c)
{
	struct msg_piece m;
	const struct share *share;

	if (!hpvm__take(&m, sizeof m))
		return false;
	if (from_be32(m.spawn) != s->job->number)
		return true;
	share = hpvm__share_number(from_be32(m.id));
	return share && send_piece(c, MSG_PIECE, &m, share->data, share->bytes);
}

/* ---- results ---- */

/* The share that a range lies in, or NULL. */
static const struct share *share_of(const struct merge_range *r)
{
	const struct share *s = hpvm__share_number(from_be32(r->share));
	uint64_t start = from_be64(r->start), bytes = from_be64(r->bytes);

	return s && start <= s->bytes && bytes <= s->bytes - start ? s : NULL;
}

static bool on_merge(struct spawn *s, struct client *c)
{
	struct msg_merge m;
	struct merge_range r;
	struct flight *f;
	struct staged *merge;
	int buffer = pvm_getrbuf();

	if (!hpvm__take(&m, sizeof m) || !hpvm__take(&r, sizeof r) || !share_of(&r) ||
		from_be64(r.bytes) != hpvm__left())
		return false;
	f = hpvm__job_flight(s->job, from_be32(m.ticket), from_be64(m.task), from_be32(m.attempt),
		hpvm__client_of(c->tid));
	if (!f)
		return true;
	merge = malloc(sizeof *merge);
	if (!merge)
		return false;
	hpvm__put_aside();
	*merge = (struct staged){
		.buffer = buffer,
		.share = from_be32(r.share),
		.start = from_be64(r.start),
		.bytes = from_be64(r.bytes),
	};
	hpvm__job_stage(f, merge);
	return true;
}

/* Merges that came ahead of the report. */
static void apply_staged(struct flight *f)
{
	int report;
	size_t left;

	if (!f->merges)
		return;
	report = pvm_getrbuf();
	left = hpvm__put_aside();
	for (struct staged *m = f->merges; m; m = m->next) {
		pvm_setrbuf(m->buffer);
		pvm_upkbyte((char *)hpvm__share_number(m->share)->data + m->start, (int)m->bytes,
			1);
		pvm_setrbuf(0);
	}
	hpvm__go_on(report, left);
}

/* Merges behind the report; those of an attempt that is of no interest any more are passed over. */
static bool take_merges(uint32_t count, bool wanted)
{
	struct merge_range r;

	for (uint32_t i = 0; i < count; i++) {
		const struct share *share;

		if (!hpvm__take(&r, sizeof r))
			return false;
		share = wanted ? share_of(&r) : NULL;
		if (wanted && !share)
			return false;
		if (!(share ? hpvm__take(share->data + from_be64(r.start), from_be64(r.bytes)) :
			      hpvm__skip(from_be64(r.bytes))))
			return false;
	}
	return true;
}

static bool on_done(struct spawn *s, struct client *c)
{
	int number = hpvm__client_of(c->tid);
	struct msg_done m;

	while (hpvm__left()) {
		struct flight *f;

		if (!hpvm__take(&m, sizeof m))
			return false;
		f = hpvm__job_flight(s->job, from_be32(m.ticket), from_be64(m.task),
			from_be32(m.attempt), number);
		if (f)
			apply_staged(f);
		if (!take_merges(from_be32(m.merges), f))
			return false;
		if (!f)
			continue;
		hpvm__job_good(s->job, f, from_be32(m.microseconds));
		c->in_flight--;
	}
	return true;
}

static bool on_failed(struct spawn *s, struct client *c)
{
	char why[HPVM_NAME + HPVM_TEXT + 8];
	struct msg_failed m;
	struct flight *f;

	if (!hpvm__take(&m, sizeof m))
		return false;
	f = hpvm__job_flight(s->job, from_be32(m.ticket), from_be64(m.task), from_be32(m.attempt),
		hpvm__client_of(c->tid));
	if (!f)
		return true;
	m.text[sizeof m.text - 1] = 0;
	snprintf(why, sizeof why, "on %s: %s", c->name, m.text);
	c->in_flight--;
	if (from_be32(m.cause) == CAUSE_CRASHED)
		hpvm__job_again(s->job, f, true, why);
	else
		hpvm__job_failed(s->job, f, (int)from_be32(m.code), why);
	return true;
}

/* ---- losses ---- */

static void on_gone(struct spawn *s)
{
	struct client *list;
	int tid, count, number;

	if (pvm_upkint(&tid, 1, 1) < 0)
		return;
	number = hpvm__client_of(tid);
	if (number < 0)
		return;
	list = hpvm__clients(&count);
	hpvm__say("host %s: its client is lost", list[number].name);
	list[number].state = CLIENT_GONE;
	hpvm__job_lost(s->job, number);
}

/* ---- the table, and the loop ---- */

static bool (*const handlers[])(struct spawn *, struct client *) = {
	[MSG_HELLO] = on_hello,
	[MSG_NEED] = on_need,
	[MSG_READY] = on_ready,
	[MSG_DONE] = on_done,
	[MSG_FAILED] = on_failed,
	[MSG_GET] = on_get,
	[MSG_MERGE] = on_merge,
};
enum { N_HANDLERS = sizeof handlers / sizeof *handlers };

static void handle(struct spawn *s, int buffer)
{
	struct client *list;
	int tag, count, tid = hpvm__open(buffer, &tag), number = hpvm__client_of(tid);

	if (tid < 0 && tag == MSG_GONE) {
		on_gone(s);
		return;
	}
	/* From somebody who was dropped, or who has no business here. */
	if (number < 0)
		return;
	list = hpvm__clients(&count);
	if (tag > 0 && tag < N_HANDLERS && handlers[tag] && handlers[tag](s, &list[number]))
		return;
	hpvm__client_drop(&list[number], "it sent what cannot be understood");
	hpvm__job_lost(s->job, number);
}

static bool anybody_left(const struct spawn *s)
{
	int count;
	const struct client *list = hpvm__clients(&count);

	(void)s;
	for (int i = 0; i < count; i++)
		if (list[i].state == CLIENT_STARTED || list[i].state >= CLIENT_LOADING)
			return true;
	return false;
}

/* Give tasks to clients that have room for them. */
static void give_to_all(struct spawn *s)
{
	int count, ready = 0;
	struct client *list = hpvm__clients(&count);

	for (int i = 0; i < count; i++)
		ready += list[i].state == CLIENT_READY;
	for (int i = 0; i < count && !s->job->error; i++)
		if (list[i].state == CLIENT_READY)
			hpvm__give_tasks(s->job, i, ready > 1);
}

void hpvm__serve_begin(struct spawn *s)
{
	int count;
	struct client *list = hpvm__clients(&count);

	for (int i = 0; i < count; i++) {
		list[i].choice = list[i].in_flight = list[i].told = 0;
		list[i].kernel = NULL;
		if (list[i].state > CLIENT_IDLE)
			list[i].state = CLIENT_IDLE;
		if (list[i].state == CLIENT_IDLE)
			offer_kernel(s, &list[i]);
	}
}

bool hpvm__serve_once(struct spawn *s)
{
	int buffer;

	give_to_all(s);
	if (s->job->error)
		return false;

	if (!anybody_left(s))
		return false;
	buffer = pvm_recv(-1, -1);
	if (buffer < 0) {
		s->job->error = hpvm__fail(HPVM_PVM, "hpvm_spawn: the daemon is lost (%d)", buffer);
		return false;
	}
	do
		handle(s, buffer);
	while ((buffer = pvm_nrecv(-1, -1)) > 0);
	return !s->job->error;
}

void hpvm__serve_end(struct spawn *s)
{
	int count;
	struct client *list = hpvm__clients(&count);

	(void)s;
	for (int i = 0; i < count; i++)
		if (list[i].state >= CLIENT_LOADING) {
			hpvm__post(list[i].tid, MSG_END, NULL, 0, NULL, 0);
			list[i].state = CLIENT_IDLE;
		}
}

/* SPDX-License-Identifier: MIT */
/*
 * Enrolment of connections as tasks. In the first round, TM_CONNECT, each side has the other write
 * into a file, which is done here; tasks of this library need not. The second one, TM_CONN2, goes to
 * the caller, with whether the peer has proven who it is, unless welcome.c serves it. It may wait for the file system, so it is done in
 * three steps: enrol_take, enrol_files without the lock, enrol_done.
 */
#include "routing/routing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pvmproto.h"

bool enrol_waits(const struct sw *sw)
{
	return !list_empty(&tasks_of(sw)->strangers.asking);
}

/* The file in a TM_CONNECT body, which ends in a NUL; NULL: malformed. */
static const char *peers_file(const char *body, uint32_t len)
{
	uint32_t size = len >= 8 ? wire_get32(body + 4) : 0;

	if (!size || size > len - 8)
		return NULL;
	return memchr(body + 8, '\0', size) ? body + 8 : NULL;
}

static void take(struct stranger *s, struct enrolment *e)
{
	struct strangers *all = &tasks_of(s->conn->sw)->strangers;

	*e = (struct enrolment){
		.conn = s->conn->peer.id,
		.first = wire_get32(s->head + WIRE_MSG_TAG) == (uint32_t)TM_CONNECT,
		.stem = all->stem,
		.number = &all->number,
		.body = s->body,
		.len = s->len,
	};
	e->same = s->conn->uid == geteuid();
	e->proven = !e->first && s->proven;
	memcpy(e->proof, s->proof, sizeof e->proof);
	s->proof[0] = '\0';
	s->proven = false;
	s->body = NULL;
}

bool enrol_take(struct sw *sw, struct enrolment *e)
{
	const struct link *asking = &tasks_of(sw)->strangers.asking;

	while (!list_empty(asking)) {
		struct conn *c = CONTAINER(asking->next, struct conn, place);

		if (c->stranger) {
			take(c->stranger, e);
			return true;
		}
		/* The caller has bound it meanwhile. */
		conn_ready(c);
	}
	return false;
}

/* Does a TM_CONNECT of this library say behind the path that it needs no file of ours? */
static bool needs_no_file(const struct enrolment *e)
{
	uint32_t at = 8 + ((wire_get32(e->body + 4) + 3) & ~3u);

	return at + 4 <= e->len && wire_get32(e->body + at) == WIRE_EXT_MAGIC;
}

/* The first round's files. */
static void exchange(struct enrolment *e)
{
	uint32_t protocol = e->len >= 4 ? wire_get32(e->body) : 0;
	const char *theirs = peers_file(e->body, e->len);
	int rc;

	if (!theirs) {
		snprintf(e->problem, sizeof e->problem, "malformed TM_CONNECT");
	} else if (protocol != TDPROTOCOL) {
		snprintf(e->problem, sizeof e->problem, "task protocol %d, need %d", (int)protocol,
			TDPROTOCOL);
	} else if ((rc = proof_sign(theirs)) < 0) {
		snprintf(e->problem, sizeof e->problem, "authentication file %.100s: %s", theirs,
			rc == -EPERM ? "it is no empty file of this user" : strerror(-rc));
	} else if (e->same && needs_no_file(e)) {
		e->proven = true;
	} else if ((rc = proof_make(e->stem, e->number, e->proof)) < 0) {
		snprintf(e->problem, sizeof e->problem, "authentication file %s: %s", e->proof,
			strerror(-rc));
	}
}

void enrol_files(struct enrolment *e)
{
	bool written = e->proof[0] && proof_take(e->proof);

	e->proof[0] = '\0';
	if (e->first)
		exchange(e);
	else if (written)
		e->proven = true;
}

/* Answer the first round: TDPROTOCOL, whether it is accepted, the path of our file if there is one. */
static void answer(struct conn *c, bool accepted, const char *path)
{
	char text[8 + PROOF_PATH_MAX + 4] = { 0 };
	uint32_t size = (uint32_t)strlen(path) + 1;

	wire_put32(text, accepted);
	wire_put32(text + 4, size);
	memcpy(text + 8, path, size);
	conn_answer(c, c->stranger->head, TDPROTOCOL, text, 8 + ((size + 3) & ~3u));
}

static void refuse(struct conn *c, const char *why)
{
	char line[sizeof((struct enrolment *)0)->problem + 64];

	snprintf(line, sizeof line, "connection of pid %u dropped: %s", c->pid, why);
	events_text(c->sw, SW_LOG, 0, line);
	answer(c, false, "");
	conn_close(c);
}

/* The second round is the caller's. */
static void report(struct conn *c, const struct enrolment *e)
{
	conn_announce(c, e->proven ? SW_PROVEN : 0);
	budget_report(c, TID_DAEMON, c->stranger->head, e->body, e->len, NULL);
	budget_hold(c);
	if (stranger_left(c))
		conn_end(c, SW_EOF, NULL);
}

/* What has been done for a connection that is still there. */
static void settle(struct conn *c, struct enrolment *e)
{
	struct stranger *s = c->stranger;

	list_remove(&c->place);
	if (!e->first) {
		if (!e->proven || !welcome_give(c, e->body, e->len))
			report(c, e);
	} else if (e->problem[0]) {
		refuse(c, e->problem);
	} else {
		memcpy(s->proof, e->proof, sizeof s->proof);
		s->proven = e->proven;
		answer(c, true, s->proof);
	}
	if (c->peer.fd >= 0 && !c->closing && !c->place.next)
		conn_resume(c);
}

void enrol_done(struct sw *sw, struct enrolment *e)
{
	struct conn *c = conn_find(sw, e->conn);

	if (c && c->stranger && !c->closing)
		settle(c, e);
	else if (e->proof[0])
		proof_take(e->proof);
	free(e->body);
	queue_flush_touched(sw);
	conn_bury(sw);
}

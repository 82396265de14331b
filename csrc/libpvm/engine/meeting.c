/* SPDX-License-Identifier: MIT */
/*
 * How direct routes are made: by TC_CONREQ and TC_CONACK through the daemons.
 *
 * A task that wants a route binds a socket and asks; the other one listens on a
 * socket of its own and answers with that address; the first connects.  If both
 * ask at once the one with the lower tid connects.
 */
#include "engine/route.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

/* ---- connections ---------------------------------------------------------------- */

/* Have the stream of a connection that is to come. */
static bool prepare_stream(struct route *r)
{
	if (!r->prepared)
		r->prepared = pvm__stream_new(-1, r->tid);
	return r->prepared;
}

/* Make the connected socket the route's stream. */
static void begin_stream(struct route *r, int fd)
{
	r->stream = r->prepared;
	r->prepared = NULL;
	r->stream->way.source.fd = fd;
	r->stream->settles = r->can & WIRE_ROUTE_CAN_LEAVE && !pvm__stream_is_local(r->stream);
	r->state = ROUTE_OPEN;
}

/* The same. The other side may have written to it by now, so want of memory does not stop this. */
static void open_stream(struct route *r, int fd)
{
	begin_stream(r, fd);
	pvm__watch_when_possible(&r->stream->way.source);
	pvm__notice_route_opened(r->tid, fd);
}

/* Send everything through the daemon until the other task asks or exits. */
static void deny(struct route *r)
{
	pvm__rendezvous_close(&r->meeting);
	free(r->prepared);
	r->prepared = NULL;
	r->state = ROUTE_DENIED;
}

/* The listening socket of a route is readable. */
static void accept_ready(struct source *source)
{
	struct route *r = (struct route *)source;
	int fd = pvm__rendezvous_accept(&r->meeting);

	if (fd < 0)
		return;
	pvm__rendezvous_close(&r->meeting);
	open_stream(r, fd);
	pvm__wake(WAKE_NEWS); /* for await_connection */
}

/* Has somebody connected to a route that is listened for? */
static bool is_pending(const struct route *r)
{
	struct pollfd p = { .fd = r->meeting.source.fd, .events = POLLIN };

	return r->state == ROUTE_LISTEN && poll(&p, 1, 0) > 0;
}

void pvm__route_accept(struct route *r)
{
	if (is_pending(r))
		accept_ready(&r->meeting.source);
}

void pvm__route_catch_up(int tid)
{
	struct route *r = pvm__route_find(tid);

	if (r)
		pvm__route_accept(r);
	if (r && r->stream && !r->stream->lost)
		pvm__stream_drain(r->stream);
}

void pvm__route_accept_quietly(struct route *r)
{
	int fd = is_pending(r) ? pvm__rendezvous_accept(&r->meeting) : -1;

	if (fd < 0)
		return;
	/* What is watched is the stream from now on. */
	pvm__rendezvous_leave(&r->meeting);
	r->meeting.watched = false;
	begin_stream(r, fd);
	pvm__watch_resume(&r->stream->way.source);
}

/* Wait for the task that asked for a route with the address `wanted`. */
static bool await_task(struct route *r, const char *wanted)
{
	if (!prepare_stream(r) || !pvm__rendezvous_listen(&r->meeting, wanted, accept_ready))
		return false;
	r->state = ROUTE_LISTEN;
	return true;
}

/* ---- what tasks say of themselves -------------------------------------------- */

struct self {
	int can;   /* WIRE_ROUTE_CAN_ bits */
	int place; /* 0: it has not said where it is */
};

/* This task, for pvm__compose. */
#define SELF_WORDS WIRE_EXT_MAGIC, WIRE_ROUTE_CAN_LEAVE, pvm__place(pvmmytid)

/* What the sender of a request or an answer says, behind the address; nothing, if it has 3.4.6's library. */
static struct self read_self(struct message *m)
{
	struct self self = { 0, 0 };
	int magic = 0;

	if (pvm__get_int(m, &magic) < 0 || magic != WIRE_EXT_MAGIC ||
		pvm__get_int(m, &self.can) < 0 || pvm__get_int(m, &self.place) < 0)
		return (struct self){ 0, 0 };
	return self;
}

static void note_self(struct route *r, const struct self *self)
{
	r->can = self->can;
	if (self->place)
		r->place = self->place;
}

/* ---- asking ------------------------------------------------------------------ */

static bool is_here(int place)
{
	return place == pvm__place(pvmmytid);
}

/* Be told of what ends a route: one to a lost host would not end by itself. 0 or an error code. */
static int watch_peer(int tid, int place)
{
	int code = pvm__ask_notice(PvmTaskExit, tid, TC_TASKEXIT);

	if (code >= 0 && !is_here(place))
		code = pvm__ask_notice(PvmHostDelete, place, TC_TASKEXIT);
	return code;
}

/* Ask for a new route, which is ROUTE_DENIED if that is not possible. */
static void request(struct route *r)
{
	int tid = r->tid, place = r->place;
	char address[ADDRESS_TEXT];

	/* Without the watch an end of the other side would go unnoticed while this one waits. */
	if (!pvm__rendezvous_bind(&r->meeting, is_here(place), address) ||
		pvm__post(pvm__compose("isiii", TDPROTOCOL, address, SELF_WORDS), TC_CONREQ,
			SYSCTX_TC, tid) < 0 ||
		watch_peer(tid, place) < 0) {
		r = pvm__route_find(tid);
		if (r && r->state == ROUTE_ASKED)
			deny(r);
	}
}

void pvm__route_request(int tid)
{
	struct route *r = pvm__route_new(tid);

	if (r)
		request(r);
}

/* Begin anew with a route that was asked for: the other task is there, and has said so much of itself. */
static void request_again(int tid, const struct self *self)
{
	struct route *r;

	pvm__route_drop(pvm__route_find(tid));
	r = pvm__route_new(tid);
	if (!r)
		return;
	r->again = true;
	r->place = self->place;
	request(r);
}

void pvm__route_watch_late(int tid)
{
	const struct route *r = pvm__route_find(tid);

	/* The socket goes with the task that might have connected. */
	if (r && is_here(r->place))
		watch_peer(tid, r->place);
}

/* ---- answering ---------------------------------------------------------------- */

/* The answer that is always possible, as whoever asked waits for one. It does not say where this task is. */
static struct message *refusal;

int pvm__routes_prepare(void)
{
	if (!refusal)
		refusal = pvm__compose("iis", TDPROTOCOL, 1, "");
	return refusal ? 0 : PvmNoMem;
}

/* Is it a Unix socket's address? */
static bool is_local(const char *address)
{
	return address[0] == '/';
}

/* Has the other task asked with a socket of the kind that two tasks of these hosts need? */
static bool is_right_kind(const char *wanted, const struct self *self)
{
	return !self->place || is_local(wanted) == is_here(self->place);
}

/* Listen for the other task on a socket of the kind it asked with. */
static bool offer(int tid, const char *wanted, const struct self *self, char *address)
{
	struct route *r = pvm__route_new(tid);

	if (!r)
		return false;
	note_self(r, self);
	if (pvm__rendezvous_bind(&r->meeting, is_local(wanted), address) && await_task(r, wanted))
		return true;
	pvm__route_drop(r);
	return false;
}

/* Can what was bound for an own request be listened on by now, for one of this kind? */
static bool is_usable(const struct route *r, const char *wanted)
{
	return r->state == ROUTE_ASKED && !r->stale &&
		is_local(r->meeting.path) == is_local(wanted);
}

/* Listen for a task that asks for a route, and write the address. False: there will be none. */
static bool accept_request(int tid, const char *wanted, const struct self *self, char *address)
{
	struct route *r = pvm__route_find(tid);
	bool right = is_right_kind(wanted, self);

	if (r && right && is_usable(r, wanted)) {
		note_self(r, self);
		if (pvm__rendezvous_address(&r->meeting, address) && await_task(r, wanted))
			return true;
		pvm__route_drop(r);
		return false;
	}
	/* The other side has forgotten any earlier route, or it would not ask. */
	if (r && r->stream)
		pvm__stream_drain(r->stream);
	if (r)
		pvm__route_drop(r);
	return right && pvm__task.option.route != PvmDontRoute && offer(tid, wanted, self, address);
}

/* Be told of the end of a task that was accepted, and have the answer. NULL: not possible. */
static struct message *acceptance(const struct route *r, const char *address)
{
	if (!is_here(r->place) && watch_peer(r->tid, r->place) < 0)
		return NULL;
	return pvm__compose("iisiii", TDPROTOCOL, 0, address, SELF_WORDS);
}

static struct message *make_refusal(void)
{
	struct message *m = pvm__compose("iisiii", TDPROTOCOL, 1, "", SELF_WORDS);

	if (m)
		return m;
	pvm__message_ref(refusal);
	return refusal;
}

/* Answer a request for a route. */
static void answer_request(int tid, const char *wanted, const struct self *self)
{
	const struct route *r = pvm__route_find(tid);
	char address[ADDRESS_TEXT] = "";
	struct message *answer = NULL;

	/* Requests crossed: the lower tid connects, the other one listens. */
	if (r && r->state == ROUTE_ASKED && pvmmytid < tid)
		return;
	if (accept_request(tid, wanted, self, address)) {
		answer = acceptance(pvm__route_find(tid), address);
		if (!answer)
			pvm__route_drop(pvm__route_find(tid));
	}
	if (answer)
		pvm__notice_route_opened(tid, pvm__route_find(tid)->meeting.source.fd);
	pvm__post(answer ? answer : make_refusal(), TC_CONACK, SYSCTX_TC, tid);
}

int pvm__tc_conreq(int mid)
{
	struct message *m = pvm__message_of(mid);
	char *wanted = NULL;
	struct self self;
	int version;

	if (!wire_is_task((uint32_t)m->src) || m->src == pvmmytid)
		return 0;
	if (pvm__get_int(m, &version) < 0 || pvm__get_str(m, &wanted) < 0)
		pvm__log("malformed route request from t%x ignored", (unsigned)m->src);
	else {
		self = read_self(m);
		answer_request(m->src, wanted, &self);
	}
	free(wanted);
	return 0;
}

/* ---- being answered ------------------------------------------------------------ */

/* The other task does not want a route; or it wants one of the other kind, as one of both has moved. */
static void take_refusal(struct route *r, const struct self *self)
{
	bool other = self->place && (r->stale || is_local(r->meeting.path) != is_here(self->place));

	if (other && !r->again)
		request_again(r->tid, self);
	else if (other)
		pvm__route_drop(r);
	else
		deny(r);
}

/* Connect to who has accepted. False: not possible. */
static bool connect_to(struct route *r, const char *address)
{
	char own[ADDRESS_TEXT];

	/* Any address will do for 3.4.6. */
	if (r->stale && !pvm__rendezvous_bind(&r->meeting, is_local(address), own))
		return false;
	return prepare_stream(r) && pvm__rendezvous_connect(&r->meeting, address);
}

/* The route is open; whose end comes with that of another host than was thought, is watched so. */
static void open_route(struct route *r, const struct self *self)
{
	int fd = r->meeting.source.fd, tid = r->tid;
	bool elsewhere = self->place && self->place != r->place && !is_here(self->place);

	r->meeting.source.fd = -1;
	pvm__rendezvous_close(&r->meeting);
	note_self(r, self);
	open_stream(r, fd);
	if (elsewhere)
		pvm__ask_notice(PvmHostDelete, pvm__route_find(tid)->place, TC_TASKEXIT);
}

/* The other task has accepted. If it has moved since, or this one has, both begin anew. */
static void take_acceptance(struct route *r, const struct self *self, const char *address)
{
	bool old = r->stale && self->place;

	errno = 0;
	if (!old && connect_to(r, address))
		open_route(r, self);
	else if (old || (self->place && !r->again && (errno == ECONNREFUSED || errno == ENOENT)))
		request_again(r->tid, self);
	else
		deny(r);
}

int pvm__tc_conack(int mid)
{
	struct message *m = pvm__message_of(mid);
	struct route *r = pvm__route_find(m->src);
	int version = 0, refused = 1;
	char *address = NULL;
	struct self self;

	if (!r || r->state != ROUTE_ASKED)
		return 0;
	if (pvm__get_int(m, &version) < 0 || pvm__get_int(m, &refused) < 0 ||
		pvm__get_str(m, &address) < 0)
		refused = 1;
	self = read_self(m);
	if (refused || version != TDPROTOCOL)
		take_refusal(r, &self);
	else
		take_acceptance(r, &self, address);
	free(address);
	return 0;
}

/* The task of a route has exited.  An open route is left to its end of file. */
int pvm__tc_taskexit(int mid)
{
	struct message *m = pvm__message_of(mid);
	struct route *r;
	int tid;

	if (!wire_is_daemon((uint32_t)m->src) || pvm__get_int(m, &tid) < 0)
		return 0;
	r = pvm__route_find(tid);
	if (r)
		pvm__route_accept(r);
	if (r && r->state != ROUTE_OPEN)
		pvm__route_drop(r);
	return 0;
}

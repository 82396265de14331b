/* SPDX-License-Identifier: MIT */
/*
 * How direct routes are made: by TC_CONREQ and TC_CONACK through the daemons.
 *
 * A task that wants a route binds a socket and asks; the other one listens on a
 * socket of its own and answers with that address; the first connects.  If both
 * ask at once the one with the lower tid connects.
 */
#include "engine/route.h"

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

/*
 * Make the connected socket the route's stream. The other side may have written to it by now, so
 * want of memory does not stop this.
 */
static void open_stream(struct route *r, int fd)
{
	r->stream = r->prepared;
	r->prepared = NULL;
	r->stream->way.source.fd = fd;
	r->state = ROUTE_OPEN;
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

/* A route that is listened for is open if the other side has connected by now. */
static void accept_pending(struct route *r)
{
	struct pollfd p = { .fd = r->meeting.source.fd, .events = POLLIN };

	if (r->state == ROUTE_LISTEN && poll(&p, 1, 0) > 0)
		accept_ready(&r->meeting.source);
}

/* Wait for the task that asked for a route with the address `wanted`. */
static bool await_task(struct route *r, const char *wanted)
{
	if (!prepare_stream(r) || !pvm__rendezvous_listen(&r->meeting, wanted, accept_ready))
		return false;
	r->state = ROUTE_LISTEN;
	return true;
}

/* ---- asking ------------------------------------------------------------------ */

static bool same_host(int tid)
{
	return pvm__place(tid) == pvm__place(pvmmytid);
}

/* Be told of what ends a route: one to a lost host would not end by itself. 0 or an error code. */
static int watch_peer(int tid)
{
	int code = pvm__ask_notice(PvmTaskExit, tid, TC_TASKEXIT);

	if (code >= 0 && !same_host(tid))
		code = pvm__ask_notice(PvmHostDelete, pvm__place(tid), TC_TASKEXIT);
	return code;
}

void pvm__route_request(int tid)
{
	struct route *r = pvm__route_new(tid);
	char address[ADDRESS_TEXT];

	if (!r)
		return;
	/* Without the watch an end of the other side would go unnoticed while this one waits. */
	if (!pvm__rendezvous_bind(&r->meeting, same_host(tid), address) ||
		pvm__post(pvm__compose("is", TDPROTOCOL, address), TC_CONREQ, SYSCTX_TC, tid) < 0 ||
		watch_peer(tid) < 0) {
		r = pvm__route_find(tid);
		if (r && r->state == ROUTE_ASKED)
			deny(r);
	}
}

void pvm__route_watch_late(int tid)
{
	/* The socket goes with the task that might have connected. */
	if (same_host(tid))
		watch_peer(tid);
}

/* ---- answering ---------------------------------------------------------------- */

/* The answer that is always possible, as whoever asked waits for one. */
static struct message *refusal;

int pvm__routes_prepare(void)
{
	if (!refusal)
		refusal = pvm__compose("iis", TDPROTOCOL, 1, "");
	return refusal ? 0 : PvmNoMem;
}

/* Listen for the other task on a socket of the kind it asked with. */
static bool offer(int tid, const char *wanted, char *address)
{
	struct route *r = pvm__route_new(tid);

	if (!r)
		return false;
	if (pvm__rendezvous_bind(&r->meeting, wanted[0] == '/', address) && await_task(r, wanted))
		return true;
	pvm__route_drop(r);
	return false;
}

/* Answer a request for a route. */
static void answer_request(int tid, const char *wanted)
{
	struct route *r = pvm__route_find(tid);
	char address[ADDRESS_TEXT] = "";
	struct message *answer;
	bool accepted;

	if (r && r->state == ROUTE_ASKED) {
		/* Requests crossed: the lower tid connects, the other one listens. */
		if (pvmmytid < tid)
			return;
		accepted = pvm__rendezvous_address(&r->meeting, address) && await_task(r, wanted);
		if (!accepted)
			pvm__route_drop(r);
	} else {
		/* The other side has forgotten any earlier route, or it would not ask. */
		if (r && r->stream)
			pvm__stream_drain(r->stream);
		if (r)
			pvm__route_drop(r);
		accepted = pvm__task.option.route != PvmDontRoute && offer(tid, wanted, address);
	}
	if (accepted && !same_host(tid) && watch_peer(tid) < 0) {
		pvm__route_drop(pvm__route_find(tid));
		accepted = false;
	}
	answer = accepted ? pvm__compose("iis", TDPROTOCOL, 0, address) : NULL;
	if (accepted && !answer)
		pvm__route_drop(pvm__route_find(tid));
	if (answer)
		pvm__notice_route_opened(tid, pvm__route_find(tid)->meeting.source.fd);
	if (!answer) {
		pvm__message_ref(refusal);
		answer = refusal;
	}
	pvm__post(answer, TC_CONACK, SYSCTX_TC, tid);
}

int pvm__tc_conreq(int mid)
{
	struct message *m = pvm__message_of(mid);
	char *wanted = NULL;
	int version;

	if (!wire_is_task((uint32_t)m->src) || m->src == pvmmytid)
		return 0;
	if (pvm__get_int(m, &version) < 0 || pvm__get_str(m, &wanted) < 0)
		pvm__log("malformed route request from t%x ignored", (unsigned)m->src);
	else
		answer_request(m->src, wanted);
	free(wanted);
	return 0;
}

int pvm__tc_conack(int mid)
{
	struct message *m = pvm__message_of(mid);
	struct route *r = pvm__route_find(m->src);
	int version = 0, refused = 1, fd;
	char *address = NULL;

	if (!r || r->state != ROUTE_ASKED)
		return 0;
	if (pvm__get_int(m, &version) < 0 || pvm__get_int(m, &refused) < 0 ||
		pvm__get_str(m, &address) < 0)
		refused = 1;
	if (refused || version != TDPROTOCOL || !prepare_stream(r) ||
		!pvm__rendezvous_connect(&r->meeting, address))
		deny(r);
	else {
		fd = r->meeting.source.fd;
		r->meeting.source.fd = -1;
		pvm__rendezvous_close(&r->meeting);
		open_stream(r, fd);
	}
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
		accept_pending(r);
	if (r && r->state != ROUTE_OPEN)
		pvm__route_drop(r);
	return 0;
}

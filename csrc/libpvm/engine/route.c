/* SPDX-License-Identifier: MIT */
/*
 * Direct routes: connections between two tasks, set up by TC_CONREQ and TC_CONACK
 * through the daemons, closed by either side's end.
 *
 * A task that wants a route binds a socket and asks; the other one listens on a
 * socket of its own and answers with that address; the first connects.  If both
 * ask at once the one with the lower tid connects.
 *
 * Messages stay in order.  Requests and answers go by the daemon behind all earlier
 * messages, so these have come when the route is open.  While it is being made no
 * message goes to that task.  If one has to, as that of a handler, or when the other
 * task is stopped, the route is passed by: this task sends by the daemon for good,
 * and only receives by the route.
 */
#include "engine/engine.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { BUCKETS = 64, ACCEPT_WAIT_MS = 2000 };

enum route_state {
	ROUTE_ASKED,  /* we sent TC_CONREQ and wait for TC_CONACK */
	ROUTE_LISTEN, /* we accepted and wait for the other side to connect */
	ROUTE_OPEN,
	ROUTE_DENIED, /* everything goes through the daemon */
};

struct route {
	struct rendezvous meeting; /* first: a route's address is its socket's */
	struct route *next;
	int tid;
	enum route_state state;
	bool passed_by;        /* what goes to the task goes by the daemon */
	struct stream *stream; /* ROUTE_OPEN */
};

static struct route *routes[BUCKETS]; /* hashed by tid */

/* ---- table --------------------------------------------------------------- */

static struct route **bucket(int tid)
{
	return &routes[(unsigned)tid % BUCKETS];
}

static struct route *find(int tid)
{
	struct route *r = *bucket(tid);

	while (r && r->tid != tid)
		r = r->next;
	return r;
}

static struct route *new_route(int tid, enum route_state state)
{
	struct route *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->meeting.source.fd = r->meeting.reserve = -1;
	r->tid = tid;
	r->state = state;
	r->next = *bucket(tid);
	*bucket(tid) = r;
	pvm__task.engine.routes++;
	return r;
}

/* Forget a route. */
static void drop(struct route *r)
{
	struct route **p = bucket(r->tid);
	int tid = r->tid;
	bool open = r->state == ROUTE_OPEN;

	while (*p != r)
		p = &(*p)->next;
	*p = r->next;
	pvm__task.engine.routes--;
	pvm__rendezvous_close(&r->meeting);
	if (r->stream)
		pvm__stream_free(r->stream);
	free(r);
	if (open)
		pvm__notice_route_closed(tid);
}

/* Send everything through the daemon until the other task asks or exits. */
static void deny(struct route *r)
{
	pvm__rendezvous_close(&r->meeting);
	r->state = ROUTE_DENIED;
}

bool pvm__routes_reap(void)
{
	bool any = false;

	pvm__task.transport.route_lost = false;
	for (int i = 0; i < BUCKETS; i++)
		for (struct route *r = routes[i], *next; r; r = next) {
			next = r->next;
			if (r->stream && r->stream->lost) {
				drop(r);
				any = true;
			}
		}
	return any;
}

bool pvm__routes_drain(void)
{
	bool any = false;

	for (int i = 0; i < BUCKETS; i++)
		for (struct route *r = routes[i]; r; r = r->next)
			if (r->stream)
				any = pvm__stream_drain(r->stream) || any;
	return any;
}

void pvm__routes_close(void)
{
	for (int i = 0; i < BUCKETS; i++)
		while (routes[i]) {
			/* Nobody is told: the program itself ends its connections. */
			if (routes[i]->state == ROUTE_OPEN)
				routes[i]->state = ROUTE_DENIED;
			drop(routes[i]);
		}
	pvm__task.transport.route_lost = false;
}

void pvm__routes_abandon(void)
{
	for (int i = 0; i < BUCKETS; i++)
		for (struct route *r = routes[i]; r; r = r->next) {
			if (r->stream)
				pvm__stream_abandon(r->stream);
			pvm__rendezvous_abandon(&r->meeting);
		}
}

void pvm__writes_left(void)
{
	pvm__share_left();
	pvm__links_left();
	if (pvm__task.daemon)
		pvm__stream_left(pvm__task.daemon);
	for (int i = 0; i < BUCKETS; i++)
		for (struct route *r = routes[i]; r; r = r->next)
			if (r->stream)
				pvm__stream_left(r->stream);
}

bool pvm__route_exists(int tid)
{
	struct route *r = find(tid);

	return r && r->state == ROUTE_OPEN;
}

static int descriptor(const struct route *r)
{
	return r->stream ? pvm__stream_select_fd(r->stream) : r->meeting.source.fd;
}

int pvm__route_fds(int *fds)
{
	int n = 0, left = pvm__task.engine.routes;

	for (int i = 0; left; i++)
		for (struct route *r = routes[i]; r; r = r->next, left--) {
			if (r->state != ROUTE_OPEN && r->state != ROUTE_LISTEN)
				continue;
			fds[n] = descriptor(r);
			if (fds[n++] < 0)
				return PvmSysErr;
		}
	return n;
}

/* ---- opening ---------------------------------------------------------------- */

/* Make the connected socket the route's stream; the route is open if that works. */
static bool open_stream(struct route *r, int fd)
{
	struct stream *s = pvm__stream_new(fd, r->tid);

	if (!s) {
		close(fd);
		return false;
	}
	if (pvm__watch(&s->way.source) < 0) {
		s->lost = true;
		pvm__stream_free(s);
		return false;
	}
	r->stream = s;
	r->state = ROUTE_OPEN;
	pvm__notice_route_opened(r->tid, fd);
	return true;
}

/* The listening socket of a route is readable. */
static void accept_ready(struct source *source)
{
	struct route *r = (struct route *)source;
	int fd = pvm__rendezvous_accept(&r->meeting);

	if (fd < 0)
		return;
	pvm__rendezvous_close(&r->meeting);
	if (!open_stream(r, fd))
		r->state = ROUTE_DENIED;
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
	if (!pvm__rendezvous_listen(&r->meeting, wanted, accept_ready))
		return false;
	r->state = ROUTE_LISTEN;
	return true;
}

/* ---- messages ------------------------------------------------------------ */

/* The answer that is always possible, as whoever asked waits for one. */
static struct message *refusal;

int pvm__routes_prepare(void)
{
	if (!refusal)
		refusal = pvm__compose("iis", TDPROTOCOL, 1, "");
	return refusal ? 0 : PvmNoMem;
}

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

/* Ask a task for a route. */
static void request_route(int tid)
{
	struct route *r = new_route(tid, ROUTE_ASKED);
	char address[ADDRESS_TEXT];

	if (!r)
		return;
	/* Without the watch an end of the other side would go unnoticed while this one waits. */
	if (!pvm__rendezvous_bind(&r->meeting, same_host(tid), address) ||
		pvm__post(pvm__compose("is", TDPROTOCOL, address), TC_CONREQ, SYSCTX_TC, tid) < 0 ||
		watch_peer(tid) < 0) {
		r = find(tid);
		if (r && r->state == ROUTE_ASKED)
			deny(r);
	}
}

void pvm__route_pass_by(int tid)
{
	struct route *r = find(tid);

	if (r)
		r->passed_by = true;
}

/*
 * Wait for what brings a route on. If it does not come the route is passed by. A message that was
 * lost for want of memory may have been it: that loss is left to be told.
 */
static void await_progress(int tid, int64_t deadline)
{
	int code = pvm__engine_wait_until(deadline);
	struct route *r;

	if (code >= 0)
		return;
	if (code == PvmNoMem)
		pvm__task.engine.short_of_memory = true;
	r = find(tid);
	if (r && r->state != ROUTE_OPEN)
		r->passed_by = true;
}

/* Is a route in that state, and nothing has passed it by? */
static bool is_at(int tid, enum route_state state)
{
	const struct route *r = find(tid);

	return r && r->state == state && !r->passed_by;
}

/*
 * Wait until the other side has connected. It may be stopped, and still connect later: to close the
 * socket then would lose what it has written.
 */
static void await_connection(int tid)
{
	int64_t deadline = pvm__now() + ACCEPT_WAIT_MS * (int64_t)1000000;

	while (is_at(tid, ROUTE_LISTEN)) {
		await_progress(tid, deadline);
		if (!is_at(tid, ROUTE_LISTEN) || pvm__now() < deadline)
			continue;
		pvm__route_pass_by(tid);
		/* The socket goes with the task that might have connected. */
		if (same_host(tid))
			watch_peer(tid);
	}
}

/* Is a route being made, and can this thread wait for it? */
static bool is_awaited(const struct route *r)
{
	return r && !r->passed_by &&
		(r->state == ROUTE_LISTEN || (r->state == ROUTE_ASKED && !pvm__task.in_handler));
}

/* Wait until a route is made, refused, or passed by. False: that is so. */
static bool await_route(int tid)
{
	if (!is_awaited(find(tid)))
		return false;
	while (!pvm__task.in_handler && is_at(tid, ROUTE_ASKED))
		await_progress(tid, NO_DEADLINE);
	await_connection(tid);
	return true;
}

void pvm__routes_await(const int *tids, int n)
{
	/* While one is awaited others may be asked for. */
	for (int i = 0; i < n && pvm__task.engine.routes; i++)
		if (await_route(tids[i]))
			i = -1;
}

struct stream *pvm__route_stream(int tid)
{
	struct task *t = &pvm__task;
	struct route *r = find(tid);

	if (!r && t->option.route == PvmRouteDirect && tid != pvmmytid && !t->in_handler &&
		!pvm__self.unrouted)
		request_route(tid);
	if (!r || r->state != ROUTE_OPEN) {
		await_route(tid);
		r = find(tid);
	}
	return r && r->state == ROUTE_OPEN && !r->passed_by && !r->stream->lost ? r->stream : NULL;
}

void pvm__routes_notice(struct message *m)
{
	int host = 0;

	if (wire_is_daemon((uint32_t)m->src) && pvm__get_int(m, &host) == 0 && host &&
		!(host & (int)TIDLOCAL))
		for (int i = 0; i < BUCKETS; i++)
			for (struct route *r = routes[i]; r; r = r->next)
				if (r->stream && pvm__place(r->tid) == host)
					pvm__stream_end(r->stream);
	pvm__message_rewind(m);
}

/* ---- handlers ------------------------------------------------------------ */

/* Listen for the other task on a socket of the kind it asked with. */
static bool offer(int tid, const char *wanted, char *address)
{
	struct route *r = new_route(tid, ROUTE_ASKED);

	if (!r)
		return false;
	if (pvm__rendezvous_bind(&r->meeting, wanted[0] == '/', address) && await_task(r, wanted))
		return true;
	drop(r);
	return false;
}

/* Answer a request for a route. */
static void answer_request(int tid, const char *wanted)
{
	struct route *r = find(tid);
	char address[ADDRESS_TEXT] = "";
	struct message *answer;
	bool accepted;

	if (r && r->state == ROUTE_ASKED) {
		/* Requests crossed: the lower tid connects, the other one listens. */
		if (pvmmytid < tid)
			return;
		accepted = pvm__rendezvous_address(&r->meeting, address) && await_task(r, wanted);
		if (!accepted)
			drop(r);
	} else {
		/* The other side has forgotten any earlier route, or it would not ask. */
		if (r && r->stream)
			pvm__stream_drain(r->stream);
		if (r)
			drop(r);
		accepted = pvm__task.option.route != PvmDontRoute && offer(tid, wanted, address);
	}
	if (accepted && !same_host(tid) && watch_peer(tid) < 0) {
		drop(find(tid));
		accepted = false;
	}
	answer = accepted ? pvm__compose("iis", TDPROTOCOL, 0, address) : NULL;
	if (accepted && !answer)
		drop(find(tid));
	if (answer)
		pvm__notice_route_opened(tid, find(tid)->meeting.source.fd);
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
	struct route *r = find(m->src);
	int version = 0, refused = 1, fd;
	char *address = NULL;

	if (!r || r->state != ROUTE_ASKED)
		return 0;
	if (pvm__get_int(m, &version) < 0 || pvm__get_int(m, &refused) < 0 ||
		pvm__get_str(m, &address) < 0)
		refused = 1;
	if (refused || version != TDPROTOCOL || !pvm__rendezvous_connect(&r->meeting, address))
		deny(r);
	else {
		fd = r->meeting.source.fd;
		r->meeting.source.fd = -1;
		pvm__rendezvous_close(&r->meeting);
		if (!open_stream(r, fd))
			deny(r);
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
	r = find(tid);
	if (r)
		accept_pending(r);
	if (r && r->state != ROUTE_OPEN)
		drop(r);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Receiving: pvm_recv and its relatives, all one search of the receive list. */
#include "calls/api.h"

#include <stdlib.h>
#include <string.h>

/* ---- the receive list ---------------------------------------------------- */

static bool matches(const struct message *m, int tid, int tag)
{
	return (tid == -1 || m->src == tid) && (tag == -1 || m->tag == tag) &&
		(pvmmyctx == -1 || m->ctx == pvmmyctx);
}

/* A function that chooses; NULL: by source, tag and context. */
typedef int matcher(int mid, int tid, int tag);

static matcher *program_match; /* from pvm_recvf; NULL: by source, tag and context */

/* The rule that pvm_recvf can replace, in the form it has for programs. */
static int match_by_header(int mid, int tid, int tag)
{
	const struct message *m = pvm__message_of(mid);

	return m && matches(m, tid, tag);
}

/* Give a message of the receive list an id. It keeps the list's reference. */
static int name(struct message *m)
{
	int id;

	if (m->id)
		return m->id;
	pvm__message_ref(m);
	id = pvm__message_publish(m);
	if (id < 0)
		pvm__message_unref(m);
	return id;
}

static bool queued(const struct message *m)
{
	return m && (m->prev || m == pvm__task.engine.inbox.head);
}

/* Call the function, which may call the library. */
static int ask(matcher *match, int id, int tid, int tag)
{
	unsigned before = pvm__opened();
	int result = match(id, tid, tag);

	pvm__closed(before);
	return result;
}

/*
 * Let the program's function rate a message.  *next is the one to rate then: the function
 * may have received this message, or freed its id.
 */
static int rate(matcher *match, struct message *m, int id, int tid, int tag, struct message **next)
{
	int result;

	pvm__message_ref(m);
	result = ask(match, id, tid, tag);
	*next = queued(m) ? m->next : pvm__task.engine.inbox.head;
	if (result > 0 && (!queued(m) || m->id != id))
		result = 0;
	if (--m->refs == 0)
		pvm__message_free(m);
	return result;
}

/* Let the program's function rate the messages from `m` on. Id of its choice, 0 or an error. */
static int choose_rated(matcher *match, struct message *m, int tid, int tag)
{
	struct message *next;
	int best = 0, best_rate = 0;
	int code = match == program_match ? 0 : ask(match, 0, tid, tag);

	if (code < 0)
		return code;
	for (; m; m = next) {
		int id = name(m), rated;

		if (id < 0)
			return id;
		rated = rate(match, m, id, tid, tag, &next);
		if (rated < 0 || rated == 1)
			return rated < 0 ? rated : id;
		if (rated > best_rate) {
			best = id;
			best_rate = rated;
		}
	}
	return queued(pvm__message_of(best)) ? best : 0;
}

/* The message to receive among those from `m` on.  It gets an id, which is returned; 0: none. */
static inline int choose(matcher *match, struct message *m, int tid, int tag)
{
	if (match)
		return choose_rated(match, m, tid, tag);
	while (m && !matches(m, tid, tag))
		m = m->next;
	return m ? name(m) : 0;
}

/* What wakes a receive. A function sees every message; one of libgpvm3 chooses a server's answer. */
static struct interest interest_in(matcher *match, int tid, int tag)
{
	static struct pace answers = { .shared = true };

	if (match)
		return (struct interest){ .wakes = WAKE_MESSAGE,
			.tid = -1,
			.tag = -1,
			.ctx = -1,
			.pace = match == program_match ? NULL : &answers };
	return (struct interest){ .wakes = WAKE_MESSAGE, .tid = tid, .tag = tag, .ctx = pvmmyctx };
}

/* The first message that came into the receive list after the one with this number. */
static struct message *first_after(unsigned long serial)
{
	struct message *m = pvm__task.engine.inbox.tail, *first = NULL;

	while (m && (long)(m->serial - serial) > 0) {
		first = m;
		m = m->prev;
	}
	return first;
}

/*
 * Take in messages, and wait for them, until there is one to choose or the deadline, a time by
 * pvm__now or instead of it, is over. Id, 0 or an error code.
 */
static int take_in(matcher *match, int tid, int tag, int64_t deadline)
{
	struct task *t = &pvm__task;
	unsigned session = t->session;
	unsigned long seen;
	int passes = deadline == ONE_PASS ? 1 : PASSES_MAX;
	int id, code;

	do {
		const struct interest interest = interest_in(match, tid, tag);

		seen = t->engine.serial;
		code = t->session == session ? pvm__engine_wait_for(&interest, deadline) :
					       PvmSysErr;
		if (pvm__self.given_up)
			return code;
		id = choose(match, first_after(seen), tid, tag);
		if (id) {
			pvm__report_later(session);
			return id;
		}
		if (deadline == ONE_PASS || deadline == WHILE_THERE)
			passes--;
	} while (code > 0 && passes);
	return code < 0 ? code : 0;
}

/* Find a message, waiting for it until `deadline`. Id, 0 or an error code. */
static int find(matcher *match, int tid, int tag, int64_t deadline)
{
	struct task *t = &pvm__task;
	int code = t->daemon ? pvm__connect() : 0, id;

	if (code < 0)
		return code;
	/* What came before the daemon's end comes before the error, or a new enrolment. */
	id = choose(match, t->engine.inbox.head, tid, tag);
	if (id)
		return id;
	if (!t->daemon) {
		code = pvm__connect();
		return code < 0 ? code : find(match, tid, tag, deadline);
	}
	if (deadline == LIST_ONLY)
		return 0;
	/*
	 * A handler may not wait for what comes behind its message, nor that of a signal while a send
	 * waits for room: nothing is taken in then.
	 */
	if (t->in_handler | t->sending)
		return deadline == ONE_PASS || deadline == WHILE_THERE ? 0 : PvmNotImpl;
	return take_in(match, tid, tag, deadline);
}

/* Take a message off the receive list; its id alone refers to it now. */
static struct message *take(int id)
{
	struct task *t = &pvm__task;
	struct message *m = pvm__message_of(id);

	pvm__queue_remove(&t->engine.inbox, m);
	pvm__message_unref(m);
	if (m == t->sbuf)
		t->sbuf = NULL;
	m->mode = MESSAGE_READING;
	pvm__message_set_codec(m);
	pvm__message_rewind(m);
	return m;
}

int pvm__receive(matcher *match, int tid, int tag, int64_t deadline)
{
	struct task *t = &pvm__task;
	int id;

	if (t->rbuf)
		pvm__message_retire(t->rbuf);
	id = find(match, tid, tag, deadline);
	if (id > 0) {
		/* Another thread may have received into the same buffer meanwhile. */
		if (t->rbuf && t->rbuf->id != id)
			pvm__message_retire(t->rbuf);
		t->rbuf = take(id);
	}
	return id;
}

int pvm__receive_by_rule(int tid, int tag, int64_t deadline)
{
	return pvm__receive(program_match, tid, tag, deadline);
}

int pvm__find_by_rule(int tid, int tag, int64_t deadline)
{
	return find(program_match, tid, tag, deadline);
}

/* ---- public calls -------------------------------------------------------- */

/* Items of what was asked for, and of what came. */
#define WANTED TEV_DID_RST, tid, TEV_DID_RMC, tag, TEV_DID_RCX, pvmmyctx
#define CAME(h) \
	TEV_DID_MNB, (h).bytes, TEV_DID_MC, (h).tag, TEV_DID_MCX, (h).ctx, TEV_DID_SRC, (h).src
/* The same of the message that a receive made current, if one came. */
#define RECEIVED CAME(pvm__trace_header_of(pvm__task.rbuf))

API_TRACED_WAY int recv_traced(int tid, int tag)
{
	API_ENTER(TEV_RECV, WANTED);
	return API_LEAVE(TEV_RECV, TEV_DID_MB,
		pvm__result("pvm_recv", pvm__receive_by_rule(tid, tag, NO_DEADLINE)), RECEIVED);
}

/*
 * Wait for a message from `tid` with `tag`, -1 being any, in the current context,
 * and make it the receive buffer. Its id, PvmSysErr, PvmNoMem (some
 * message was lost for want of it), PvmNotImpl in a handler.
 */
int pvm_recv(int tid, int tag)
{
	API_IF_TRACED(recv_traced(tid, tag));
	API_LOCK();
	return pvm__result("pvm_recv", pvm__receive_by_rule(tid, tag, NO_DEADLINE));
}

/* As pvm_recv without waiting: 0 if there is no such message. */
int pvm_nrecv(int tid, int tag)
{
	API_ENTER(TEV_NRECV, WANTED);
	return API_LEAVE(TEV_NRECV, TEV_DID_MB,
		pvm__result("pvm_nrecv", pvm__receive_by_rule(tid, tag, ONE_PASS)), RECEIVED);
}

/* As pvm_recv, waiting at most `timeout` (NULL: for ever, negative: not): 0 if none came. */
int pvm_trecv(int tid, int tag, struct timeval *timeout)
{
	API_ENTER(TEV_TRECV, WANTED, TEV_DID_MTS, timeout ? (int)timeout->tv_sec : -1, TEV_DID_MTU,
		timeout ? (int)timeout->tv_usec : -1);
	int64_t deadline = timeout ? pvm__deadline(timeout) : NO_DEADLINE;

	return API_LEAVE(TEV_TRECV, TEV_DID_MB,
		pvm__result("pvm_trecv", pvm__receive_by_rule(tid, tag, deadline)), RECEIVED);
}

/* Id of a message that pvm_recv would take now, 0: none. It stays in the list. */
int pvm_probe(int tid, int tag)
{
	API_ENTER(TEV_PROBE, WANTED);
	return API_LEAVE(TEV_PROBE, TEV_DID_CC,
		pvm__result("pvm_probe", pvm__find_by_rule(tid, tag, ONE_PASS)));
}

/* Copy the body's first `room` bytes. */
static void copy_body(const struct message *m, char *to, size_t room)
{
	for (unsigned i = 0; i < m->nfrags && room; i++) {
		size_t n = m->frags[i].len < room ? m->frags[i].len : room;

		memcpy(to, m->frags[i].data, n);
		to += n;
		room -= n;
	}
}

/* *came, if a message does, gets its header. */
static int receive_typed(int tid, int tag, void *data, int n, int type, struct trace_header *came)
{
	int bytes = pvm__typed_bytes(type, n);
	struct message *m;
	int id;

	if (bytes < 0)
		return bytes;
	if (!data && bytes)
		return PvmBadParam;
	id = pvm__find_by_rule(tid, tag, NO_DEADLINE);
	if (id < 0)
		return id;
	m = take(id);
	copy_body(m, data, (size_t)bytes);
	*came = pvm__trace_header_of(m);
	pvm__message_retire(m);
	return 0;
}

/*
 * Wait for a message and copy at most `n` items' worth of its bytes to `data`.
 * Source, tag and whole length go to the pointers that are not NULL.
 * 0, PvmBadParam, PvmNotImpl (strings; in a handler), PvmSysErr.
 */
int pvm_precv(int tid, int tag, void *data, int n, int type, int *rtid, int *rtag, int *rlen)
{
	API_LOCK();
	struct trace_header came = pvm__trace_header_of(NULL);
	int code;

	API_BEGIN(TEV_PRECV, WANTED, TEV_DID_PDA, data, TEV_DID_PC, n, TEV_DID_PDT, type);
	code = pvm__result("pvm_precv", receive_typed(tid, tag, data, n, type, &came));
	if (code == 0 && rtid)
		*rtid = came.src;
	if (code == 0 && rtag)
		*rtag = came.tag;
	if (code == 0 && rlen)
		*rlen = came.bytes;
	return API_LEAVE(TEV_PRECV, TEV_DID_CC, code, CAME(came));
}

/*
 * Replace the rule that chooses a message by f(buffer id, tid, tag), called for
 * the queued ones in turn: 0 no, 1 take it, greater: take the highest of all,
 * negative: return this error. NULL restores the rule. Returns the old function, which stays if a
 * signal handler is refused.
 */
int (*pvm_recvf(int (*f)(int, int, int)))(int, int, int)
{
	int (*old)(int, int, int) = program_match ? program_match : match_by_header;

	API_LOCK_OR(old);
	API_BEGIN(TEV_RECVF);
	program_match = f == match_by_header ? NULL : f;
	API_END(TEV_RECVF);
	return old;
}

/* Answer of pvm_getfds to this thread. */
static __thread struct {
	int *fds, room;
} answer;

void pvm__recv_thread_ends(void)
{
	free(answer.fds);
	answer.fds = NULL;
	answer.room = 0;
}

/* Have room for `n` descriptors in the answer. 0 or PvmNoMem. */
static __attribute__((noinline, cold)) int make_room(int n)
{
	int *fds = realloc(answer.fds, (size_t)n * sizeof *fds);

	if (!fds)
		return PvmNoMem;
	answer.fds = fds;
	answer.room = n;
	return 0;
}

static int list_fds(int **fds)
{
	struct task *t = &pvm__task;
	int code = pvm__connect();
	int n;

	if (code < 0)
		return code;
	if (!fds)
		return PvmBadParam;
	if (t->segment)
		pvm__share_leave();
	if (answer.room <= t->engine.routes && make_room(1 + t->engine.routes))
		return PvmNoMem;
	answer.fds[0] = pvm__stream_select_fd(t->daemon);
	n = t->engine.routes ? pvm__route_fds(answer.fds + 1) : 0;
	if (answer.fds[0] < 0 || n < 0)
		return PvmSysErr;
	*fds = answer.fds;
	return 1 + n;
}

API_TRACED_WAY int getfds_traced(int **fds)
{
	int n;

	API_ENTER(TEV_GETFDS);
	n = pvm__result("pvm_getfds", list_fds(fds));
	if (n > 0)
		API_END(TEV_GETFDS, TEV_DID_CC, n, TEV_DID_FDS, *fds, n);
	else
		API_END(TEV_GETFDS, TEV_DID_CC, n);
	return n;
}

static __attribute__((noinline)) int getfds_locked(int **fds)
{
	API_LOCK();
	if (pvm__connect_if_possible())
		return getfds_traced(fds);
	return pvm__result("pvm_getfds", list_fds(fds));
}

/* Is the socket of the daemon all there is to select, and as it is? */
static inline bool only_the_daemons(void)
{
	const struct task *t = &pvm__task;

	return pvmmytid != -1 && t->daemon && !t->engine.enroller && !t->segment &&
		!t->engine.routes && !pvm__stream_reads_ahead(t->daemon);
}

/*
 * Descriptors to select for reading: the daemon's, then those of direct routes. One is readable
 * as long as something there is not taken in. pvm_nrecv and pvm_probe take in one message of each;
 * what is in the receive list is not seen. From the first call on the task reads no more at a time
 * than it takes in. The list is valid until the thread's next call. Returns how many, PvmBadParam,
 * PvmNoMem, PvmSysErr.
 */
int pvm_getfds(int **fds)
{
	API_IF_TRACED(getfds_traced(fds));
	if (fds && pvm__at_rest() && answer.room && only_the_daemons()) {
		answer.fds[0] = pvm__task.daemon->way.source.fd;
		*fds = answer.fds;
		return 1;
	}
	return getfds_locked(fds);
}

/* SPDX-License-Identifier: MIT */
/*
 * What tasks send to the daemon and the switch does for them, without the caller: what is about its
 * own tables and the clock, and what the caller has answered before.
 */
#include "routing/routing.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pvm3.h"
#include "share.h"

/* Linux 6.5: a descriptor of the peer process. Headers may be older; some machines have others. */
#if !defined SO_PEERPIDFD && SO_PEERCRED == 17
#define SO_PEERPIDFD 77
#endif

static int by_host(const void *a, const void *b)
{
	const struct receiver *x = a, *y = b;

	if (x->host != y->host)
		return x->host < y->host ? -1 : 1;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* Announce the multicast to each other host of the sorted list. */
static void announce(const struct conn *c, const struct receivers *all)
{
	uint32_t end;

	for (uint32_t i = 0; i < all->count; i = end) {
		end = receivers_end(all, i);
		if (all->list[i].host)
			remote_announce(c->sw, c->tid, all->list + i, end - i);
	}
}

/* TM_MCA: who receives the sender's next multicast message. */
static void set_receivers(struct conn *c, const char *body, uint32_t len)
{
	uint32_t count = len >= 4 ? wire_get32(body) : 0;
	struct receivers *all;

	if (!c->tid) {
		conn_end(c, SW_PROTOCOL, "multicast before enrolment");
		return;
	}
	if (len < 4 || count > (len - 4) / 4 || count > WIRE_RECEIVERS_MAX) {
		budget_log(c,
			count > WIRE_RECEIVERS_MAX ? "multicast list too long, dropped" :
						     "malformed multicast list dropped");
		return;
	}
	if (!receivers_new(c, count)) {
		conn_end(c, SW_PROTOCOL, "no memory for its multicast list");
		return;
	}
	all = c->receivers;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t tid = wire_get32(body + 4 + 4 * i), host = table_elsewhere(c->sw, tid);
		bool together = host && remote_is_direct(c->sw, host, c->tid);

		if (wire_is_task(tid))
			all->list[all->count++] = (struct receiver){
				together ? (host & TIDHOST) | TID_DAEMON : 0, tid
			};
	}
	qsort(all->list, all->count, sizeof *all->list, by_host);
	announce(c, all);
}

/*
 * TM_PSTAT of a task that messages reach: it runs. The switch knows as much as
 * the caller, who is asked about all others.
 */
static bool answer_status(struct conn *c, const char *head, const char *body, uint32_t len)
{
	if (len < 4 || !table_find(c->sw, wire_get32(body)))
		return false;
	conn_answer(c, head, PvmOk, NULL, 0);
	return true;
}

/* TM_HOSTSYNC of this host: its clock. */
static bool answer_clock(struct conn *c, const char *head, const char *body, uint32_t len)
{
	struct timespec now;
	char words[8];

	if (len < 4 || ((wire_get32(body) ^ c->sw->own_tid) & TIDHOST))
		return false;
	clock_gettime(CLOCK_REALTIME, &now);
	wire_put32(words, (uint32_t)now.tv_sec);
	wire_put32(words + 4, (uint32_t)(now.tv_nsec / 1000));
	conn_answer(c, head, PvmOk, words, sizeof words);
	return true;
}

/*
 * Send a signal to the process that has connected, and to no other one that has got its number.
 * False: it is not sent, or the system cannot do that.
 */
static bool signal_peer(struct conn *c, int signum)
{
#if defined SO_PEERPIDFD && defined SYS_pidfd_send_signal
	socklen_t size = sizeof(int);
	int fd = c->process_fd;

	if (c->pid <= 1 || c->pid == (uint32_t)getpid())
		return false;
	if (fd < 0 && getsockopt(c->peer.fd, SOL_SOCKET, SO_PEERPIDFD, &fd, &size))
		return false;
	conn_keep_process(c, fd);
	return !syscall(SYS_pidfd_send_signal, fd, signum, NULL, 0u);
#else
	(void)c;
	(void)signum;
	return false;
#endif
}

/* TM_SENDSIG to a task that is connected; the caller does what else there is, and says why not. */
static bool answer_signal(struct conn *c, const char *head, const char *body, uint32_t len)
{
	const struct queue *q = len >= 8 ? table_find(c->sw, wire_get32(body)) : NULL;

	if (!q || !q->peer || !signal_peer(conn_of(q), (int)wire_get32(body + 4)))
		return false;
	conn_answer_with(c, head, NULL, 0);
	return true;
}

/* Does nobody wait for what the caller does when this task leaves? */
static bool leaves_quietly(const struct conn *c)
{
	return c->child || (!net_of(c->sw) && !notices_about(c->sw, c->tid));
}

/*
 * TM_EXIT of a task. That is the last that the caller hears of the connection. False: it is no
 * task.
 */
static bool leave(struct conn *c, const char *head, const char *body, uint32_t len)
{
	if (!c->tid)
		return false;
	if (!welcome_cancel(c)) {
		budget_report(c, TID_DAEMON, head, body, len, NULL);
		/*
		 * Whoever asks for something is served behind that, so only who waits must not
		 * wait longer.
		 */
		if (leaves_quietly(c))
			events_quiet(c->sw);
		table_forget(c->sw, c->out.tid);
	}
	c->announced = false;
	conn_answer_with(c, head, NULL, 0);
	conn_close(c);
	return true;
}

/* TM_SHARE. */
static void serve_share(struct conn *c, const char *body, uint32_t len)
{
	const char *wrong = share_serve(c, body, len);

	if (wrong)
		budget_log(c, wrong);
}

/* Does a task ask that the caller knows, and that waits for nothing that it has sent before? */
static bool may_answer(const struct conn *c)
{
	return c->tid && table_find(c->sw, c->tid) == &c->out &&
		c->batch <= flow_of(c->sw)->events.handled;
}

/* A question that the switch can answer in the caller's place. False: the caller is to do it. */
static bool answer(struct conn *c, const char *head, const char *body, uint32_t len)
{
	bool done = false;

	switch (wire_get32(head + WIRE_MSG_TAG)) {
	case (uint32_t)TM_PSTAT: done = answer_status(c, head, body, len); break;
	case (uint32_t)TM_HOSTSYNC: done = answer_clock(c, head, body, len); break;
	case (uint32_t)TM_SENDSIG: done = answer_signal(c, head, body, len); break;
	case (uint32_t)TM_CONTEXT: done = contexts_serve(c, head, body, len); break;
	case (uint32_t)TM_NOTIFY: done = notices_serve(c, head, body, len); break;
	case (uint32_t)TM_SPAWN: done = search_ask(c, head, body, len); break;
	case (uint32_t)TM_SETOPT: done = options_serve(c, head, body, len); break;
	case (uint32_t)TM_DB: done = mail_serve(c, head, body, len); break;
	default: break;
	}
	return done || answers_serve(c, head, body, len);
}

bool serve_message(struct conn *c, const char *head, const char *body, uint32_t len)
{
	switch (wire_get32(head + WIRE_MSG_TAG)) {
	case (uint32_t)TM_MCA: set_receivers(c, body, len); return true;
	case (uint32_t)TM_SHARE: serve_share(c, body, len); return true;
	case (uint32_t)TM_EXIT: return leave(c, head, body, len);
	case (uint32_t)TM_CONNECT:
	case (uint32_t)TM_CONN2: return stranger_ask(c, head, body, len);
	default: return may_answer(c) && answer(c, head, body, len);
	}
}

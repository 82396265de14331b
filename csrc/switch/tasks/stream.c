/* SPDX-License-Identifier: MIT */
/* What a connection sends: read into chunks, cut into fragments. */
#include "tasks/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* A connection keeps that much input of an unfinished fragment in memory of its own. */
#define STASH_MAX 4096u
/* Why a connection ends that cannot be read. */
#define NO_MEMORY "no memory for what it sends"

/*
 * Replace the chunk by a fresh one that begins with the unparsed input. False: there is no memory,
 * and the connection has ended.
 */
static bool renew_chunk(struct conn *c)
{
	struct chunk *old = c->chunk, *ck = chunk_try(c->sw, CHUNK_ROOM);

	if (!ck) {
		conn_end(c, SW_PROTOCOL, NO_MEMORY);
		return false;
	}
	c->end -= c->start;
	memcpy(ck->data, old->data + c->start, c->end);
	c->start = 0;
	c->chunk = ck;
	chunk_unref(c->sw, old);
	return true;
}

/* Take a chunk to read into, with the stashed input. False: as renew_chunk. */
static bool load(struct conn *c)
{
	struct tasks *t = tasks_of(c->sw);

	if (c->chunk)
		return true;
	c->chunk = t->spare ? t->spare : chunk_try(c->sw, CHUNK_ROOM);
	t->spare = NULL;
	if (!c->chunk) {
		conn_end(c, SW_PROTOCOL, NO_MEMORY);
		return false;
	}
	if (c->chunk->refs == 1)
		c->chunk->used = 0;
	c->start = c->end = c->chunk->used;
	if (c->chunk->room - c->start < READ_ROOM + STASH_MAX && !renew_chunk(c))
		return false;
	if (c->stash) {
		memcpy(c->chunk->data + c->end, c->stash, c->stashed);
		c->end += c->stashed;
		free(c->stash);
		c->stash = NULL;
	}
	return true;
}

/* Give the chunk back, unless much of an unfinished fragment lies in it. */
static void unload(struct conn *c)
{
	struct tasks *t = tasks_of(c->sw);
	uint32_t left = c->end - c->start;

	if (!c->chunk || (left > STASH_MAX && c->peer.fd >= 0))
		return;
	if (left && c->peer.fd >= 0) {
		c->stash = mem_new(left);
		c->stashed = left;
		memcpy(c->stash, c->chunk->data + c->start, left);
	}
	c->chunk->used = c->start;
	if (t->spare)
		chunk_unref(c->sw, c->chunk);
	else
		t->spare = c->chunk;
	c->chunk = NULL;
}

/* Must the connection not be parsed further now? */
static bool stopped(const struct conn *c)
{
	return c->peer.fd < 0 || c->closing || (c->place.next && !c->finishing);
}

/*
 * Pass on a chunk full of a fragment that is longer than a chunk, as a fragment
 * of its own; the rest becomes a fragment at the start of a new chunk.
 */
static void pass_piece(struct conn *c)
{
	const uint32_t piece = CHUNK_ROOM - TDFRAGHDR;
	char *frag = c->chunk->data + c->start, head[TDFRAGHDR];
	uint32_t rest = wire_get32(frag + WIRE_FRAG_LENGTH) - piece;

	memcpy(head, frag, sizeof head);
	wire_put32(head + WIRE_FRAG_LENGTH, rest);
	head[WIRE_FRAG_FLAGS] &= (char)~FFSOM;
	wire_put32(frag + WIRE_FRAG_LENGTH, piece);
	frag[WIRE_FRAG_FLAGS] &= (char)~FFEOM;
	sw__above.fragment(c, c->start, CHUNK_ROOM);
	c->start = c->end;
	if (c->peer.fd < 0 || !renew_chunk(c))
		return;
	memcpy(c->chunk->data, head, sizeof head);
	c->end = sizeof head;
}

/*
 * Pass on all complete fragments. Returns the bytes, from c->start, that the
 * next step needs; 0: the connection must wait or has ended.
 */
static uint32_t parse(struct conn *c)
{
	while (!stopped(c)) {
		uint32_t have = c->end - c->start, len;
		const char *frag = c->chunk->data + c->start;

		if (have < TDFRAGHDR)
			return TDFRAGHDR;
		len = wire_get32(frag + WIRE_FRAG_LENGTH);
		if (!c->tid && len > WIRE_FRAG_ENROLLING) {
			conn_end(c, SW_PROTOCOL, "fragment too long before enrolment");
		} else if (len > CHUNK_ROOM - TDFRAGHDR) {
			if (have < CHUNK_ROOM)
				return CHUNK_ROOM;
			pass_piece(c);
		} else {
			uint32_t off = c->start;

			len += TDFRAGHDR;
			if (have < len)
				return len;
			c->start += len;
			sw__above.fragment(c, off, len);
		}
	}
	return 0;
}

/* Make room for `want` bytes from c->start on, and for a read of some size. False: as renew_chunk. */
static bool make_room(struct conn *c, uint32_t want)
{
	if (c->start == c->end && c->chunk->refs == 1)
		c->start = c->end = 0;
	if (want == TDFRAGHDR)
		want = READ_ROOM;
	return c->chunk->room - c->start >= want || renew_chunk(c);
}

/* Read once; bytes read, 0 if there is nothing (the connection may have ended). */
static size_t take_in(struct conn *c)
{
	uint32_t room = c->chunk->room - c->end;
	char *to = c->chunk->data + c->end;
	ssize_t n = c->sharing ? sharing_read(c, to, room) :
				 recv(c->peer.fd, to, room, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		c->readable = false;
		return 0;
	}
	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0) {
		if (!c->finishing)
			conn_end(c, SW_EOF, NULL);
		return 0;
	}
	c->end += (uint32_t)n;
	if ((uint32_t)n < room && !c->eager)
		c->readable = false;
	return (size_t)n;
}

void stream_serve(struct conn *c)
{
	uint32_t want;

	list_remove(&c->place);
	if (!load(c))
		return;
	want = parse(c);
	if (want && c->readable && make_room(c, want) && take_in(c))
		parse(c);
	unload(c);
	if (c->peer.fd >= 0 && c->readable && !c->closing && !c->place.next)
		conn_ready(c);
}

/* Take in all that a dead peer wrote. */
static void take_rest(struct conn *c)
{
	int left = 0;

	ioctl(c->peer.fd, FIONREAD, &left);
	for (uint32_t want; (want = parse(c)) && left > 0;) {
		size_t n = make_room(c, want) ? take_in(c) : 0;

		if (!n)
			return;
		left -= (int)n;
	}
}

int sw_finish(struct sw *sw, uint64_t id)
{
	struct conn *c;

	lock_enter(sw);
	c = conn_find(sw, id);
	if (c) {
		list_remove(&c->place);
		c->finishing = true;
		if (load(c))
			take_rest(c);
		if (c->peer.fd >= 0)
			conn_end(c, SW_CLOSED, NULL);
		queue_flush_touched(sw);
		conn_bury(sw);
	}
	lock_leave(sw);
	return c ? 0 : -ENOENT;
}

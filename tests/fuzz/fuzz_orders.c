/* SPDX-License-Identifier: MIT */
/*
 * Any bytes from the daemon while a task looks for orders about moves: they are found in the raw
 * stream and read, and all else is a message as ever.
 *
 * Input: what is looked for and how (1 byte), bytes per write (2 bytes), the stream.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/move.h"
#include "unpack_all.h"

enum { FOR_GOING_ON = 1, EXACTLY = 2, MESSAGES_BETWEEN = 4, HEAD = 3 };

/* Read an order as all that it can be. */
static void read_order(const struct move_order *order)
{
	struct freeze freeze;

	if (order->length > sizeof order->body)
		abort();
	if (pvm__freeze_read(order, &freeze) &&
		(strlen(freeze.address) >= sizeof freeze.address ||
			strlen(freeze.file) >= sizeof freeze.file))
		abort();
	pvm__order_first(order);
	pvm__settings_take(order);
	be_task();
}

static void take_orders(struct stream *s, unsigned how)
{
	struct move_order order;
	int tag = how & FOR_GOING_ON ? TM_THAW : TM_FREEZE;
	int other = how & FOR_GOING_ON ? TM_GO : TM_LEAVE;

	while (pvm__stash_until(s, tag, other, &order, 0) > 0) {
		if (order.tag != tag && order.tag != other)
			abort();
		read_order(&order);
	}
}

/* What is no order is a message. */
static void take_messages(struct stream *s)
{
	struct message *m;

	pvm__stream_drain(s);
	pvm__settle();
	while ((m = pvm__task.engine.inbox.head)) {
		pvm__queue_remove(&pvm__task.engine.inbox, m);
		pvm__message_free(m);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned how;
	size_t piece;
	struct stream *s;
	int pair[2];

	if (size < HEAD)
		return 0;
	be_task();
	how = data[0];
	piece = ((size_t)data[1] << 8 | data[2]) + 1;
	data += HEAD;
	size -= HEAD;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		abort();
	s = pvm__stream_new(pair[0], TIDPVMD);
	pvm__task.transport.exact = how & EXACTLY;
	for (size_t n; size; data += n, size -= n) {
		n = size < piece ? size : piece;
		/* The stream may be lost, or, as nobody reads, full. */
		if (send(pair[1], data, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n)
			break;
		/* Exactly, an order is waited for that has begun: there must be an end then. */
		if (!(how & EXACTLY))
			take_orders(s, how);
		if (how & MESSAGES_BETWEEN)
			take_messages(s);
	}
	close(pair[1]);
	take_orders(s, how);
	while (!s->lost)
		take_messages(s);
	take_messages(s);
	pvm__stream_free(s);
	return 0;
}

/* What the parser has to say about bad input is no news here. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (!freopen("/dev/null", "w", stdout))
		abort();
	return 0;
}

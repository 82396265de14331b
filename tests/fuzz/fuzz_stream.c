/* SPDX-License-Identifier: MIT */
/*
 * Any bytes from the daemon: the stream parser of the library, and every unpack
 * call on the messages that come out.
 *
 * Input: length of the plan, bytes per write (2 bytes), the plan (see
 * unpack_all.h), the stream.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/engine.h"
#include "unpack_all.h"

/* Unpack from every message that is complete. */
static void take_arrived(struct plan plan)
{
	struct message *m;

	pvm__settle();
	while ((m = pvm__task.engine.inbox.head)) {
		pvm__queue_remove(&pvm__task.engine.inbox, m);
		pvm__message_publish(m);
		pvm__task.rbuf = m;
		unpack_all(&plan);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream *stream;
	struct plan plan;
	size_t piece;
	int pair[2];

	if (size < 3 || size - 3 < data[0])
		return 0;
	be_task();
	plan = (struct plan){ data + 3, data + 3 + data[0] };
	piece = ((size_t)data[1] << 8 | data[2]) + 1;
	size -= 3u + data[0];
	data = plan.end;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		abort();
	stream = pvm__stream_new(pair[0], TIDPVMD);
	for (size_t n; size; data += n, size -= n) {
		n = size < piece ? size : piece;
		if (write(pair[1], data, n) != (ssize_t)n)
			abort();
		pvm__stream_drain(stream);
		take_arrived(plan);
	}
	close(pair[1]);
	while (!stream->lost)
		pvm__stream_drain(stream);
	take_arrived(plan);
	pvm__stream_free(stream);
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

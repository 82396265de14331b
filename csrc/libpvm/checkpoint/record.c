/* SPDX-License-Identifier: MIT */
/* Records, written to whatever the descriptor is. */
#define _GNU_SOURCE 1
#include "checkpoint/inside.h"

#ifdef IMAGE_POSSIBLE
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "crc32c.h"

enum { PIECES_MAX = 3 };

/* Write once: a socket's other end that is gone is an error there, and no signal. */
static long write_some(struct job *job, struct iovec *vec, unsigned n)
{
	struct msghdr message = { .msg_iov = vec, .msg_iovlen = n };
	long done = -ENOTSOCK;

	if (!job->no_socket)
		done = raw(SYS_sendmsg, job->order->fd, &message, MSG_NOSIGNAL);
	if (done != -ENOTSOCK)
		return done;
	job->no_socket = true;
	return raw(SYS_writev, job->order->fd, vec, n);
}

/* A write failed: wait for room, or try again, or note that it is over. */
static bool go_on(struct job *job, long failed)
{
	struct pollfd room = { .fd = job->order->fd, .events = POLLOUT };
	uint64_t broken = 1ULL << (SIGPIPE - 1) | 1ULL << (SIGXFSZ - 1);
	struct timespec now = { 0, 0 };

	if (failed == -EINTR)
		return true;
	if (failed == -EAGAIN)
		return !raw_failed(raw(SYS_poll, &room, 1, -1));
	/* What the error sent to this process, besides. */
	if (failed == -EPIPE || failed == -EFBIG)
		raw(SYS_rt_sigtimedwait, &broken, 0, &now, SIGNALS_BYTES);
	job->error = failed ? (int)-failed : EIO;
	return false;
}

bool pvm__image_write(struct job *job, const struct piece *pieces, unsigned n)
{
	struct iovec vec[PIECES_MAX];
	unsigned first = 0;

	for (unsigned i = 0; i < n; i++)
		vec[i] = (struct iovec){ (void *)pieces[i].at, pieces[i].length };
	while (!job->error && first < n) {
		long done = vec[first].iov_len ? write_some(job, vec + first, n - first) : 0;

		if (vec[first].iov_len && done <= 0) {
			if (!go_on(job, done))
				return false;
			continue;
		}
		job->bytes += (uint64_t)done;
		for (; first < n && (size_t)done >= vec[first].iov_len; first++)
			done -= (long)vec[first].iov_len;
		if (first < n) {
			vec[first].iov_base = (char *)vec[first].iov_base + done;
			vec[first].iov_len -= (size_t)done;
		}
	}
	return !job->error;
}

bool pvm__image_record(struct job *job, uint32_t type, struct piece first, struct piece second)
{
	struct image_record record = {
		.type = type,
		.flags = type >= IMAGE_PVM && type <= IMAGE_EXTRA_LAST ? 0 : IMAGE_MUST,
		.length = first.length + second.length,
	};
	uint32_t crc = crc32c(0, &record, sizeof record);

	crc = crc32c(crc, first.at, first.length);
	record.crc = crc32c(crc, second.at, second.length);
	job->records++;
	return pvm__image_write(job,
		(const struct piece[]){ { &record, sizeof record }, first, second }, PIECES_MAX);
}
#endif

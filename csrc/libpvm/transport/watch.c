/* SPDX-License-Identifier: MIT */
/* The sources that the wait loop watches, and waking the thread that waits for them. */
#define _GNU_SOURCE 1 /* dup3 */
#include "transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- sources ------------------------------------------------------------- */

static int epoll_add(const struct watcher *w, struct source *source)
{
	struct epoll_event e = {
		.events = EPOLLIN | (source->edge ? EPOLLET : 0u),
		.data.ptr = source,
	};

	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, source->fd, &e);
}

void pvm__watcher_release(struct watcher *w)
{
	if (--w->users)
		return;
	close(w->epoll_fd);
	if (w->wake.fd >= 0)
		close(w->wake.fd);
	free(w);
}

/* Make the watcher if there is none, which watches the daemon. 0 or PvmSysErr. */
static int watch_begin(void)
{
	struct task *t = &pvm__task;
	struct watcher *w;

	if (t->transport.watcher)
		return 0;
	w = malloc(sizeof *w);
	if (!w)
		return PvmSysErr;
	*w = (struct watcher){ .users = 1, .wake.fd = -1 };
	w->epoll_fd = pvm__off_stdio(epoll_create1(EPOLL_CLOEXEC));
	if (w->epoll_fd < 0) {
		free(w);
		return PvmSysErr;
	}
	if (epoll_add(w, &t->daemon->way.source) < 0) {
		pvm__watcher_release(w);
		return PvmSysErr;
	}
	t->transport.watcher = w;
	return 0;
}

void pvm__watch_end(void)
{
	struct watcher *w = pvm__task.transport.watcher;

	if (!w)
		return;
	pvm__task.transport.watcher = NULL;
	w->forgotten++;
	pvm__watcher_release(w);
}

void pvm__watch_abandon(void)
{
	pvm__task.transport.late = NULL;
	if (pvm__task.transport.watcher)
		pvm__task.transport.watcher->users = 1;
	pvm__watch_end();
}

/* End it if only the daemon is left. */
static void watch_less(struct watcher *w)
{
	if (w->watched == 0)
		pvm__watch_end();
}

int pvm__watch(struct source *source)
{
	struct task *t = &pvm__task;

	if (watch_begin() < 0)
		return PvmSysErr;
	if (epoll_add(t->transport.watcher, source) < 0) {
		watch_less(t->transport.watcher);
		return PvmSysErr;
	}
	t->transport.watcher->watched++;
	return 0;
}

int pvm__watch_always(void)
{
	struct watcher *w;

	if (watch_begin() < 0)
		return PvmSysErr;
	w = pvm__task.transport.watcher;
	w->watched += !w->kept;
	w->kept = true;
	return w->epoll_fd;
}

/* Take a source from the late ones. False: it is none of them. */
static bool forget_late(const struct source *source)
{
	struct source **p = &pvm__task.transport.late;

	while (*p && *p != source)
		p = &(*p)->next_late;
	if (!*p)
		return false;
	*p = (*p)->next_late;
	return true;
}

void pvm__unwatch(struct source *source)
{
	struct task *t = &pvm__task;
	struct watcher *w = t->transport.watcher;

	if (forget_late(source) || !w)
		return;
	epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	w->forgotten++;
	if (t->daemon && source == &t->daemon->way.source)
		return;
	w->watched--;
	watch_less(w);
}

/* ---- after a restart ------------------------------------------------------ */

void pvm__watch_descriptors(int fds[2])
{
	const struct watcher *w = pvm__task.transport.watcher;

	fds[0] = w ? w->epoll_fd : -1;
	fds[1] = w ? w->wake.fd : -1;
}

bool pvm__renumber(int fd, int number)
{
	bool moved;

	if (fd < 0 || fd == number)
		return fd >= 0;
	moved = dup3(fd, number, O_CLOEXEC) >= 0;
	close(fd);
	return moved;
}

bool pvm__watch_renew(void)
{
	struct watcher *w = pvm__task.transport.watcher;

	/* A wait may still keep one that has ended. */
	if (pvm__self.watcher && pvm__self.watcher != w)
		pvm__self.watcher->epoll_fd = pvm__self.watcher->wake.fd = -1;
	if (!w)
		return true;
	if (!pvm__renumber(epoll_create1(EPOLL_CLOEXEC), w->epoll_fd) ||
		epoll_add(w, &pvm__task.daemon->way.source) < 0)
		return false;
	return w->wake.fd < 0 ||
		(pvm__renumber(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), w->wake.fd) &&
			epoll_add(w, &w->wake) == 0);
}

/* ---- sources whose descriptor changes ---------------------------------------- */

/* It is watched, unless memory has not sufficed for that. */
static bool is_watched(const struct source *source)
{
	const struct source *late = pvm__task.transport.late;

	while (late && late != source)
		late = late->next_late;
	return !late && pvm__task.transport.watcher;
}

void pvm__watch_pause(const struct source *source)
{
	if (is_watched(source))
		epoll_ctl(pvm__task.transport.watcher->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
}

bool pvm__watch_resume(struct source *source)
{
	return !is_watched(source) || epoll_add(pvm__task.transport.watcher, source) == 0;
}

/* ---- late sources ---------------------------------------------------------- */

void pvm__watch_when_possible(struct source *source)
{
	const struct thread *reader = pvm__task.engine.reader;

	if (pvm__watch(source) == 0)
		return;
	source->next_late = pvm__task.transport.late;
	pvm__task.transport.late = source;
	/* It is to sleep no longer than until the next try. */
	if (reader && reader != &pvm__self && reader->reading)
		pvm__interrupt_reader();
}

void pvm__watch_late_ones(void)
{
	struct task *t = &pvm__task;
	struct source *source = t->transport.late, *next;

	t->transport.late = NULL;
	for (; source; source = next) {
		next = source->next_late;
		if (pvm__watch(source) == 0)
			continue;
		source->next_late = t->transport.late;
		t->transport.late = source;
		source->ready(source);
	}
}

/* ---- interrupting who waits ---------------------------------------------- */

static void take_wake(struct source *source)
{
	const struct thread *reader = pvm__task.engine.reader;
	uint64_t count;

	/* It is for the thread that sleeps, and may not have seen it yet. */
	if (reader && reader != &pvm__self && reader->reading)
		return;
	if (read(source->fd, &count, sizeof count) < 0)
		return; /* it was read before */
}

bool pvm__interruptible(void)
{
	struct task *t = &pvm__task;
	struct source wake = { .ready = take_wake };

	if (pvm__single_threaded())
		return true;
	if (watch_begin() < 0)
		return false;
	if (t->transport.watcher->wake.fd >= 0)
		return true;
	wake.fd = pvm__off_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (wake.fd < 0)
		return false;
	t->transport.watcher->wake = wake;
	if (pvm__watch(&t->transport.watcher->wake) == 0)
		return true;
	/* Without other sources the watcher has ended, and closed it. */
	if (t->transport.watcher) {
		t->transport.watcher->wake.fd = -1;
		close(wake.fd);
	}
	return false;
}

void pvm__interrupt_reader(void)
{
	struct watcher *w = pvm__task.transport.watcher;
	uint64_t one = 1;

	if (w && w->wake.fd >= 0 && write(w->wake.fd, &one, sizeof one) < 0)
		pvm__log("cannot wake a thread: %s", strerror(errno));
}

/* SPDX-License-Identifier: MIT */
/* Ends of the caller's child processes, which a descriptor for SIGCHLD tells. */
#include "loop/loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t microseconds(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000u + (uint64_t)t->tv_usec;
}

void children_reap(struct sw *sw)
{
	struct signalfd_siginfo infos[PASS_MAX];
	struct children *children = &loop_of(sw)->children;
	struct rusage used;
	int status;
	pid_t pid;

	if (!children->ended)
		return;
	children->ended = false;
	/* One signal may stand for several children. */
	while (read(children->signal_fd, infos, sizeof infos) == (ssize_t)sizeof infos)
		;
	while ((pid = wait4(-1, &status, WNOHANG, &used)) > 0) {
		struct sw_times times = { microseconds(&used.ru_utime),
			microseconds(&used.ru_stime) };
		struct sw_event *e = events_data(sw, SW_CHILD, 0, &times, sizeof times);

		e->pid = (uint32_t)pid;
		e->reason = (uint32_t)status;
	}
}

int sw_children(struct sw *sw)
{
	int *fd = &loop_of(sw)->children.signal_fd, rc = 0;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	/* Who has started this process may have had it ignore its children. */
	if (signal(SIGCHLD, SIG_DFL) == SIG_ERR || pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -EINVAL;
	lock_enter(sw);
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (*fd < 0 || loop_watch(sw, *fd, ID_CHILDREN))
		rc = -errno;
	lock_leave(sw);
	return rc;
}

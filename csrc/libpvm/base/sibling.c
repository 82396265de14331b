/* SPDX-License-Identifier: MIT */
/*
 * A fork whose child is the parent's child: a daemon that had a task forked sees its end.
 *
 * fork() has no such flag, so the kernel is asked. What the C library keeps of the thread, its
 * number, is set as fork() does; with a single thread no lock of it can be held meanwhile.
 */
#define _GNU_SOURCE 1
#include "base/base.h"
#pragma GCC visibility push(default)
#include "for_python.h"
#pragma GCC visibility pop

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Bytes that a thread's block has at most. */
enum { BLOCK_MAX = 4096 };

#if defined(__x86_64__) || defined(__i386__) || defined(__aarch64__)
/* The one place below `end` in the thread's block that has this number, NULL: none, or several. */
static pid_t *search_block(pid_t number, pid_t *end)
{
	pid_t *found = NULL;

	for (pid_t *at = __builtin_thread_pointer(); at < end; at++) {
		if (*at == number && found)
			return NULL;
		if (*at == number)
			found = at;
	}
	return found;
}

static pid_t *search_thread(pid_t number, pid_t *end)
{
	intptr_t length = (char *)end - (char *)__builtin_thread_pointer();

	return length > 0 && length < BLOCK_MAX ? search_block(number, end) : NULL;
}
#else
/* Not every compiler tells where a thread's block is. */
static pid_t *search_thread(pid_t number, pid_t *end)
{
	(void)number;
	(void)end;
	return NULL;
}
#endif

/*
 * Where the C library has the thread's number, NULL: that cannot be told. Before glibc 2.43 the
 * kernel is told that place, to clear it; since then one behind it, until the process has forked.
 */
static pid_t *thread_number(void)
{
	pid_t *cleared = NULL, number = (pid_t)syscall(SYS_gettid);

	if (prctl(PR_GET_TID_ADDRESS, &cleared, 0, 0, 0) < 0 || !cleared)
		return NULL;
	return *cleared == number ? cleared : search_thread(number, cleared);
}

int pvmforksibling(void)
{
	struct clone_args how = { .flags = CLONE_PARENT | CLONE_CHILD_SETTID |
			CLONE_CHILD_CLEARTID };
	pid_t *number = thread_number();
	void *robust;
	size_t size;
	long pid;

	if (!number || syscall(SYS_get_robust_list, 0, &robust, &size) < 0)
		return -ENOSYS;
	how.child_tid = (uintptr_t)number;
	pvm__fork_before();
	pid = syscall(SYS_clone3, &how, sizeof how);
	if (pid == 0) {
		syscall(SYS_set_robust_list, robust, size);
		pvm__fork_in_child();
		return 0;
	}
	pvm__fork_in_parent();
	return pid < 0 ? -errno : (int)pid;
}

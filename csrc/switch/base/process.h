/* SPDX-License-Identifier: MIT */
/* Start of task processes. */
#ifndef PVM3PY_PROCESS_H
#define PVM3PY_PROCESS_H

#include <sys/types.h>

/*
 * Allow this process as many open files as the system grants (a daemon needs two
 * a task); processes started later get the limit of before, which programs that
 * use select() rely on. 0 or -errno.
 */
int sw_raise_files(void);

/*
 * Start program `path` (not searched for) with arguments argv in directory cwd (NULL: the
 * caller's). It gets the caller's environment, in which "NAME=value" strings replace variables or are
 * added, the last one first, and then its own id as PVMEPID. The first string of a name counts, and
 * one without a name does not. argv and strings end in NULL. Standard
 * input is /dev/null, out_fd becomes standard output and error, no other
 * descriptor is passed on. It is a process group of its own, so that what it sends to its group
 * does not reach the caller. No signal is blocked; terminal signals (INT, QUIT,
 * TSTP) that the caller ignores stay ignored, all others have their default.
 * 0 and the process id, or -errno, also of the execve() itself.
 */
int sw_spawn(const char *path, char *const argv[], char *const strings[], const char *cwd,
	int out_fd, pid_t *pid);

#endif

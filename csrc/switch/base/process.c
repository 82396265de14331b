/* SPDX-License-Identifier: MIT */
/* Start of task processes with vfork(), which does not copy the daemon's memory map. */
#define _GNU_SOURCE
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The limit of open files that tasks get back; soft 0 until it has been raised. */
static struct rlimit files;

int sw_raise_files(void)
{
	struct rlimit raised;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	raised = files;
	raised.rlim_cur = raised.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &raised) < 0 ? -errno : 0;
}

/*
 * What runs in the child shares the parent's memory, and the parent waits: only
 * system calls, and writes to where the parent expects them.
 */
static void write_number(char *text, pid_t number)
{
	char digits[12];
	int n = 0;

	do
		digits[n++] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	while (n > 0)
		*text++ = digits[--n];
	*text = '\0';
}

static void reset_signals(void)
{
	struct sigaction sa;
	sigset_t none;
	int sig;

	for (sig = 1; sig < NSIG; sig++) {
		if (sigaction(sig, NULL, &sa) < 0 || sa.sa_handler == SIG_DFL)
			continue;
		if (sa.sa_handler == SIG_IGN && (sig == SIGINT || sig == SIGQUIT || sig == SIGTSTP))
			continue;
		sa.sa_handler = SIG_DFL;
		sa.sa_flags = 0;
		sigaction(sig, &sa, NULL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The error that kept the program from being executed; does not return otherwise. */
static int run_child(const char *path, char *const argv[], char *const envp[], const char *cwd,
	int out_fd, char *pid_text)
{
	int null = open("/dev/null", O_RDONLY);

	if (null < 0 || dup2(out_fd, 1) < 0 || dup2(1, 2) < 0 || dup2(null, 0) < 0)
		return errno;
	if (close_range(3, ~0u, 0) < 0 || (cwd && chdir(cwd) < 0))
		return errno;
	if (files.rlim_cur && setrlimit(RLIMIT_NOFILE, &files) < 0)
		return errno;
	if (setpgid(0, 0) < 0)
		return errno;
	if (pid_text)
		write_number(pid_text, getpid());
	reset_signals();
	execve(path, argv, envp);
	return errno;
}

int sw_spawn(const char *path, char *const argv[], char *const envp[], const char *cwd, int out_fd,
	char *pid_text, pid_t *pid)
{
	sigset_t all, before;
	volatile int error = 0;
	pid_t child;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	child = vfork();
	if (child == 0) {
		error = run_child(path, argv, envp, cwd, out_fd, pid_text);
		_exit(1);
	}
	if (child < 0)
		error = errno;
	else if (error)
		waitpid(child, NULL, 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	*pid = child;
	return -error;
}

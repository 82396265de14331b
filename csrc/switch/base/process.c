/* SPDX-License-Identifier: MIT */
/* Start of task processes with vfork(), which does not copy the daemon's memory map. */
#define _GNU_SOURCE 1
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The variable in which a process finds its own id. */
#define PID_NAME "PVMEPID="
#define PID_DIGITS 12

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

static size_t name_length(const char *text)
{
	const char *equals = strchr(text, '=');

	return equals ? (size_t)(equals - text) : 0;
}

/* The first one of n variables that has the name of this one; NULL: none, or it has no name. */
static const char *find(char *const variables[], size_t n, const char *variable)
{
	size_t len = name_length(variable);

	for (size_t i = 0; len && i < n; i++)
		if (strncmp(variables[i], variable, len + 1) == 0)
			return variables[i];
	return NULL;
}

/* The caller's environment with the strings, then `pid_text`; NULL: no memory. To be freed. */
static const char **make_environment(char *const strings[], char *pid_text)
{
	size_t n = 0, given = 0, used = 0;
	const char **env;

	while (environ[n])
		n++;
	while (strings[given])
		given++;
	env = malloc((n + given + 2) * sizeof *env);
	if (!env)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const char *set = find(strings, given, environ[i]);

		if (!find(&pid_text, 1, environ[i]))
			env[used++] = set ? set : environ[i];
	}
	for (size_t i = given; i-- > 0;)
		if (name_length(strings[i]) && !find(&pid_text, 1, strings[i]) &&
			!find(strings, i, strings[i]) && !find(environ, n, strings[i]))
			env[used++] = strings[i];
	env[used++] = pid_text;
	env[used] = NULL;
	return env;
}

/*
 * What runs in the child shares the parent's memory, and the parent waits: only
 * system calls, and writes to where the parent expects them.
 */
static void write_number(char *text, pid_t number)
{
	char digits[PID_DIGITS];
	int n = 0;

	do
		digits[n++] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	while (n > 0)
		*text++ = digits[--n];
	*text = '\0';
}

/* Whether tasks ignore what their daemon ignores, as those of 3.4.6 do. */
static bool stays_ignored(int sig)
{
	return sig == SIGHUP || sig == SIGPIPE || sig == SIGINT || sig == SIGQUIT || sig == SIGTSTP;
}

static void reset_signals(void)
{
	const struct sigaction standard = { .sa_handler = SIG_DFL };
	struct sigaction before;
	sigset_t none;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		if (sigaction(sig, &standard, &before) == 0 && before.sa_handler == SIG_IGN &&
			stays_ignored(sig))
			sigaction(sig, &before, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The error that kept the program from being executed; does not return otherwise. */
static int run_child(const char *path, char *const argv[], const char *envp[], const char *cwd,
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
	write_number(pid_text, getpid());
	reset_signals();
	execve(path, argv, (char *const *)envp);
	return errno;
}

int sw_spawn(const char *path, char *const argv[], char *const strings[], const char *cwd,
	int out_fd, pid_t *pid)
{
	char epid[sizeof PID_NAME + PID_DIGITS] = PID_NAME;
	const char **envp = make_environment(strings, epid);
	sigset_t all, before;
	volatile int error = 0;
	pid_t child;

	if (!envp)
		return -ENOMEM;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	child = vfork();
	if (child == 0) {
		error = run_child(path, argv, envp, cwd, out_fd, epid + strlen(PID_NAME));
		_exit(1);
	}
	if (child < 0)
		error = errno;
	else if (error)
		waitpid(child, NULL, 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	free(envp);
	*pid = child;
	return -error;
}

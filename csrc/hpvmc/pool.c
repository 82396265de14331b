/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "arena.h"
#include "copies.h"
#include "pool.h"
#include "runner.h"
#include "tasks.h"
#include "wait.h"

enum { MOST = 1024 };

struct runner {
	pid_t pid; /* 0: there is none */
	int pipe;  /* at its end when the runner ends */
};

static struct {
	struct runner list[MOST];
	int kernel;
	bool asked; /* whether the kernel could be loaded */
} pool;

/* ---- how many ---- */

/* Processors that the cgroup allows, rounded up, or `most`. */
static long cgroup_limit(long most)
{
	FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
	long quota, period, count = most;

	if (!file)
		return most;
	if (fscanf(file, "%ld %ld", &quota, &period) == 2 && period > 0 && quota > 0)
		count = (quota + period - 1) / period;
	fclose(file);
	return count < most ? count : most;
}

uint32_t pool_processors(const char *argument)
{
	const char *text = getenv("HPVM_PROCESSORS");
	long count = argument ? strtol(argument, NULL, 10) : 0;
	cpu_set_t set;

	if (count > 0)
		return count > MOST ? MOST : (uint32_t)count;
	if (text && *text)
		count = strtol(text, NULL, 10);
	else if (sched_getaffinity(0, sizeof set, &set) == 0)
		count = cgroup_limit(CPU_COUNT(&set));
	else
		count = cgroup_limit(sysconf(_SC_NPROCESSORS_ONLN));
	return count < 1 ? 1 : count > MOST ? MOST : (uint32_t)count;
}

/* ---- one ---- */

/* The one place that sends signals: never to the client's own group, or to all processes. */
static void end_runner(pid_t pid)
{
	if (pid < 2)
		return;
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
}

/* Descriptors of the client are no business of a kernel: all but the arena, the kernel and those
 * that `keep` names. */
static void close_others(const int *keep, int count)
{
	DIR *all = opendir("/proc/self/fd");
	struct dirent *entry;

	while (all && (entry = readdir(all))) {
		int fd = atoi(entry->d_name);
		bool kept = fd < 3 || fd == dirfd(all);

		for (int i = 0; i < count; i++)
			kept = kept || fd == keep[i];
		if (!kept)
			close(fd);
	}
	if (all)
		closedir(all);
}

static bool start(uint32_t number)
{
	struct runner_state *state = &arena.runners[number];
	int ends[2], keep[4];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	memset(state, 0, sizeof *state);
	pid = fork();
	if (pid == 0) {
		keep[0] = arena.fd;
		keep[1] = pool.kernel;
		keep[2] = ends[1];
		keep[3] = bell_descriptor();
		close_others(keep, 4);
		runner_main(number, pool.kernel);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return false;
	}
	pool.list[number] = (struct runner){ pid, ends[0] };
	return true;
}

static void forget(struct runner *r)
{
	close(r->pipe);
	r->pid = 0;
}

/* ---- all ---- */

bool pool_start(int kernel)
{
	bool any = false;

	pool.kernel = kernel;
	pool.asked = false;
	for (uint32_t i = 0; i < arena.n_runners; i++)
		any |= start(i);
	return any;
}

void pool_stop(void)
{
	for (uint32_t i = 0; i < arena.n_runners; i++)
		end_runner(pool.list[i].pid);
	for (uint32_t i = 0; i < arena.n_runners; i++) {
		struct runner *r = &pool.list[i];

		if (r->pid < 2)
			continue;
		while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
			;
		forget(r);
	}
	arena_release(arena.logs, arena.n_runners * arena.log_bytes);
}

enum pool_news pool_loaded(char *why, size_t room)
{
	for (uint32_t i = 0; i < arena.n_runners && !pool.asked; i++) {
		uint32_t state = atomic_load(&arena.runners[i].state);

		if (!pool.list[i].pid || state == RUNNER_STARTING)
			continue;
		pool.asked = true;
		snprintf(why, room, "%s", arena.runners[i].text);
		return state == RUNNER_LOADED ? POOL_LOADED : POOL_REFUSED;
	}
	return POOL_NOTHING;
}

static void describe(int status, char *text, size_t room)
{
	if (WIFSIGNALED(status))
		snprintf(text, room, "signal %d", WTERMSIG(status));
	else
		snprintf(text, room, "it called exit(%d)", WEXITSTATUS(status));
}

/* The runner has ended. Those that cannot even load the kernel are not replaced. */
static void replace(uint32_t number, int status, int parent)
{
	bool loaded = atomic_load(&arena.runners[number].state) == RUNNER_LOADED;
	pid_t pid = pool.list[number].pid;
	char why[64];

	describe(status, why, sizeof why);
	forget(&pool.list[number]);
	tasks_report(parent);
	if (tasks_crashed(parent, pid, why))
		copies_retire();
	if (loaded)
		start(number);
}

bool pool_reap(int parent)
{
	bool any = false;

	for (uint32_t i = 0; i < arena.n_runners; i++) {
		int status;

		if (pool.list[i].pid && waitpid(pool.list[i].pid, &status, WNOHANG) > 0)
			replace(i, status, parent);
		any |= pool.list[i].pid != 0;
	}
	return any;
}

int pool_polled(struct pollfd *fds)
{
	int count = 0;

	for (uint32_t i = 0; i < arena.n_runners; i++)
		if (pool.list[i].pid)
			fds[count++] = (struct pollfd){ .fd = pool.list[i].pipe, .events = POLLIN };
	return count;
}

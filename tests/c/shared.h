/* SPDX-License-Identifier: MIT */
/* What the own process counts about its messages through memory, read out of its segment. */
#ifndef PVM3PY_TESTS_SHARED_H
#define PVM3PY_TESTS_SHARED_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "share.h"

struct shared {
	long messages, streamed, marks;
};

/* Read a segment's home. False: the descriptor is none. */
static inline bool shared_home(const char *descriptor, struct share_home *home)
{
	char path[300], target[64] = "";
	bool read_all;
	int fd;

	snprintf(path, sizeof path, "/proc/self/fd/%s", descriptor);
	if (readlink(path, target, sizeof target - 1) < 0 || strncmp(target, "/memfd:pvm", 10) != 0)
		return false;
	fd = open(path, O_RDONLY);
	read_all = fd >= 0 && pread(fd, home, sizeof *home, 0) == sizeof *home;
	if (fd >= 0)
		close(fd);
	return read_all && home->magic == SHARE_MAGIC;
}

/* The counters; 0 where there is no segment. */
static inline struct shared shared_counters(void)
{
	DIR *all = opendir("/proc/self/fd");
	struct shared found = { 0 };
	struct share_home home;
	struct dirent *one;

	while (all && (one = readdir(all)))
		if (shared_home(one->d_name, &home))
			found = (struct shared){ (long)home.messages, (long)home.streamed,
				(long)home.marks };
	if (all)
		closedir(all);
	return found;
}

#endif

/* SPDX-License-Identifier: MIT */
/* What a program sees of the memory that its task shares with others. */
#ifndef PVM3PY_TESTS_MEMORY_H
#define PVM3PY_TESTS_MEMORY_H

#include <dirent.h>

#include "check.h"

#include "../../csrc/wire/share.h"

/* Segments that are mapped: own ones ("rw-s") or those of peers ("r--s"). */
static inline int segments(const char *access)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], mode[8];
	int n = 0;

	while (maps && fgets(line, sizeof line, maps))
		n += strstr(line, "/memfd:pvm ") && sscanf(line, "%*s %7s", mode) == 1 &&
			strcmp(mode, access) == 0;
	if (maps)
		fclose(maps);
	return n;
}

/* The home of the task's segment, with its counters; NULL: it has none. */
static inline const volatile struct share_home *own_home(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	const volatile struct share_home *home = NULL;
	char line[512], mode[8];
	void *begin;

	while (maps && !home && fgets(line, sizeof line, maps)) {
		if (!strstr(line, "/memfd:pvm ") || sscanf(line, "%p-%*s %7s", &begin, mode) != 2 ||
			strcmp(mode, "rw-s") != 0)
			continue;
		home = begin;
		if (home->tid != (uint32_t)pvm_mytid())
			home = NULL;
	}
	if (maps)
		fclose(maps);
	return home;
}

/* Have messages go by memory to a task that sends back what it gets (check_echo). */
static inline void link_with_echo(int tid, int tag)
{
	for (int i = 0; !own_home() || !own_home()->messages; i++) {
		check_send_int(tid, tag, i);
		CHECK_INT(check_recv_int(tid, tag), i);
	}
}

/* Descriptors that are open. */
static inline int descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int n = -3; /* two names, and that of the directory */

	while (directory && readdir(directory))
		n++;
	if (directory)
		closedir(directory);
	return n;
}

#endif

/* SPDX-License-Identifier: MIT */
/* How much memory the control group leaves its processes: beyond that the system kills one of them. */
#include "base/base.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LINES_MAX = 4096, /* bytes of /proc/self/cgroup */
	PATH_LENGTH_MAX = 1024,
	NUMBER_MAX = 32,
};

/* The beginning of a file, with a NUL; "" if there is none. */
static void read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, size - 1) : 0;

	text[n > 0 ? n : 0] = 0;
	if (fd >= 0)
		close(fd);
}

/* The least limit of a group and those around it. In a container the outer ones are not seen. */
static uint64_t least_upwards(const char *mount, char *group, const char *name, uint64_t least)
{
	char path[PATH_LENGTH_MAX], number[NUMBER_MAX], *end;

	for (;;) {
		uint64_t n;

		snprintf(path, sizeof path, "%s%s/%s", mount, group, name);
		read_file(path, number, sizeof number);
		n = strtoull(number, &end, 10); /* of version 2 it may be "max" */
		if (end != number && n < least)
			least = n;
		end = strrchr(group, '/');
		if (!end)
			return least;
		*end = 0;
	}
}

/* Is a word in a list with commas? */
static bool listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (; *list; list += strcspn(list, ","), list += *list == ',')
		if (strncmp(list, word, n) == 0 && (list[n] == ',' || !list[n]))
			return true;
	return false;
}

/* The same for what a line "number:controllers:group" names. */
static uint64_t least_of_line(char *line, uint64_t least)
{
	char *controllers = strchr(line, ':'),
	     *group = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!group)
		return least;
	*controllers++ = 0;
	*group++ = 0;
	if (!*controllers)
		return least_upwards("/sys/fs/cgroup", group, "memory.max", least);
	if (listed(controllers, "memory"))
		return least_upwards("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes",
			least);
	return least;
}

uint64_t pvm__group_memory(void)
{
	char lines[LINES_MAX], *line, *rest = lines;
	uint64_t least = UINT64_MAX;

	read_file("/proc/self/cgroup", lines, sizeof lines);
	while ((line = strsep(&rest, "\n")))
		least = least_of_line(line, least);
	return least;
}

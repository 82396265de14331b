/* SPDX-License-Identifier: MIT */
/* The running program's path. */
#include <string.h>
#include <unistd.h>
#include "program.h"

bool hpvm_program(char *path, size_t room)
{
	/* Linux, FreeBSD and NetBSD, Solaris. */
	static const char *const links[] = { "/proc/self/exe", "/proc/curproc/file",
		"/proc/curproc/exe", "/proc/self/path/a.out" };

	for (unsigned i = 0; i < sizeof links / sizeof *links; i++) {
		ssize_t n = readlink(links[i], path, room);

		if (n > 0 && (size_t)n < room) {
			path[n] = 0;
			return true;
		}
	}
	return false;
}

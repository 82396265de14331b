/* SPDX-License-Identifier: MIT */
/* What the library needs of the system: temporary names, descriptors, sleeping on a word. */
#define _GNU_SOURCE
#include "base/base.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As in <linux/futex.h>, which some compilers come without. */
enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129 };

/* Directory of sockets, logs and temporary files. */
char *pvmgettmp(void)
{
	char *path = getenv("PVM_TMP");

	return path && *path ? path : (char *)"/tmp";
}

bool pvm__temp_name(char *name, size_t size)
{
	static unsigned names;
	int n = snprintf(name, size, "%s/pvmtmp%06d.%u", pvmgettmp(), (int)getpid(),
		names++ % 10000);

	return n > 0 && (size_t)n < size;
}

int pvm__off_stdio(int fd)
{
	int moved;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(fd);
	return moved;
}

void pvm__futex_wait(unsigned *word, unsigned value, int64_t deadline)
{
	struct {
		long sec, nsec;
	} t, *limit = NULL;

	if (deadline != NO_DEADLINE) {
		int64_t left = deadline - pvm__now();

		if (left <= 0)
			return;
		t.sec = (long)(left / NS_PER_S);
		t.nsec = (long)(left % NS_PER_S);
		limit = &t;
	}
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, limit, NULL, 0);
}

void pvm__futex_wake(unsigned *word, int n)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

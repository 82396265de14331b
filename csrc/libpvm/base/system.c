/* SPDX-License-Identifier: MIT */
/* What the library needs of the system: temporary names, descriptors, sleeping on a word. */
#define _GNU_SOURCE 1
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As in <linux/futex.h>, which some compilers come without. */
enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129 };

/* ---- settings from the environment ------------------------------------------------ */

/*
 * Is the environment as the last search found it? A new array has another address or first entry.
 * In the same one entries come at the end, and when one goes the others behind it move up.
 */
static inline bool unchanged(const struct setting *s)
{
	return environ && environ == s->environment && environ[0] == s->first &&
		environ[s->at] == s->entry && environ[s->before] == s->entry_before;
}

/* Search for it. */
static __attribute__((noinline)) char *search(const char *name, struct setting *s,
	const char *otherwise)
{
	size_t length = strlen(name), n = 0;
	char *value;

	while (environ && environ[n] &&
		(strncmp(environ[n], name, length) != 0 || environ[n][length] != '='))
		n++;
	value = environ && environ[n] && environ[n][length + 1] ? environ[n] + length + 1 :
								  (char *)otherwise;
	if (!environ || !pvm__single_threaded())
		return value;
	s->environment = environ;
	s->first = environ[0];
	s->at = n;
	s->before = n ? n - 1 : 0;
	s->entry = environ[n];
	s->entry_before = environ[s->before];
	s->value = value;
	return value;
}

char *pvm__setting(const char *name, struct setting *s, const char *otherwise)
{
	return pvm__single_threaded() && unchanged(s) ? s->value : search(name, s, otherwise);
}

/* Directory of sockets, logs and temporary files. */
char *pvmgettmp(void)
{
	static struct setting tmp;

	return pvm__setting("PVM_TMP", &tmp, "/tmp");
}

/* ---- temporary names ------------------------------------------------------------- */

enum {
	OWN_NAMES = 5000, /* numbers below are the library's, those above the program's */
	TAKEN_MAX = 16,   /* names in a row that may be taken before unforeseeable ones are used */
	RANDOM_MAX = 100, /* how many of these are tried */
	END_MAX = 5,      /* what follows the dot, with its NUL */
	FIRST_MAX = 8,    /* numbers that may be the first; the daemon finds what has them */
};

/*
 * What the library has made and not removed yet. When that is nothing, its names begin again with
 * the first, so that a daemon finds those of a task that was killed without listing PVM_TMP.
 */
static struct {
	pid_t owner;
	unsigned held, next;
	unsigned first; /* another one after a file was left to who may still write to it */
} temp;

/* Write a name with this end; false, with errno, if it does not fit. */
static bool write_name(char *name, size_t size, const char *end)
{
	const char *tmp = pvmgettmp(), *slash = "";
	char here[TEMP_NAME_MAX] = "";
	int n;

	/* The daemon and other tasks have other working directories. */
	if (tmp[0] != '/') {
		slash = "/";
		if (!getcwd(here, sizeof here))
			return false;
	}
	n = snprintf(name, size, "%s%s%s/pvmtmp%06d.%s", here, slash, tmp, (int)getpid(), end);
	if (n > 0 && (size_t)n < size)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

static bool write_numbered(char *name, size_t size, unsigned number)
{
	char end[END_MAX];

	snprintf(end, sizeof end, "%u", number % (2 * OWN_NAMES));
	return write_name(name, size, end);
}

/* A name as long as the numbered ones. */
static bool write_random(char *name, size_t size)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	unsigned char bytes[END_MAX - 1];
	char end[END_MAX] = "";

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return false;
	for (size_t i = 0; i < sizeof bytes; i++)
		end[i] = digits[bytes[i] % (sizeof digits - 1)];
	return write_name(name, size, end);
}

bool pvm__temp_name(char *name, size_t size)
{
	static unsigned names;

	return write_numbered(name, size, OWN_NAMES + names++ % OWN_NAMES);
}

int pvm__temp_make(char *name, size_t size, int (*make)(const char *name, void *with), void *with)
{
	int made = -1;

	/* What a parent of this process has made is the parent's. */
	if (temp.owner != getpid() || !temp.held) {
		temp.held = 0;
		temp.next = temp.first;
	}
	temp.owner = getpid();
	for (int i = 0; i < TAKEN_MAX + RANDOM_MAX && made < 0; i++) {
		bool written = i < TAKEN_MAX ? write_numbered(name, size, temp.next++ % OWN_NAMES) :
					       write_random(name, size);

		if (!written)
			return -1;
		made = make(name, with);
		if (made < 0 && errno != EEXIST && errno != EADDRINUSE)
			return -1;
	}
	temp.held += made >= 0;
	return made;
}

void pvm__temp_remove(const char *name)
{
	unlink(name);
	if (temp.owner == getpid() && temp.held)
		temp.held--;
}

void pvm__temp_abandon(const char *name)
{
	pvm__temp_remove(name);
	temp.first = (temp.first + 1) % FIRST_MAX;
}

/* ---- descriptors, sleeping ------------------------------------------------------- */

int pvm__off_stdio(int fd)
{
	int moved;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(fd);
	return moved;
}

bool pvm__futex_wait(unsigned *word, unsigned value, int64_t deadline)
{
	struct {
		long sec, nsec;
	} t, *limit = NULL;

	if (deadline != NO_DEADLINE) {
		int64_t left = deadline - pvm__now();

		if (left <= 0)
			return false;
		t.sec = (long)(left / NS_PER_S);
		t.nsec = (long)(left % NS_PER_S);
		limit = &t;
	}
	return syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, limit, NULL, 0) < 0 &&
		errno == EINTR;
}

void pvm__futex_wake(unsigned *word, int n)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

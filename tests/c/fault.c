/* SPDX-License-Identifier: MIT */
/* Stand-ins for allocations and system calls that fail on demand: see fault.h. */
#define _GNU_SOURCE
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

struct fault *fault;
/* The processes that only help do not set this. */
static bool counts_here;

const char *const fault_class_names[FAULT_CLASSES] = { "memory", "interrupted", "later", "short",
	"resources", "broken", "ended", "opening" };

/* Allocations of at least so many bytes belong to the class FAULT_OPENING. */
enum { OPENING_MIN = 65536 };

/* Of the sanitizers, if the program is linked with them. */
void __sanitizer_print_stack_trace(void) __attribute__((weak));

bool fault_init(void)
{
	const int access = PROT_READ | PROT_WRITE;

	fault = mmap(NULL, sizeof *fault, access, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return fault != MAP_FAILED;
}

bool fault_invisible(enum fault_class class)
{
	return class == FAULT_INTERRUPTED || class == FAULT_LATER || class == FAULT_SHORT ||
		class == FAULT_OPENING;
}

void fault_arm(void)
{
	counts_here = true;
	fault->armed = true;
}

void fault_disarm(void)
{
	fault->armed = false;
}

/* Is it this call's turn, one that a fault of `class` can hit? */
static bool due(enum fault_class class, const char *call)
{
	int seen;

	if (!counts_here || !fault->armed || fault->class != class)
		return false;
	seen = ++fault->seen;
	if (seen < fault->nth || (seen > fault->nth && !fault->lasting))
		return false;
	fault->fired++;
	fault->call = call;
	if (fault->verbose) {
		fprintf(stderr, "-- %s call %d fails: %s\n", fault_class_names[class], seen, call);
		if (__sanitizer_print_stack_trace)
			__sanitizer_print_stack_trace();
	}
	return true;
}

/* ---- allocations ------------------------------------------------------------- */

/* Declares both names of a wrapped function. */
#define DECLARE(type, name, parameters) \
	type __real_##name parameters; \
	type __wrap_##name parameters

/* A function that fails with `failure` when memory does. */
#define ALLOCATION(type, name, parameters, arguments, failure) \
	DECLARE(type, name, parameters); \
	type __wrap_##name parameters \
	{ \
		if (due(FAULT_MEMORY, #name)) { \
			errno = ENOMEM; \
			return failure; \
		} \
		return __real_##name arguments; \
	}

DECLARE(void *, malloc, (size_t n));
void *__wrap_malloc(size_t n)
{
	if (due(FAULT_MEMORY, "malloc") || (n >= OPENING_MIN && due(FAULT_OPENING, "malloc"))) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_malloc(n);
}

ALLOCATION(void *, calloc, (size_t k, size_t n), (k, n), NULL)
ALLOCATION(void *, realloc, (void *p, size_t n), (p, n), NULL)
ALLOCATION(char *, strdup, (const char *s), (s), NULL)
ALLOCATION(char *, strndup, (const char *s, size_t n), (s, n), NULL)
ALLOCATION(int, setenv, (const char *name, const char *value, int over), (name, value, over), -1)
ALLOCATION(int, putenv, (char *setting), (setting), -1)
ALLOCATION(int, pthread_atfork, (void (*a)(void), void (*b)(void), void (*c)(void)), (a, b, c),
	ENOMEM)

/* ---- system calls -------------------------------------------------------------- */

/* What a call fails with: errno for each class, 0: this class cannot hit it. */
struct errors {
	int interrupted, later, resources, broken;
};

/* The errno that the call must fail with now, 0: none. */
static int due_error(const struct errors *e, const char *call)
{
	if (e->interrupted && due(FAULT_INTERRUPTED, call))
		return e->interrupted;
	if (e->later && due(FAULT_LATER, call))
		return e->later;
	if (e->resources && due(FAULT_RESOURCES, call))
		return e->resources;
	return e->broken && due(FAULT_BROKEN, call) ? e->broken : 0;
}

/* A call that does nothing and returns -1 when it must fail. */
#define CALL(type, name, parameters, arguments, ...) \
	DECLARE(type, name, parameters); \
	type __wrap_##name parameters \
	{ \
		int error = due_error(&(const struct errors){ __VA_ARGS__ }, #name); \
		if (error) { \
			errno = error; \
			return -1; \
		} \
		return __real_##name arguments; \
	}

/* One that has done its work although it says it failed. */
#define CALL_DONE(name, parameters, arguments, ...) \
	DECLARE(int, name, parameters); \
	int __wrap_##name parameters \
	{ \
		int error = due_error(&(const struct errors){ __VA_ARGS__ }, #name); \
		int result = __real_##name arguments; \
		if (error) \
			errno = error; \
		return error ? -1 : result; \
	}

CALL(int, socket, (int d, int t, int p), (d, t, p), .resources = EMFILE, .broken = EACCES)
CALL(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n),
	.interrupted = EINTR, .resources = ENOMEM, .broken = ECONNREFUSED)
CALL(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), .resources = ENOMEM,
	.broken = EADDRINUSE)
CALL(int, listen, (int fd, int n), (fd, n), .resources = ENOMEM, .broken = EADDRINUSE)
CALL(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags),
	.interrupted = EINTR, .later = EAGAIN, .resources = EMFILE, .broken = ECONNABORTED)
CALL(int, getsockname, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n), .resources = ENOBUFS)
CALL(int, getpeername, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n), .resources = ENOBUFS,
	.broken = ENOTCONN)
CALL(int, getsockopt, (int fd, int l, int o, void *v, socklen_t *n), (fd, l, o, v, n),
	.resources = ENOMEM)
CALL(int, setsockopt, (int fd, int l, int o, const void *v, socklen_t n), (fd, l, o, v, n),
	.resources = ENOMEM, .broken = ENOPROTOOPT)
CALL(int, poll, (struct pollfd * p, nfds_t n, int ms), (p, n, ms), .interrupted = EINTR,
	.resources = ENOMEM)
CALL(int, epoll_create1, (int flags), (flags), .resources = EMFILE)
CALL(int, epoll_wait, (int fd, struct epoll_event *e, int n, int ms), (fd, e, n, ms),
	.interrupted = EINTR)
CALL(int, epoll_pwait, (int fd, struct epoll_event *e, int n, int ms, const sigset_t *mask),
	(fd, e, n, ms, mask), .interrupted = EINTR)
CALL(int, ppoll, (struct pollfd * p, nfds_t n, const struct timespec *limit, const sigset_t *mask),
	(p, n, limit, mask), .interrupted = EINTR, .resources = ENOMEM)
CALL(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n), .interrupted = EINTR, .broken = EIO)
CALL(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), .interrupted = EINTR,
	.resources = ENOSPC, .broken = EIO)
CALL(int, stat, (const char *path, struct stat *s), (path, s), .resources = ENOMEM,
	.broken = EACCES)
CALL(int, fstat, (int fd, struct stat *s), (fd, s), .resources = ENOMEM)
CALL(int, eventfd, (unsigned value, int flags), (value, flags), .resources = EMFILE)
CALL(int, ftruncate, (int fd, off_t size), (fd, size), .interrupted = EINTR, .resources = EFBIG)
CALL(int, fallocate, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size),
	.interrupted = EINTR, .resources = ENOSPC, .broken = EOPNOTSUPP)
CALL(pid_t, fork, (void), (), .resources = EAGAIN)
CALL(pid_t, waitpid, (pid_t pid, int *status, int flags), (pid, status, flags),
	.interrupted = EINTR)
CALL(int, pipe2, (int ends[2], int flags), (ends, flags), .resources = EMFILE)
CALL(int, dup2, (int from, int to), (from, to), .interrupted = EINTR, .resources = EMFILE)
CALL(int, execv, (const char *path, char *const *argv), (path, argv), .resources = ENOMEM,
	.broken = EACCES)
CALL(int, execvp, (const char *path, char *const *argv), (path, argv), .broken = EACCES)
CALL_DONE(close, (int fd), (fd), .interrupted = EINTR, .broken = EIO)
CALL_DONE(unlink, (const char *path), (path), .broken = EACCES)

static const struct errors epoll_ctl_errors = { .resources = ENOMEM };

DECLARE(int, epoll_ctl, (int fd, int op, int of, struct epoll_event *e));
int __wrap_epoll_ctl(int fd, int op, int of, struct epoll_event *e)
{
	int error = due_error(&epoll_ctl_errors, "epoll_ctl");

	if (!error && op == EPOLL_CTL_ADD && due(FAULT_OPENING, "epoll_ctl"))
		error = ENOMEM;
	if (error) {
		errno = error;
		return -1;
	}
	return __real_epoll_ctl(fd, op, of, e);
}

static const struct errors open_errors = {
	.interrupted = EINTR, .resources = EMFILE, .broken = EACCES
};

DECLARE(int, open, (const char *path, int flags, ...));
int __wrap_open(const char *path, int flags, ...)
{
	int error = due_error(&open_errors, "open");
	va_list ap;
	mode_t mode = 0;

	if (error) {
		errno = error;
		return -1;
	}
	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return __real_open(path, flags, mode);
}

DECLARE(void *, mmap, (void *at, size_t size, int access, int flags, int fd, off_t offset));
void *__wrap_mmap(void *at, size_t size, int access, int flags, int fd, off_t offset)
{
	if (due(FAULT_RESOURCES, "mmap")) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return __real_mmap(at, size, access, flags, fd, offset);
}

/* Of those without a function of their own memfd_create alone fails. */
DECLARE(long, syscall, (long number, ...));
long __wrap_syscall(long number, ...)
{
	long a[6];
	va_list ap;

	if (number == SYS_memfd_create && due(FAULT_RESOURCES, "memfd_create")) {
		errno = EMFILE;
		return -1;
	}
	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static const struct errors fcntl_errors = { .resources = EMFILE };

DECLARE(int, fcntl, (int fd, int command, ...));
int __wrap_fcntl(int fd, int command, ...)
{
	int error = due_error(&fcntl_errors, "fcntl");
	va_list ap;
	long argument;

	if (error) {
		errno = error;
		return -1;
	}
	va_start(ap, command);
	argument = va_arg(ap, int);
	va_end(ap);
	return __real_fcntl(fd, command, argument);
}

/* Tests do not wait for the second between two attempts. */
DECLARE(unsigned, sleep, (unsigned seconds));
unsigned __wrap_sleep(unsigned seconds)
{
	return counts_here ? 0 : __real_sleep(seconds);
}

/* ---- messages --------------------------------------------------------------------- */

static struct errors transfer_errors(int flags, int broken)
{
	int later = flags & MSG_DONTWAIT ? EAGAIN : 0;

	return (struct errors){ EINTR, later, ENOBUFS, broken };
}

/* The same message with room for one byte; `one` holds it. */
static struct msghdr one_byte(const struct msghdr *h, struct iovec *one)
{
	struct msghdr cut = *h;
	size_t i = 0;

	while (i + 1 < h->msg_iovlen && h->msg_iov[i].iov_len == 0)
		i++;
	*one = (struct iovec){ h->msg_iov[i].iov_base, h->msg_iov[i].iov_len > 0 };
	cut.msg_iov = one;
	cut.msg_iovlen = 1;
	return cut;
}

DECLARE(ssize_t, sendmsg, (int fd, const struct msghdr *h, int flags));
ssize_t __wrap_sendmsg(int fd, const struct msghdr *h, int flags)
{
	struct errors errors = transfer_errors(flags, EPIPE);
	int error = due_error(&errors, "sendmsg");
	struct msghdr cut;
	struct iovec one;

	if (error) {
		errno = error;
		return -1;
	}
	if (!due(FAULT_SHORT, "sendmsg"))
		return __real_sendmsg(fd, h, flags);
	cut = one_byte(h, &one);
	return __real_sendmsg(fd, &cut, flags);
}

DECLARE(ssize_t, recvmsg, (int fd, struct msghdr *h, int flags));
ssize_t __wrap_recvmsg(int fd, struct msghdr *h, int flags)
{
	struct errors errors = transfer_errors(flags, ECONNRESET);
	int error = due_error(&errors, "recvmsg");
	struct msghdr cut;
	struct iovec one;

	if (error) {
		errno = error;
		return -1;
	}
	if (due(FAULT_ENDED, "recvmsg"))
		return 0;
	if (!due(FAULT_SHORT, "recvmsg"))
		return __real_recvmsg(fd, h, flags);
	cut = one_byte(h, &one);
	return __real_recvmsg(fd, &cut, flags);
}

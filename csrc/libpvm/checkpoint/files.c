/* SPDX-License-Identifier: MIT */
/* Open descriptors: what each is, which cannot be imaged, and their records. */
#define _GNU_SOURCE 1
#include "checkpoint/inside.h"

#ifdef IMAGE_POSSIBLE
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* What the kernel names without a file, by the beginning of the name. */
static const struct {
	const char *beginning;
	enum image_reason reason;
} nameless[] = {
	{ "socket:", WHY_SOCKET },
	{ "pipe:", WHY_PIPE },
	{ "anon_inode:[eventpoll]", WHY_EPOLL },
	{ "anon_inode:[eventfd]", WHY_EVENT },
	{ "anon_inode:[timerfd]", WHY_TIMER_DESCRIPTOR },
	{ "anon_inode:[signalfd]", WHY_SIGNAL_DESCRIPTOR },
	{ "anon_inode:inotify", WHY_NOTIFY },
	{ "anon_inode:[fanotify]", WHY_NOTIFY },
	{ "anon_inode:[io_uring]", WHY_IO_URING },
	{ "/memfd:", WHY_ANONYMOUS_FILE },
};

/* Devices of memory that behave alike everywhere: null, zero, full, random, urandom. */
enum { MEMORY_MAJOR = 1, HARMLESS_MINORS = 1 << 3 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 };

/* A descriptor that is looked at. */
struct opened {
	struct image_fd fd;
	struct stat st;
	char *path; /* IMAGE_PATH_MAX bytes */
};

/* ---- what it is ------------------------------------------------------------------- */

int pvm__image_numbered(char *text, const char *beginning, int fd)
{
	char digits[12];
	int n = 0, length = 0;

	for (; beginning[length]; length++)
		text[length] = beginning[length];
	do
		digits[n++] = (char)('0' + fd % 10);
	while (fd /= 10);
	while (n)
		text[length++] = digits[--n];
	text[length] = 0;
	return length;
}

/* Is a lock or a lease held by way of this descriptor? */
static bool is_locked(struct job *job, int fd)
{
	char path[40];
	struct lines lines;
	const char *line;

	pvm__image_numbered(path, "/proc/self/fdinfo/", fd);
	if (!pvm__image_lines_open(&lines, path, job->part))
		return false;
	while ((line = pvm__image_lines_next(&lines)))
		if (pvm__image_behind(line, "lock:")) {
			pvm__image_lines_close(&lines);
			return true;
		}
	return false;
}

static enum image_reason reason_of_device(const struct opened *o)
{
	unsigned minor = minor(o->st.st_rdev);

	if (major(o->st.st_rdev) == MEMORY_MAJOR && minor < 10 && HARMLESS_MINORS >> minor & 1)
		return 0;
	/* Masters and slaves of terminals, and the terminal of the process. */
	if (pvm__image_behind(o->path, "/dev/tty") || pvm__image_behind(o->path, "/dev/pt") ||
		pvm__image_behind(o->path, "/dev/console"))
		return WHY_TERMINAL;
	return WHY_DEVICE;
}

/* Has the file no name any more? */
static bool is_unlinked(const struct opened *o)
{
	struct stat named;

	return !o->st.st_nlink || raw_failed(raw(SYS_stat, o->path, &named)) ||
		named.st_ino != o->st.st_ino || named.st_dev != o->st.st_dev;
}

static enum image_reason reason_of_file(struct job *job, struct opened *o)
{
	if (o->path[0] != '/')
		return WHY_ANONYMOUS_FILE;
	if (is_locked(job, o->fd.fd))
		return WHY_FILE_LOCK;
	if (!S_ISREG(o->st.st_mode) || !is_unlinked(o))
		return 0;
	o->fd.kind = IMAGE_FD_UNLINKED;
	return o->st.st_size > IMAGE_UNLINKED_MAX ? WHY_LARGE_UNLINKED : 0;
}

/* Why a descriptor cannot be imaged, or 0. */
static enum image_reason reason_of(struct job *job, struct opened *o)
{
	for (unsigned i = 0; i < sizeof nameless / sizeof *nameless; i++)
		if (pvm__image_behind(o->path, nameless[i].beginning))
			return nameless[i].reason;
	switch (o->st.st_mode & S_IFMT) {
	case S_IFIFO: return WHY_PIPE;
	case S_IFSOCK: return WHY_SOCKET;
	case S_IFCHR: return reason_of_device(o);
	case S_IFREG:
	case S_IFDIR: return reason_of_file(job, o);
	default: return o->path[0] == '/' ? WHY_DEVICE : WHY_ANONYMOUS_FILE;
	}
}

/* ---- which are the same ----------------------------------------------------------- */

/* Do two descriptors move together? For kernels that cannot compare them. */
static bool move_together(int a, int b)
{
	long before = raw(SYS_lseek, a, 0, SEEK_CUR);
	bool together;

	if (before < 0 || raw_failed(raw(SYS_lseek, a, before + 1, SEEK_SET)))
		return false;
	together = raw(SYS_lseek, b, 0, SEEK_CUR) == before + 1;
	raw(SYS_lseek, a, before, SEEK_SET);
	return together;
}

static bool same_open_file(const struct seen *a, const struct seen *b)
{
	long pid, compared;

	if (a->device != b->device || a->inode != b->inode || a->flags != b->flags ||
		a->offset != b->offset)
		return false;
	pid = raw(SYS_getpid);
	compared = raw(SYS_kcmp, pid, pid, RAW_KCMP_FILE, a->fd, b->fd);
	return raw_failed(compared) ? move_together(a->fd, b->fd) : compared == 0;
}

/* Remember an open file; the descriptor before that has the same one, or -1, or refused: -2. */
static int find_same(struct job *job, const struct opened *o, int64_t offset)
{
	struct seen here = { o->fd.fd, o->fd.flags & ~(uint32_t)O_CLOEXEC, o->st.st_dev,
		o->st.st_ino, offset };

	for (unsigned i = 0; i < job->n_seen; i++)
		if (same_open_file(&job->seen[i], &here))
			return job->seen[i].fd;
	if (job->n_seen == IMAGE_DESCRIPTORS_MAX)
		return pvm__image_refuse(job, WHY_DESCRIPTORS, IMAGE_DESCRIPTORS_MAX, NULL) - 1;
	job->seen[job->n_seen++] = here;
	return -1;
}

/* ---- looking at one --------------------------------------------------------------- */

/* Files of /proc about this process will be about the new one, which has another number. */
static void name_self(char *path, int pid)
{
	static const char self[] = "/proc/self";
	char own[40];
	const char *behind;
	unsigned n = sizeof self - 1;

	pvm__image_numbered(own, "/proc/", pid);
	behind = pvm__image_behind(path, own);
	if (!behind || *behind != '/')
		return;
	__builtin_memmove(path + n, behind, pvm__image_length(behind) + 1);
	__builtin_memcpy(path, self, n);
}

static int look(struct job *job, int fd, struct opened *o)
{
	char link[40];
	long n, flags, offset;

	o->path = job->part + LINE_ROOM;
	pvm__image_numbered(link, "/proc/self/fd/", fd);
	n = raw(SYS_readlink, link, o->path, IMAGE_PATH_MAX - 8);
	flags = raw(SYS_fcntl, fd, F_GETFL);
	if (n < 0 || flags < 0 || raw_failed(raw(SYS_fstat, fd, &o->st)))
		return pvm__image_refuse(job, WHY_NO_PROC, fd, link);
	o->path[n] = 0;
	name_self(o->path, (int)raw(SYS_getpid));
	if (raw(SYS_fcntl, fd, F_GETFD) & FD_CLOEXEC)
		flags |= O_CLOEXEC;
	offset = raw(SYS_lseek, fd, 0, SEEK_CUR);
	o->fd = (struct image_fd){
		.fd = fd,
		.kind = IMAGE_FD_PATH,
		.flags = (uint32_t)flags,
		.mode = o->st.st_mode,
		.offset = offset < 0 ? 0 : (uint64_t)offset,
		.size = S_ISREG(o->st.st_mode) ? (uint64_t)o->st.st_size : 0,
		.device = o->st.st_rdev,
	};
	o->fd.same = find_same(job, o, offset);
	if (o->fd.same < -1)
		return -1;
	if (o->fd.same >= 0)
		o->fd.kind = IMAGE_FD_SAME;
	return 0;
}

/* Look at a descriptor and decide; 0, or refused. */
static int describe(struct job *job, int fd, struct opened *o)
{
	enum image_reason reason;

	if (look(job, fd, o) < 0)
		return -1;
	if (o->fd.kind == IMAGE_FD_SAME)
		return 0;
	reason = reason_of(job, o);
	if (!reason)
		return 0;
	/* Whoever starts the process again provides these. */
	if (fd <= STDERR_FILENO &&
		(reason == WHY_PIPE || reason == WHY_SOCKET || reason == WHY_TERMINAL)) {
		o->fd.kind = IMAGE_FD_INHERITED;
		return 0;
	}
	return pvm__image_refuse(job, reason, fd, o->path);
}

/* Open a file without a name for reading; negative: that cannot be. */
static int open_again(int fd)
{
	char path[40];

	pvm__image_numbered(path, "/proc/self/fd/", fd);
	return (int)raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

static int check(struct job *job, int fd)
{
	struct opened o;
	int again;

	if (describe(job, fd, &o) < 0)
		return -1;
	if (o.fd.kind != IMAGE_FD_UNLINKED)
		return 0;
	again = open_again(fd);
	if (again < 0)
		return pvm__image_refuse(job, WHY_UNREADABLE_UNLINKED, fd, o.path);
	raw(SYS_close, again);
	return 0;
}

static int write_fd(struct job *job, int fd)
{
	struct opened o;
	size_t length = 0;

	if (describe(job, fd, &o) < 0)
		return -1;
	while (o.path[length++]) {}
	return pvm__image_record(job, IMAGE_FD, (struct piece){ &o.fd, sizeof o.fd },
		       (struct piece){ o.path, length }) ?
		0 :
		-1;
}

static int write_content(struct job *job, int fd)
{
	struct image_data data = { .fd = fd };
	char *copy = job->part + PART / 2;
	struct opened o;
	int again;
	long n;

	if (describe(job, fd, &o) < 0)
		return -1;
	if (o.fd.kind != IMAGE_FD_UNLINKED)
		return 0;
	again = open_again(fd);
	while ((n = raw(SYS_pread64, again, copy, PART / 2, data.offset)) > 0) {
		if (!pvm__image_record(job, IMAGE_DATA, (struct piece){ &data, sizeof data },
			    (struct piece){ copy, (size_t)n }))
			break;
		data.offset += (uint64_t)n;
	}
	raw(SYS_close, again);
	return n ? -1 : 0;
}

/* ---- all of them ------------------------------------------------------------------ */

/* An entry of a directory, as the kernel has it. */
struct entry {
	uint64_t inode, next;
	uint16_t length;
	uint8_t type;
	char name[];
};

static bool is_own(const struct job *job, int fd, int listing)
{
	if (fd == listing || fd == job->order->fd)
		return true;
	if (job->order->tracker && fd == job->order->tracker->fd)
		return true;
	for (size_t i = 0; i < job->order->owned; i++)
		if (fd == job->order->own[i])
			return true;
	return false;
}

/* Visit each descriptor that is not the library's own. */
static int each(struct job *job, int (*visit)(struct job *, int))
{
	char entries[1024] __attribute__((aligned(8)));
	int listing = (int)raw(SYS_openat, AT_FDCWD, "/proc/self/fd",
		O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	int rc = 0;
	long n = 0;

	if (listing < 0)
		return pvm__image_refuse(job, WHY_NO_PROC, -listing, "/proc/self/fd");
	job->n_seen = 0;
	while (rc >= 0 && (n = raw(SYS_getdents64, listing, entries, sizeof entries)) > 0)
		for (long at = 0; rc >= 0 && at < n;) {
			const struct entry *entry = (const struct entry *)(entries + at);
			const char *digits = entry->name;

			at += entry->length;
			if (*digits >= '0' && *digits <= '9') {
				int fd = (int)pvm__image_number(&digits, 10);

				rc = is_own(job, fd, listing) ? 0 : visit(job, fd);
			}
		}
	raw(SYS_close, listing);
	return rc < 0 || n < 0 ? -1 : 0;
}

int pvm__image_files_check(struct job *job)
{
	job->seen = pvm__image_room(job, IMAGE_DESCRIPTORS_MAX * sizeof *job->seen);
	if (!job->seen)
		return pvm__image_refuse(job, WHY_SYSTEM, ENOMEM, "mmap");
	return each(job, check);
}

int pvm__image_files_write(struct job *job)
{
	return each(job, write_fd);
}

int pvm__image_unlinked_write(struct job *job)
{
	return each(job, write_content);
}
#endif

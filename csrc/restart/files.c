/* SPDX-License-Identifier: MIT */
/* Files: those that are mapped, and the descriptors of the process. */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "image_identity.h"
#include "restart.h"

enum { REOPENED = O_ACCMODE | O_APPEND | O_NONBLOCK | O_PATH | O_NOATIME | O_SYNC | O_DIRECT };

/* ---- that are mapped ------------------------------------------------------------------ */

static void check_file(struct restart *r, const struct image_file *file)
{
	const char *path = PATH_BEHIND(file);
	int fd = (int)raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct image_identity here;
	struct stat st;

	if (fd < 0)
		refuse(r, "%s, which is mapped, cannot be opened: error %u", path, (uint64_t)-fd);
	if (raw_failed(raw(SYS_fstat, fd, &st)) || !S_ISREG(st.st_mode))
		refuse(r, "%s, which is mapped, is no regular file", path);
	if (file->identity.kind == IMAGE_ANY) {
		if ((uint64_t)st.st_size < file->size)
			refuse(r, "%s, which is mapped, has become shorter", path);
	} else {
		image_identify(fd, r->buffer, &here);
		if (memcmp(&here, &file->identity, sizeof here) != 0 ||
			(here.kind == IMAGE_HEAD && (uint64_t)st.st_size != file->size))
			refuse(r, "%s, which is mapped, is another file here", path);
	}
	raw(SYS_close, fd);
}

void check_files(struct restart *r)
{
	for (unsigned i = 0; i < r->image.n_files; i++)
		check_file(r, r->files[i]);
}

/* ---- our own descriptors -------------------------------------------------------------- */

enum { NONE = ~0U };

/* The lowest of ours from `first` on. */
static unsigned next_own(const struct restart *r, unsigned first)
{
	const int own[] = { r->image.fd, r->report, r->stream };
	unsigned lowest = NONE;

	for (unsigned i = 0; i < sizeof own / sizeof *own; i++)
		if (own[i] >= (int)first && (unsigned)own[i] < lowest)
			lowest = (unsigned)own[i];
	for (unsigned i = 0; i < r->n_bases; i++)
		if (r->bases[i].fd >= (int)first && (unsigned)r->bases[i].fd < lowest)
			lowest = (unsigned)r->bases[i].fd;
	return lowest;
}

/* Close the descriptors from `first` to the one before `end`. */
static void close_between(unsigned first, unsigned end)
{
	if (first < end)
		raw(SYS_close_range, first, end - 1, 0);
}

void close_others(const struct restart *r)
{
	unsigned first = 3, next;

	for (; (next = next_own(r, first)) != NONE; first = next + 1)
		close_between(first, next);
	close_between(first, ~0U);
}

/* The number that the connection to the daemon has in the image; -1: it is not of a task. */
static int stream_number(const struct restart *r)
{
	struct image_record first;
	struct image_pvm pvm;

	if (r->extra_length < sizeof first + sizeof pvm)
		return -1;
	memcpy(&first, r->extra, sizeof first);
	memcpy(&pvm, r->extra + sizeof first, sizeof pvm);
	return first.type == IMAGE_PVM && first.length == sizeof pvm ? pvm.stream : -1;
}

static bool is_wanted(const struct restart *r, int fd)
{
	for (unsigned i = 0; i < r->n_fds; i++)
		if (r->fds[i]->fd == fd)
			return true;
	return fd <= 2 || (r->stream >= 0 && fd == stream_number(r));
}

/* Give one of ours a number that the process does not use. */
static int move_away(struct restart *r, int fd)
{
	int to = 3;
	long rc;

	while (is_wanted(r, to) || to == r->image.fd || to == r->report || to == r->stream)
		to++;
	rc = raw(SYS_dup3, fd, to, O_CLOEXEC);
	if (rc < 0)
		refuse(r, "no descriptor is left: error %u", -rc);
	if (fd > 2)
		raw(SYS_close, fd);
	return to;
}

/* As many descriptors as the image may need. */
static void raise_limit(struct restart *r)
{
	struct image_limit here, more;

	raw(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &here);
	more = r->limits[RLIMIT_NOFILE];
	if (more.hard < here.hard)
		more.hard = here.hard;
	more.soft = more.hard;
	if (raw_failed(raw(SYS_prlimit64, 0, RLIMIT_NOFILE, &more, 0))) {
		here.soft = here.hard;
		raw(SYS_prlimit64, 0, RLIMIT_NOFILE, &here, 0);
	}
}

/* ---- the descriptors of the process ---------------------------------------------------- */

static void check_opened(struct restart *r, const struct image_fd *fd, int opened)
{
	const char *path = PATH_BEHIND(fd);
	struct stat st;

	if (raw_failed(raw(SYS_fstat, opened, &st)) || (st.st_mode & S_IFMT) != (fd->mode & S_IFMT))
		refuse(r, "%s, which was open, is of another kind here", path);
	if (S_ISCHR(st.st_mode) && st.st_rdev != fd->device)
		refuse(r, "%s, which was open, is another device here", path);
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < fd->size)
		refuse(r, "%s, which was open, has become shorter", path);
}

static int open_named(struct restart *r, const struct image_fd *fd)
{
	const char *path = PATH_BEHIND(fd);
	long opened = raw(SYS_openat, AT_FDCWD, path,
		(fd->flags & REOPENED) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (opened < 0)
		refuse(r, "%s, which was open, cannot be opened: error %u", path, -opened);
	raw(SYS_fcntl, opened, F_SETFL, fd->flags & REOPENED);
	check_opened(r, fd, (int)opened);
	return (int)opened;
}

/* A new file without a name, where the old one was if possible. */
static int make_unlinked(struct restart *r, const struct image_fd *fd)
{
	const char *path = PATH_BEHIND(fd);
	char *directory = r->buffer;
	size_t n = text_length(path);
	long made;

	while (n && path[n] != '/')
		n--;
	memcpy(directory, path, n);
	directory[n ? n : 1] = 0;
	directory[0] = '/';
	made = raw(SYS_openat, AT_FDCWD, directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (made < 0)
		made = raw(SYS_openat, AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (made < 0 || raw_failed(raw(SYS_ftruncate, made, fd->size)) ||
		raw_failed(raw(SYS_fchmod, made, fd->mode & 07777)))
		refuse(r, "no file can be made for %s: error %u", path, made < 0 ? -made : 0);
	return (int)made;
}

/* Give an open file its number. */
static void place(struct restart *r, const struct image_fd *fd, int opened)
{
	long rc;

	if (opened == fd->fd) {
		raw(SYS_fcntl, opened, F_SETFD, fd->flags & O_CLOEXEC ? FD_CLOEXEC : 0);
		return;
	}
	rc = raw(SYS_dup3, opened, fd->fd, fd->flags & O_CLOEXEC);
	if (rc < 0)
		refuse(r, "descriptor %u cannot be had: error %u", (uint64_t)fd->fd, -rc);
	if (fd->kind != IMAGE_FD_SAME)
		raw(SYS_close, opened);
}

static void open_one(struct restart *r, const struct image_fd *fd)
{
	int opened = fd->fd;

	if (fd->kind == IMAGE_FD_PATH)
		opened = open_named(r, fd);
	else if (fd->kind == IMAGE_FD_UNLINKED)
		opened = make_unlinked(r, fd);
	else if (fd->kind == IMAGE_FD_SAME)
		opened = fd->same;
	place(r, fd, opened);
	if (fd->kind == IMAGE_FD_PATH && !(fd->flags & O_PATH))
		raw(SYS_lseek, fd->fd, fd->offset, 0);
}

/* Put the new connection where the old one was. */
static void place_stream(struct restart *r)
{
	int number = stream_number(r);
	long rc;

	if (r->stream < 0)
		return;
	rc = raw(SYS_dup3, r->stream, number, O_CLOEXEC);
	if (rc < 0)
		refuse(r, "descriptor %u cannot be had: error %u", (uint64_t)number, -rc);
	raw(SYS_close, r->stream);
}

/* A connection is only for a task, under a number that nothing else of it has. */
static void check_stream(const struct restart *r)
{
	int number = stream_number(r);

	if (r->stream < 0)
		return;
	if (number <= 2)
		refuse(r, "the image is of no task: it has no use for a connection");
	for (unsigned i = 0; i < r->n_fds; i++)
		if (r->fds[i]->fd == number)
			refuse(r, "descriptor %u is a file and the connection", (uint64_t)number);
}

/*
 * Descriptors that were the same as one before are made when that is final. A file that is opened
 * gets the lowest number, which may be one that is still to come: that one then replaces it, for
 * it was moved on by then.
 */
void open_files(struct restart *r)
{
	long rc = raw(SYS_chdir, r->cwd);

	if (rc < 0)
		refuse(r, "the working directory %s cannot be entered: error %u", r->cwd, -rc);
	raise_limit(r);
	check_stream(r);
	r->image.fd = move_away(r, r->image.fd);
	r->report = move_away(r, r->report);
	if (r->stream >= 0)
		r->stream = move_away(r, r->stream);
	for (int fd = 0; fd <= 2; fd++) {
		bool kept = false;

		for (unsigned i = 0; i < r->n_fds; i++)
			kept |= r->fds[i]->fd == fd && r->fds[i]->kind == IMAGE_FD_INHERITED;
		if (!kept)
			raw(SYS_close, fd);
	}
	for (unsigned i = 0; i < r->n_fds; i++)
		if (r->fds[i]->kind != IMAGE_FD_SAME)
			open_one(r, r->fds[i]);
	place_stream(r);
}

void put_data(struct restart *r, const struct image_data *data, uint64_t n)
{
	take(r, r->buffer, n);
	if (raw(SYS_pwrite64, data->fd, r->buffer, n, data->offset) != (long)n)
		refuse(r, "the content of descriptor %u cannot be written", (uint64_t)data->fd);
}

static void reopen_unlinked(struct restart *r, const struct image_fd *fd)
{
	char path[40];
	long opened;

	descriptor_path(path, fd->fd);
	opened = raw(SYS_openat, AT_FDCWD, path, (fd->flags & REOPENED) | O_CLOEXEC);
	if (opened < 0)
		refuse(r, "descriptor %u cannot be opened again: error %u", (uint64_t)fd->fd,
			-opened);
	place(r, fd, (int)opened);
	raw(SYS_lseek, fd->fd, fd->offset, 0);
}

void finish_files(struct restart *r)
{
	for (unsigned i = 0; i < r->n_fds; i++)
		if (r->fds[i]->kind == IMAGE_FD_UNLINKED)
			reopen_unlinked(r, r->fds[i]);
	for (unsigned i = 0; i < r->n_fds; i++)
		if (r->fds[i]->kind == IMAGE_FD_SAME)
			open_one(r, r->fds[i]);
}

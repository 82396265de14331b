/* SPDX-License-Identifier: MIT */
/*
 * The cache of kernels. A file's name is the hash of its content, or a key followed by ".made", and
 * its content the hash of what follows it.
 */
#define _GNU_SOURCE 1 /* memfd_create */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cache.h"
#include "libhpvm/listing.h"
#include "libhpvm/trusted.h"

#define MADE ".made"
enum { FILE_NAME = HPVM_HASH_TEXT + sizeof MADE };

/* ---- the directory ---------------------------------------------------------------- */

/* Where it is; false if there is no home. */
static bool directory_path(char *path, size_t room)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	/* The standard has relative ones ignored. */
	if (base && *base == '/')
		return (size_t)snprintf(path, room, "%s/hpvm", base) < room;
	return home && *home == '/' && (size_t)snprintf(path, room, "%s/.cache/hpvm", home) < room;
}

/* Make the directory and those above it, as far as they are missing. */
static void make_directories(char *path)
{
	for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = 0;
		mkdir(path, 0700);
		*at = '/';
	}
	mkdir(path, 0700);
}

/* Open the directory, which only this user can write; -1 if there is none and can be none. */
static int open_directory(bool make)
{
	char path[PATH_MAX];
	struct stat what;
	int fd;

	if (!directory_path(path, sizeof path))
		return -1;
	if (make)
		make_directories(path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &what) < 0 || what.st_uid != geteuid() || what.st_mode & 022)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- memory files ----------------------------------------------------------------- */

static bool write_all(int fd, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		}
	}
	return true;
}

#ifdef MFD_CLOEXEC

static int new_file(void)
{
	return memfd_create("hpvm kernel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

/* From now on nobody changes it. */
static void seal(int fd)
{
	fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

#else

/* Systems without memory files get one on the disk that has no name. */
static int new_file(void)
{
	char path[] = "/tmp/hpvmXXXXXX";
	int fd = mkstemp(path);

	if (fd >= 0) {
		unlink(path);
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	return fd;
}

static void seal(int fd)
{
	(void)fd;
}

#endif

int hpvmc_memory_file(const void *bytes, size_t size)
{
	int fd = new_file();

	if (fd >= 0 && !write_all(fd, bytes, size)) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	if (fd >= 0)
		seal(fd);
	return fd;
}

/* ---- taking out ------------------------------------------------------------------- */

/* Has the content, without its hash if it was made, this or its own hash? */
static int check_content(const char *bytes, size_t size, const unsigned char *hash)
{
	unsigned char is[HPVM_HASH];
	size_t head = hash ? 0 : HPVM_HASH;

	if (size <= head)
		return -1;
	hpvm_sha256(bytes + head, size - head, is);
	if (memcmp(is, hash ? (const void *)hash : bytes, HPVM_HASH) != 0)
		return -1;
	return hpvmc_memory_file(bytes + head, size - head);
}

/* Read a file of the directory and check it; the memory file, -1 if it is not what it should be. */
static int load(int directory, const char *name, const unsigned char *hash)
{
	struct stat what;
	const char *why;
	char *bytes = NULL;
	int memfd = -1, fd = hpvm_trusted_open(directory, name, &what, &why);

	if (fd < 0)
		return -1;
	if (S_ISREG(what.st_mode) && what.st_size <= HPVM_KERNEL_SIZE + HPVM_HASH)
		bytes = hpvm_trusted_read(fd, (size_t)what.st_size, &why);
	if (bytes)
		memfd = check_content(bytes, (size_t)what.st_size, hash);
	free(bytes);
	/* It was used now. */
	if (memfd >= 0)
		futimens(fd, NULL);
	close(fd);
	return memfd;
}

/* Take a file out of the cache; one that cannot be used is removed. */
static int take(const char *name, const unsigned char *hash, int *memfd)
{
	int directory = open_directory(false);

	if (directory < 0)
		return -1;
	*memfd = load(directory, name, hash);
	if (*memfd < 0)
		unlinkat(directory, name, 0);
	close(directory);
	return *memfd < 0 ? -1 : 0;
}

/* ---- putting in ------------------------------------------------------------------- */

struct found {
	char name[FILE_NAME];
	long long size;
	struct timespec used;
};

/* Look at a file of the directory; false if it is none of the cache's. */
static bool look_at(int directory, const char *name, struct found *found)
{
	struct stat what;

	if (strlen(name) >= sizeof found->name ||
		fstatat(directory, name, &what, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(what.st_mode))
		return false;
	strcpy(found->name, name);
	found->size = what.st_size;
	found->used = what.st_mtim;
	return true;
}

/* All files, in memory of malloc; NULL if there are none. */
static struct found *list_files(int directory, size_t *n)
{
	struct found *list = NULL, one;
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	*n = 0;
	while (stream && (entry = readdir(stream))) {
		struct found *more;

		if (!look_at(directory, entry->d_name, &one))
			continue;
		more = realloc(list, (*n + 1) * sizeof *list);
		if (!more)
			break;
		list = more;
		list[(*n)++] = one;
	}
	if (stream)
		closedir(stream);
	return list;
}

static int by_age(const void *a, const void *b)
{
	const struct timespec *x = &((const struct found *)a)->used;
	const struct timespec *y = &((const struct found *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Remove the files that were used least recently, until the rest is small enough. */
static void make_room(int directory)
{
	long long total = 0;
	size_t n;
	struct found *list = list_files(directory, &n);

	for (size_t i = 0; i < n; i++)
		total += list[i].size;
	if (list)
		qsort(list, n, sizeof *list, by_age);
	for (size_t i = 0; i < n && total > HPVMC_CACHE_SIZE; i++)
		if (unlinkat(directory, list[i].name, 0) == 0)
			total -= list[i].size;
	free(list);
}

/* Write a file and give it its name when it is whole. */
static bool write_file(int directory, const char *name, const unsigned char *head,
	const void *bytes, size_t size)
{
	char fresh[32];
	bool good;
	int fd;

	snprintf(fresh, sizeof fresh, ".new.%ld", (long)getpid());
	unlinkat(directory, fresh, 0);
	fd = openat(directory, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	good = (!head || write_all(fd, head, HPVM_HASH)) && write_all(fd, bytes, size);
	close(fd);
	good = good && renameat(directory, fresh, directory, name) == 0;
	if (!good)
		unlinkat(directory, fresh, 0);
	return good;
}

static int put(const char *name, const unsigned char *head, const void *bytes, size_t size)
{
	int directory = open_directory(true);
	bool good;

	if (directory < 0)
		return -1;
	good = write_file(directory, name, head, bytes, size);
	if (good)
		make_room(directory);
	close(directory);
	return good ? 0 : -1;
}

/* ---- what the client calls --------------------------------------------------------- */

int hpvmc_cache_get(const unsigned char hash[HPVM_HASH], int *memfd)
{
	char name[HPVM_HASH_TEXT];

	hpvm_hash_text(hash, name);
	return take(name, hash, memfd);
}

int hpvmc_cache_put(const unsigned char hash[HPVM_HASH], const void *bytes, size_t size)
{
	char name[HPVM_HASH_TEXT];

	hpvm_hash_text(hash, name);
	return put(name, NULL, bytes, size);
}

static void made_name(const unsigned char *key, char *name)
{
	hpvm_hash_text(key, name);
	strcat(name, MADE);
}

int hpvmc_cache_get_made(const unsigned char key[HPVM_HASH], int *memfd)
{
	char name[FILE_NAME];

	made_name(key, name);
	return take(name, NULL, memfd);
}

int hpvmc_cache_put_made(const unsigned char key[HPVM_HASH], const void *bytes, size_t size)
{
	unsigned char hash[HPVM_HASH];
	char name[FILE_NAME];

	made_name(key, name);
	hpvm_sha256(bytes, size, hash);
	return put(name, hash, bytes, size);
}

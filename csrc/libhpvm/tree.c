/* SPDX-License-Identifier: MIT */
/* Opening a kernel tree: finding it, reading it, and every check of it. */
#define _GNU_SOURCE 1 /* asprintf */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "arch.h"
#include "archive.h"
#include "program.h"
#include "tree.h"
#include "trusted.h"

enum { LISTING_SIZE = 4 << 20 };
#define ARCHIVE_SIZE (1LL << 30)

struct hpvm_tree {
	char *name;
	int dir;                /* the directory while it is read; -1 otherwise */
	unsigned char *archive; /* or the archive, of so many bytes */
	size_t archive_size;
	struct stat mark; /* of the archive, or of the list */
	int n;
	struct hpvm_listed *listed; /* whose texts the kernels share */
	struct hpvm_kernel *kernels;
};

/* Where the reason goes that a tree is not opened. */
struct reason {
	char *text;
	size_t room;
};

/* Leave a sentence, and in errno its kind; false, as all checks are that fail. */
static bool refuse(const struct reason *reason, int kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reason->text, reason->room, format, args);
	va_end(args);
	errno = kind;
	return false;
}

/* ---- the files of a tree ------------------------------------------------------------ */

/* The member of the archive that has this name; *member is it then. Refuses bad archives. */
static bool find_member(const struct hpvm_tree *tree, const char *path, struct hpvm_member *member,
	const struct reason *reason)
{
	struct hpvm_member one;
	const char *why;
	size_t at = 0;
	bool found = false;
	int rc;

	while ((rc = hpvm_archive_next(tree->archive, tree->archive_size, &at, &one, &why)) > 0) {
		if (strcmp(one.name, path) != 0)
			continue;
		if (found)
			return refuse(reason, EBADMSG, "%s holds %s twice", tree->name, path);
		*member = one;
		found = true;
	}
	if (rc < 0)
		return refuse(reason, EBADMSG, "%s %s", tree->name, why);
	return found || refuse(reason, EBADMSG, "%s holds no %s", tree->name, path);
}

static void *copy_member(const struct hpvm_tree *tree, const char *path, size_t *size,
	const struct reason *reason)
{
	struct hpvm_member member = { 0 };
	char *copy;

	if (!find_member(tree, path, &member, reason))
		return NULL;
	copy = malloc(member.size + 1);
	if (!copy) {
		refuse(reason, ENOMEM, "%s is too large for the memory", tree->name);
		return NULL;
	}
	memcpy(copy, member.bytes, member.size);
	copy[member.size] = 0;
	*size = member.size;
	return copy;
}

/* Read a file of the directory, of at most `most` bytes; *what is what it is. */
static void *read_file(const struct hpvm_tree *tree, const char *path, size_t most,
	struct stat *what, const struct reason *reason)
{
	const char *why = "is no regular file";
	void *bytes = NULL;
	int fd = hpvm_trusted_open(tree->dir, path, what, &why);

	if (fd >= 0 && S_ISREG(what->st_mode)) {
		why = "is too large";
		errno = EBADMSG;
		if (what->st_size >= 0 && (uint64_t)what->st_size <= most)
			bytes = hpvm_trusted_read(fd, (size_t)what->st_size, &why);
	}
	if (!bytes)
		refuse(reason, errno == ENOMEM ? ENOMEM : EBADMSG, "%s/%s: %s", tree->name, path,
			why);
	if (fd >= 0)
		close(fd);
	return bytes;
}

/* A file of the tree, of at most `most` bytes, in memory of malloc with a NUL behind it. */
static void *take_file(struct hpvm_tree *tree, const char *path, size_t most, size_t *size,
	struct stat *what, const struct reason *reason)
{
	void *bytes;

	if (tree->archive)
		return copy_member(tree, path, size, reason);
	bytes = read_file(tree, path, most, what, reason);
	if (bytes)
		*size = (size_t)what->st_size;
	return bytes;
}

/* ---- its kernels ------------------------------------------------------------------ */

/* Are these the bytes that the list says, and of the architecture that the path says? */
static bool check_kernel(const struct hpvm_tree *tree, const struct hpvm_kernel *kernel,
	size_t size, const struct reason *reason)
{
	const char *arch = hpvm_arch_of(kernel->bytes, size);
	unsigned char hash[HPVM_HASH];

	if (strcmp(kernel->arch, HPVM_SOURCE) != 0 && !arch)
		return refuse(reason, EBADMSG, "%s/%s is no shared object", tree->name,
			kernel->path);
	if (arch && strcmp(kernel->arch, arch) != 0)
		return refuse(reason, EBADMSG, "%s/%s is %s %s file", tree->name, kernel->path,
			strchr("aeisx", arch[0]) ? "an" : "a", arch);
	hpvm_sha256(kernel->bytes, size, hash);
	if (size != (size_t)kernel->size || memcmp(hash, kernel->hash, HPVM_HASH) != 0)
		return refuse(reason, EBADMSG,
			"%s/%s is not the file that %s lists: run hpvm-build again", tree->name,
			kernel->path, HPVM_LISTING_NAME);
	return true;
}

static bool take_kernel(struct hpvm_tree *tree, int i, const struct reason *reason)
{
	const struct hpvm_listed *listed = &tree->listed[i];
	struct hpvm_kernel *kernel = &tree->kernels[i];
	struct stat what;
	size_t size;

	*kernel = (struct hpvm_kernel){ listed->path, listed->arch, listed->os, listed->level,
		{ 0 }, listed->size, listed->argtype, NULL };
	memcpy(kernel->hash, listed->hash, HPVM_HASH);
	kernel->bytes = take_file(tree, listed->path, (size_t)HPVM_KERNEL_SIZE, &size, &what,
		reason);
	return kernel->bytes && check_kernel(tree, kernel, size, reason);
}

/* Has the tree a kernel of this place and the level "generic"? */
static bool has_generic(const struct hpvm_tree *tree, const struct hpvm_listed *place)
{
	for (int i = 0; i < tree->n; i++)
		if (strcmp(tree->listed[i].arch, place->arch) == 0 &&
			strcmp(tree->listed[i].os, place->os) == 0 &&
			strcmp(tree->listed[i].level, HPVM_GENERIC) == 0)
			return true;
	return false;
}

static bool check_generic(const struct hpvm_tree *tree, const struct reason *reason)
{
	for (int i = 0; i < tree->n; i++)
		if (strcmp(tree->listed[i].arch, HPVM_SOURCE) != 0 &&
			!has_generic(tree, &tree->listed[i]))
			return refuse(reason, EBADMSG, "%s/%s/%s has no level generic", tree->name,
				tree->listed[i].arch, tree->listed[i].os);
	return true;
}

static bool take_list(struct hpvm_tree *tree, const struct reason *reason)
{
	char why[200];
	size_t size;
	char *text = take_file(tree, HPVM_LISTING_NAME, LISTING_SIZE, &size, &tree->mark, reason);

	if (!text)
		return false;
	tree->n = hpvm_listing_read(text, size, tree->listed, why, sizeof why);
	free(text);
	if (tree->n < 0) {
		tree->n = 0;
		return refuse(reason, EBADMSG, "%s/%s %s", tree->name, HPVM_LISTING_NAME, why);
	}
	return check_generic(tree, reason);
}

static bool take_kernels(struct hpvm_tree *tree, const struct reason *reason)
{
	tree->listed = malloc(HPVM_TREE_KERNELS * sizeof *tree->listed);
	tree->kernels = calloc(HPVM_TREE_KERNELS, sizeof *tree->kernels);
	if (!tree->listed || !tree->kernels)
		return refuse(reason, ENOMEM, "%s: no memory", tree->name);
	if (!take_list(tree, reason))
		return false;
	for (int i = 0; i < tree->n; i++)
		if (!take_kernel(tree, i, reason))
			return false;
	return true;
}

/* ---- finding it ------------------------------------------------------------------- */

/* Open the directory, or read the archive. */
static bool take_place(struct hpvm_tree *tree, const struct reason *reason)
{
	const char *why;
	int kind, fd = hpvm_trusted_open(AT_FDCWD, tree->name, &tree->mark, &why);

	if (fd < 0) {
		kind = errno == ENOENT || errno == ENOTDIR ? ENOENT : EBADMSG;
		return refuse(reason, kind, kind == ENOENT ? "no kernel tree \"%s\": %s" : "%s %s",
			tree->name, why);
	}
	if (S_ISDIR(tree->mark.st_mode)) {
		tree->dir = fd;
		return true;
	}
	errno = EBADMSG;
	why = "is larger than 1 GB";
	tree->archive_size = (size_t)tree->mark.st_size;
	if (tree->mark.st_size <= ARCHIVE_SIZE)
		tree->archive = hpvm_trusted_read(fd, tree->archive_size, &why);
	kind = errno;
	close(fd);
	return tree->archive || refuse(reason, kind, "%s %s", tree->name, why);
}

/* Is there a tree of this program's name and an ending? Its name is the tree's then. */
static bool try_name(struct hpvm_tree *tree, const char *program, const char *ending)
{
	if (asprintf(&tree->name, "%s%s", program, ending) < 0)
		tree->name = NULL;
	if (!tree->name || access(tree->name, F_OK) == 0)
		return true;
	free(tree->name);
	tree->name = NULL;
	return false;
}

/* Which tree is meant. */
static bool take_name(struct hpvm_tree *tree, const char *name, const struct reason *reason)
{
	char program[PATH_MAX] = "PROGRAM";

	if (!*name && getenv("HPVM_KERNELS"))
		name = getenv("HPVM_KERNELS");
	if (*name) {
		tree->name = strdup(name);
	} else {
		hpvm_program(program, sizeof program);
		if (!try_name(tree, program, ".kernels") && !try_name(tree, program, ".hpvm"))
			return refuse(reason, ENOENT, "no kernel tree %s.kernels or %s.hpvm",
				program, program);
	}
	return tree->name || refuse(reason, ENOMEM, "no memory");
}

/* What only opening needs is gone. */
static void end_reading(struct hpvm_tree *tree)
{
	if (tree->dir >= 0)
		close(tree->dir);
	tree->dir = -1;
	free(tree->archive);
	tree->archive = NULL;
}

struct hpvm_tree *hpvm_tree_open(const char *name, char *why, size_t room)
{
	struct hpvm_tree *tree = calloc(1, sizeof *tree);
	struct reason reason = { why, room };
	bool opened;
	int kind;

	if (!tree) {
		refuse(&reason, ENOMEM, "no memory");
		return NULL;
	}
	tree->dir = -1;
	opened = take_name(tree, name, &reason) && take_place(tree, &reason) &&
		take_kernels(tree, &reason);
	kind = errno;
	end_reading(tree);
	if (opened)
		return tree;
	hpvm_tree_close(tree);
	errno = kind;
	return NULL;
}

void hpvm_tree_close(struct hpvm_tree *tree)
{
	if (!tree)
		return;
	for (int i = 0; i < tree->n && tree->kernels; i++)
		free((void *)tree->kernels[i].bytes);
	free(tree->kernels);
	free(tree->listed);
	free(tree->name);
	free(tree);
}

const char *hpvm_tree_name(const struct hpvm_tree *tree)
{
	return tree->name;
}

int hpvm_tree_count(const struct hpvm_tree *tree)
{
	return tree->n;
}

const struct hpvm_kernel *hpvm_tree_kernel(const struct hpvm_tree *tree, int i)
{
	return i >= 0 && i < tree->n ? &tree->kernels[i] : NULL;
}

bool hpvm_tree_is_current(const struct hpvm_tree *tree)
{
	char path[PATH_MAX];
	struct stat now;

	if (stat(tree->name, &now) < 0)
		return false;
	if (S_ISDIR(now.st_mode)) {
		snprintf(path, sizeof path, "%s/%s", tree->name, HPVM_LISTING_NAME);
		if (stat(path, &now) < 0)
			return false;
	}
	return now.st_dev == tree->mark.st_dev && now.st_ino == tree->mark.st_ino &&
		now.st_size == tree->mark.st_size &&
		now.st_mtim.tv_sec == tree->mark.st_mtim.tv_sec &&
		now.st_mtim.tv_nsec == tree->mark.st_mtim.tv_nsec;
}

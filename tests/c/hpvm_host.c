/* SPDX-License-Identifier: MIT */
/*
 * What a host does with a kernel tree, without PVM. Usage:
 *   hpvm_host traits             prints what the host is
 *   hpvm_host run TREE NTH ROWS  runs the choice number NTH, from 0, for so many rows in the
 *                                middle of the image: prints its path and the sum
 *   hpvm_host put FILE...        puts files into the cache: prints the result for each
 *   hpvm_host get HASH           takes one out: prints its size and hash, or "none"
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>
#include "hpvm.h"
#include "hpvmc/cache.h"
#include "hpvmc/cpu.h"
#include "hpvmc/source.h"

enum { IMAGE = 1024, TEXT = 500 };

typedef int kernel_function(long id, long size, void *args);

/* ---- what kernels call ------------------------------------------------------------- */

static long sums[1];

void *(hpvm_get_share)(const char *name)
{
	return strcmp(name, "sums") == 0 ? sums : NULL;
}

int hpvm_merge_items(const char *name, const void *share, long start, long end, int size, int type)
{
	return strcmp(name, "sums") == 0 && share == sums && start == 0 && end == 1 &&
			size == sizeof(long) && type == HPVM_LONG ?
		HPVM_OK :
		HPVM_RANGE;
}

/* ---- running ----------------------------------------------------------------------- */

static int fail(const char *what, const char *why)
{
	printf("%s: %s\n", what, why);
	return 1;
}

static int run_file(int memfd, int rows)
{
	long args[] = { (IMAGE - rows) / 2, (IMAGE + rows) / 2 };
	kernel_function *kernel;
	char path[40];
	void *object;
	int rc;

	snprintf(path, sizeof path, "/proc/self/fd/%d", memfd);
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!object)
		return fail("dlopen", dlerror());
	*(void **)&kernel = dlsym(object, "kernel_main");
	if (!kernel)
		return fail("dlsym", dlerror());
	rc = kernel(0, sizeof args, args);
	printf("%d %ld\n", rc, sums[0]);
	return 0;
}

static int run_kernel(const struct hpvm_kernel *kernel, const struct hpvm_traits *traits, int rows)
{
	char why[TEXT];
	int memfd;

	printf("%s\n", kernel->path);
	if (strcmp(kernel->arch, HPVM_SOURCE) != 0)
		memfd = hpvmc_memory_file(kernel->bytes, (size_t)kernel->size);
	else if (hpvmc_compile(kernel->bytes, (size_t)kernel->size, traits, &memfd, why,
			 sizeof why) < 0)
		return fail("compile", why);
	return memfd < 0 ? fail("memory file", strerror(errno)) : run_file(memfd, rows);
}

static int run_tree(const char *name, int nth, int rows)
{
	const struct hpvm_kernel *kernel;
	struct hpvm_traits traits;
	struct hpvm_tree *tree;
	char why[TEXT];
	int status;

	tree = hpvm_tree_open(name, why, sizeof why);
	if (!tree)
		return fail("tree", why);
	hpvmc_traits(&traits);
	kernel = hpvm_select(tree, &traits, nth);
	hpvm_select_why(tree, &traits, nth, why, sizeof why);
	status = kernel ? run_kernel(kernel, &traits, rows) : fail("none", why);
	hpvm_tree_close(tree);
	return status;
}

/* ---- the cache ---------------------------------------------------------------------- */

/* A file in memory; exits if it cannot be read. */
static void *map(int fd, size_t *size)
{
	struct stat what;
	void *bytes;

	if (fd < 0 || fstat(fd, &what) < 0)
		exit(fail("file", strerror(errno)));
	*size = (size_t)what.st_size;
	bytes = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		exit(fail("map", strerror(errno)));
	return bytes;
}

static void put_file(const char *path)
{
	unsigned char hash[HPVM_HASH];
	size_t size;
	void *bytes = map(open(path, O_RDONLY), &size);

	hpvm_sha256(bytes, size, hash);
	printf("%d\n", hpvmc_cache_put(hash, bytes, size));
}

static int get_file(const char *text)
{
	unsigned char hash[HPVM_HASH];
	char is[HPVM_HASH_TEXT];
	size_t size;
	void *bytes;
	int memfd;

	if (!hpvm_hash_read(text, hash))
		return 2;
	if (hpvmc_cache_get(hash, &memfd) < 0)
		return puts("none") < 0;
	bytes = map(memfd, &size);
	hpvm_sha256(bytes, size, hash);
	hpvm_hash_text(hash, is);
	printf("%zu %s writable %d\n", size, is, write(memfd, "", 1) == 1);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "traits") == 0)
		return hpvmc_print_traits();
	if (argc == 5 && strcmp(argv[1], "run") == 0)
		return run_tree(argv[2], atoi(argv[3]), atoi(argv[4]));
	if (argc == 3 && strcmp(argv[1], "get") == 0)
		return get_file(argv[2]);
	if (argc < 3 || strcmp(argv[1], "put") != 0)
		return 2;
	for (int i = 2; i < argc; i++)
		put_file(argv[i]);
	return 0;
}

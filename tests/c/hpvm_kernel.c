/* SPDX-License-Identifier: MIT */
/* A kernel that does what its arguments say: hpvm_kernel.h. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "hpvm.h"
#include "hpvm_kernel.h"

/* A function of this name is in the client, too: a kernel has its own. */
long now_us(void);
long now_us(void)
{
	return 42;
}

/* Is this the first try of the task? A file remembers. */
static int first_try(long id)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "tried.%ld", id);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int double_item(long id)
{
	long *numbers = hpvm_get_share("numbers");

	numbers[id] *= 2;
	hpvm_merge_share("numbers", numbers, id, id + 1);
	return HPVM_OK;
}

static int raise_once(long id, int sig)
{
	long *numbers = hpvm_get_share("numbers");

	if (!first_try(id))
		return double_item(id);
	numbers[id] *= 2;
	hpvm_merge_share("numbers", numbers, id, id + 1);
	raise(sig);
	return HPVM_OK;
}

static int fill(long start, long end)
{
	long *numbers = hpvm_get_share("numbers");

	for (long i = start; i < end; i++)
		numbers[i] = 3 * i;
	hpvm_merge_share("numbers", numbers, start, end);
	return HPVM_OK;
}

static int merge_twice(long id, int code)
{
	long *numbers = hpvm_get_share("numbers");

	for (long value = 1; value <= 2; value++) {
		numbers[id] = value;
		hpvm_merge_share("numbers", numbers, id, id + 1);
	}
	/* What is written after the merge is not merged. */
	numbers[id] = 3;
	return code;
}

static int misuse(long what)
{
	static long array[2000];
	char *untyped = NULL;

	switch (what) {
	case NO_SUCH_SHARE: hpvm_get_share("nubmers"); break;
	case RANGE_BEYOND: hpvm_merge_share("numbers", array, 990, 1010); break;
	case OTHER_TYPE: hpvm_merge_share("numbers", (short *)array, 0, 1); break;
	case NULL_ARRAY: hpvm_merge_share("numbers", untyped, 0, 1); break;
	case SPAWN_IN_KERNEL: hpvm_spawn("", 1, NULL); break;
	case SHARE_IN_KERNEL: hpvm_share("mine", array, sizeof array); break;
	}
	return HPVM_OK;
}

static int large(long id)
{
	/* Not in the host's copy, to which other tasks write at the same time. */
	char *bytes = malloc(8 << 20);

	memset(bytes, (int)id + 1, 8 << 20);
	hpvm_merge_share("bytes", bytes, 0, 8 << 20);
	free(bytes);
	return HPVM_OK;
}

static int signal_group(long id)
{
	if (first_try(id))
		kill(0, SIGTERM);
	return HPVM_OK;
}

int kernel_main(long id, long size, long *args);
int kernel_main(long id, long size, long *args)
{
	if (size < (long)sizeof *args || now_us() != 42)
		return args ? -100 : HPVM_OK;
	switch (args[0]) {
	case DO_RETURN: return (int)args[1];
	case DO_RAISE: return raise((int)args[1]);
	case DO_RAISE_ONCE: return raise_once(id, (int)args[1]);
	case DO_EXIT: exit(3);
	case DO_DOUBLE: return double_item(id);
	case DO_FILL: return fill(args[1], args[2]);
	case DO_MERGE_TWICE: return merge_twice(id, (int)args[1]);
	case DO_MISUSE: return misuse(args[1]);
	case DO_LARGE: return large(id);
	case DO_SIGNAL_GROUP: return signal_group(id);
	default: return HPVM_OK;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Spawns of all kinds: hpvm_parent TREE. Each scenario is a function; a failed check is a line
 * that begins with FAIL.
 */
#include "check.h"
#include "hpvm.h"
#include "hpvm_kernel.h"

enum { ITEMS = 1000, BYTES = 8 << 20 };

static const char *tree;
static long numbers[ITEMS];
static long order, args[3];

/* The block of a task: the arguments that the scenario has set. */
static void *give_args(long id, long *size)
{
	long *block = malloc(sizeof args);

	CHECK_INT(id, order++);
	memcpy(block, args, sizeof args);
	*size = sizeof args;
	return block;
}

static int spawn(long count, long what, long first, long second)
{
	order = 0;
	args[0] = what;
	args[1] = first;
	args[2] = second;
	return hpvm_spawn(tree, count, give_args);
}

static void share_numbers(long value)
{
	for (int i = 0; i < ITEMS; i++)
		numbers[i] = value;
	CHECK_INT(hpvm_share("numbers", numbers, sizeof numbers), HPVM_OK);
}

static void unshare_numbers(void)
{
	CHECK_INT(hpvm_unshare("numbers"), HPVM_OK);
}

/* Does the sentence of the last error begin so? */
static void check_error(const char *text)
{
	bool good = strstr(hpvm_error(), text);

	CHECK(good);
	if (!good)
		printf("FAIL the error is \"%s\", without \"%s\"\n", hpvm_error(), text);
}

/* ---- what the parent may do wrong ---- */

static void wrong_shares(void)
{
	char name[300];
	short three[3];

	memset(name, 'x', sizeof name);
	name[299] = 0;
	CHECK_INT(hpvm_share("numbers", numbers, -4), HPVM_BADARG);
	check_error("hpvm_share: size -4 is negative");
	CHECK_INT(hpvm_share("", numbers, 8), HPVM_BADARG);
	CHECK_INT(hpvm_share(NULL, numbers, 8), HPVM_BADARG);
	CHECK_INT(hpvm_share("a\nb", numbers, 8), HPVM_BADARG);
	CHECK_INT(hpvm_share(name, numbers, 8), HPVM_BADARG);
	name[255] = 0;
	CHECK_INT(hpvm_share(name, numbers, 8), HPVM_OK);
	CHECK_INT(hpvm_unshare(name), HPVM_OK);
	CHECK_INT(hpvm_share("three", three, 3), HPVM_BADARG);
	check_error("size 3 is no multiple of the 2 bytes of a short");
	CHECK_INT(hpvm_share("nothing", (long *)NULL, 8), HPVM_BADARG);
	CHECK_INT(hpvm_share_typed("x", numbers, 8, HPVM_TYPES, 0), HPVM_BADARG);
	CHECK_INT(hpvm_share_typed("x", numbers, 8, HPVM_LONG, 4), HPVM_BADARG);
	share_numbers(0);
	CHECK_INT(hpvm_share("numbers", numbers, 8), HPVM_EXISTS);
	CHECK_INT(hpvm_unshare("nubmers"), HPVM_NOSHARE);
	check_error("hpvm_unshare: no share \"nubmers\"; there are: numbers");
	CHECK(hpvm_get_share("numbers") == numbers);
	CHECK(!hpvm_get_share("x"));
	CHECK_INT(hpvm_errno(), HPVM_NOSHARE);
	CHECK_INT(hpvm_merge_share("numbers", numbers, 0, 1), HPVM_PLACE);
	unshare_numbers();
}

static void many_shares(void)
{
	char name[20];

	for (int i = 0; i < 4096; i++) {
		snprintf(name, sizeof name, "share %d", i);
		if (hpvm_share(name, numbers, 8) != HPVM_OK)
			CHECK_INT(hpvm_errno(), HPVM_OK);
	}
	CHECK_INT(hpvm_share("one more", numbers, 8), HPVM_NOMEM);
	CHECK_INT(spawn(2, DO_NOTHING, 0, 0), HPVM_OK);
	for (int i = 0; i < 4096; i++) {
		snprintf(name, sizeof name, "share %d", i);
		hpvm_unshare(name);
	}
	CHECK_INT(hpvm_errno(), HPVM_OK);
}

static void *bad_block(long id, long *size)
{
	*size = args[0];
	return id == 5 ? (args[1] ? malloc(8) : NULL) : malloc((size_t)*size);
}

static void *spawn_inside(long id, long *size)
{
	(void)size;
	if (id == 0) {
		CHECK_INT(hpvm_spawn(tree, 1, NULL), HPVM_BUSY);
		CHECK_INT(hpvm_unshare("numbers"), HPVM_BUSY);
		check_error("share \"numbers\" is in use by a spawn");
	}
	return NULL;
}

static void wrong_spawns(void)
{
	CHECK_INT(hpvm_spawn(NULL, 1, NULL), HPVM_BADARG);
	CHECK_INT(hpvm_spawn(tree, -1, NULL), HPVM_BADARG);
	CHECK_INT(hpvm_spawn("/nowhere", 1, NULL), HPVM_NOTREE);
	CHECK_INT(hpvm_setopt(99, 1), HPVM_BADARG);
	CHECK_INT(hpvm_setopt(HPVM_AUTOERR, 2), HPVM_BADARG);
	args[0] = 8;
	args[1] = 0;
	CHECK_INT(hpvm_spawn(tree, 10, bad_block), HPVM_BADARG);
	check_error("the block of task 5 is NULL and has a size of 8");
	args[0] = (1 << 20) + 1;
	CHECK_INT(hpvm_spawn(tree, 10, bad_block), HPVM_BADARG);
	check_error("has 1048577 bytes, 0 to 1048576 are allowed");
	share_numbers(0);
	CHECK_INT(hpvm_spawn(tree, 3, spawn_inside), HPVM_OK);
	unshare_numbers();
	CHECK_INT(hpvm_spawn(tree, 0, NULL), HPVM_OK);
}

/* ---- results ---- */

static void merges(void)
{
	long ids[5];
	int codes[5];

	share_numbers(7);
	CHECK_INT(spawn(1, DO_FILL, 100, 200), HPVM_OK);
	for (int i = 0; i < ITEMS; i++)
		CHECK_INT(numbers[i], i >= 100 && i < 200 ? 3 * i : 7);
	CHECK_INT(spawn(ITEMS, DO_MERGE_TWICE, HPVM_OK, 0), HPVM_OK);
	CHECK_INT(hpvm_failed(NULL, NULL, 0), 0);
	for (int i = 0; i < ITEMS; i++)
		CHECK_INT(numbers[i], 2);
	unshare_numbers();
	share_numbers(7);
	/* What a task that fails has merged is not seen. */
	CHECK_INT(spawn(20, DO_MERGE_TWICE, 33, 0), HPVM_FAILED);
	check_error("20 of 20 tasks failed; first: task");
	check_error("kernel_main returned 33");
	CHECK_INT(hpvm_failed(ids, codes, 5), 20);
	CHECK_INT(codes[4], 33);
	for (int i = 0; i < ITEMS; i++)
		CHECK_INT(numbers[i], 7);
	unshare_numbers();
}

static void large_merges(void)
{
	char *bytes = calloc(1, BYTES);

	CHECK_INT(hpvm_share("bytes", bytes, BYTES), HPVM_OK);
	CHECK_INT(spawn(6, DO_LARGE, 0, 0), HPVM_OK);
	/* One of the tasks was the last: never a mixture. */
	CHECK(bytes[0] >= 1 && bytes[0] <= 6);
	CHECK(!memcmp(bytes, bytes + 1, BYTES - 1));
	CHECK_INT(hpvm_unshare("bytes"), HPVM_OK);
	free(bytes);
}

static void misuse(void)
{
	static const struct {
		long what;
		int code;
		const char *text;
	} cases[] = {
		{ NO_SUCH_SHARE, HPVM_NOSHARE, "no share \"nubmers\"; there are: numbers" },
		{ RANGE_BEYOND, HPVM_RANGE, "has items 0 to 999; merge of 990 to 1010" },
		{ OTHER_TYPE, HPVM_TYPE, "has items of 8 bytes (long); pointer to items of 2" },
		{ NULL_ARRAY, HPVM_BADARG, "the array is NULL" },
		{ SPAWN_IN_KERNEL, HPVM_PLACE, "hpvm_spawn called in a kernel" },
		{ SHARE_IN_KERNEL, HPVM_PLACE, "hpvm_share called in a kernel" },
	};
	int code;

	share_numbers(0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CHECK_INT(spawn(1, DO_MISUSE, cases[i].what, 0), HPVM_FAILED);
		check_error(cases[i].text);
		hpvm_failed(NULL, &code, 1);
		CHECK_INT(code, cases[i].code);
	}
	unshare_numbers();
}

/* ---- crashes ---- */

static void crashes(void)
{
	int code;

	CHECK_INT(spawn(3, DO_RAISE, SIGSEGV, 0), HPVM_FAILED);
	check_error("3 of 3 tasks failed");
	check_error("signal 11, tried 3 times");
	hpvm_failed(NULL, &code, 1);
	CHECK_INT(code, HPVM_FAILED);
	CHECK_INT(spawn(1, DO_EXIT, 0, 0), HPVM_FAILED);
	check_error("it called exit(3), tried 3 times");
	share_numbers(5);
	/* What an attempt that crashed has written is not doubled again. */
	CHECK_INT(spawn(50, DO_RAISE_ONCE, SIGKILL, 0), HPVM_OK);
	for (int i = 0; i < ITEMS; i++)
		CHECK_INT(numbers[i], i < 50 ? 10 : 5);
	unshare_numbers();
	CHECK_INT(spawn(4, DO_SIGNAL_GROUP, 0, 0), HPVM_OK);
}

/* ---- the program's own use of PVM ---- */

static int match_none(int buffer, int tid, int tag)
{
	(void)buffer, (void)tid, (void)tag;
	return 0;
}

static void *send_inside(long id, long *size)
{
	(void)size;
	CHECK_INT(pvm_getcontext(), args[2]);
	CHECK_INT(pvm_getsbuf(), args[1]);
	if (id == 0)
		pvm_pkint((int *)args, 1, 1);
	return NULL;
}

static void own_buffers(void)
{
	int receive, context = pvm_newcontext(), old = pvm_setcontext(context);
	int (*match)(int, int, int);

	args[1] = pvm_initsend(PvmDataRaw);
	args[2] = context;
	receive = pvm_mkbuf(PvmDataRaw);
	pvm_setrbuf(receive);
	pvm_setopt(PvmAutoErr, 1);
	match = pvm_recvf(match_none);
	CHECK_INT(hpvm_spawn(tree, 10, send_inside), HPVM_OK);
	CHECK(pvm_recvf(match) == match_none);
	CHECK_INT(pvm_getsbuf(), args[1]);
	CHECK_INT(pvm_getrbuf(), receive);
	CHECK_INT(pvm_setopt(PvmAutoErr, 0), 1);
	CHECK_INT(pvm_setcontext(old), context);
	pvm_freebuf(receive);
	pvm_freecontext(context);
}

/* A program may leave PVM and come back as another task. */
static void another_task(void)
{
	pvm_exit();
	CHECK_INT(spawn(5, DO_NOTHING, 0, 0), HPVM_OK);
}

static void many_tasks(void)
{
	CHECK_INT(hpvm_spawn(tree, 100000, NULL), HPVM_OK);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	check_start();
	hpvm_setopt(HPVM_AUTOERR, 0);
	tree = argv[1];
	wrong_shares();
	wrong_spawns();
	many_shares();
	merges();
	large_merges();
	misuse();
	crashes();
	own_buffers();
	another_task();
	many_tasks();
	pvm_exit();
	return check_done();
}

/* SPDX-License-Identifier: MIT */
/*
 * image_increments DIRECTORY SEED IMAGES OPERATIONS [HOW]: has blocks of memory, of whose pages it
 * knows what they are to be. It changes some at random, writes an image that may build on the one
 * before, and so on: DIRECTORY/image1, image2, ... Of each it prints number, base and bytes. All is
 * checked after each, and in the restarted process, which writes another one, DIRECTORY/again2.
 *
 * HOW is of pvm__image_save. With an operation named "wild" as OPERATIONS all pages are written each
 * time; with "closed" the program closes all descriptors before each image.
 */
#define _GNU_SOURCE 1
#include "check.h"
#include "imager.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { PAGE = 4096, BLOCKS = 6, PAGES = 1024, CLOSED = 200 };

/* Its page k has version[k]; 0: it is of zeros. */
static struct block {
	char *at;
	size_t pages;
	unsigned version[PAGES];
} blocks[BLOCKS];

static struct image_tracker tracker = { .fd = -1 };
static unsigned long state;
static const char *directory;
static int done, last;

static unsigned draw(unsigned below)
{
	state = state * 6364136223846793005UL + 1442695040888963407UL;
	return (unsigned)(state >> 33) % below;
}

static char *map(void *at, size_t pages)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0);
	char *made = mmap(at, pages * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);

	CHECK(made != MAP_FAILED);
	return made;
}

/* ---- what is done to them ----------------------------------------------------------- */

static void fill(struct block *b, size_t k)
{
	unsigned *word = (unsigned *)(b->at + k * PAGE);

	b->version[k]++;
	for (size_t i = 0; i < PAGE / sizeof *word; i += 64)
		word[i] = b->version[k];
}

static void write_some(struct block *b)
{
	for (unsigned n = draw(40); n; n--)
		fill(b, draw((unsigned)b->pages));
}

/* Pages that are dropped come back as zeros. */
static void drop(struct block *b)
{
	size_t k = draw((unsigned)b->pages), n = 1 + draw(20);

	n = n < b->pages - k ? n : b->pages - k;
	CHECK_INT(madvise(b->at + k * PAGE, n * PAGE, MADV_DONTNEED), 0);
	memset(b->version + k, 0, n * sizeof *b->version);
	if (draw(2))
		CHECK_INT(b->at[k * PAGE], 0);
}

/* Other memory takes the place. */
static void replace(struct block *b)
{
	size_t k = draw((unsigned)b->pages);

	map(b->at + k * PAGE, b->pages - k);
	memset(b->version + k, 0, (b->pages - k) * sizeof *b->version);
}

/* At once, or, where it consists of several areas, page by page. */
static void move_to(struct block *b, char *to)
{
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	size_t whole = b->pages * PAGE;

	if (mremap(b->at, whole, whole, flags, to) != to)
		for (size_t at = 0; at < whole; at += PAGE)
			CHECK(mremap(b->at + at, PAGE, PAGE, flags, to + at) == to + at);
	b->at = to;
}

static void move(struct block *b)
{
	move_to(b, map(NULL, b->pages));
}

/* Two blocks of the same size change places: each address then has what the other one had. */
static void swap(struct block *a)
{
	struct block *b = &blocks[draw(BLOCKS)];
	char *one = a->at, *other = b->at;

	if (a == b || a->pages != b->pages)
		return;
	move(a);
	move_to(b, one);
	move_to(a, other);
}

static void resize(struct block *b)
{
	size_t pages = 1 + draw(PAGES);
	char *at = mremap(b->at, b->pages * PAGE, pages * PAGE, MREMAP_MAYMOVE);

	if (at == MAP_FAILED)
		return; /* it consists of several areas */
	for (size_t k = b->pages; k < pages; k++)
		b->version[k] = 0;
	b->at = at;
	b->pages = pages;
}

static void hide(struct block *b)
{
	size_t k = draw((unsigned)b->pages);

	mprotect(b->at + k * PAGE, PAGE, PROT_NONE);
	if (draw(2))
		mprotect(b->at, b->pages * PAGE, PROT_READ);
	mprotect(b->at, b->pages * PAGE, PROT_READ | PROT_WRITE);
}

/* A child writes to what it has of them. */
static void fork_one(struct block *b)
{
	int status;
	pid_t child = fork();

	if (!child) {
		memset(b->at, 0x55, b->pages * PAGE);
		_exit(0);
	}
	write_some(b);
	CHECK_INT(waitpid(child, &status, 0), child);
}

/* The system writes to it. */
static void read_in(struct block *b)
{
	size_t k = draw((unsigned)b->pages);
	char page[PAGE] = { 0 };
	int fds[2];

	for (size_t i = 0; i < PAGE; i += 64 * sizeof(unsigned))
		*(unsigned *)(page + i) = b->version[k] + 1;
	CHECK_INT(pipe(fds), 0);
	CHECK_INT(write(fds[1], page, PAGE), PAGE);
	CHECK_INT(read(fds[0], b->at + k * PAGE, PAGE), PAGE);
	b->version[k]++;
	close(fds[0]);
	close(fds[1]);
}

static void change(void)
{
	static void (*const ways[])(struct block *) = { write_some, write_some, write_some, drop,
		drop, replace, move, swap, swap, resize, hide, fork_one, read_in, read_in };

	ways[draw(sizeof ways / sizeof *ways)](&blocks[draw(BLOCKS)]);
}

static void check(void)
{
	for (int i = 0; i < BLOCKS; i++)
		for (size_t k = 0; k < blocks[i].pages; k++)
			for (size_t w = 0; w < PAGE / sizeof(unsigned); w += 64)
				CHECK_INT(((unsigned *)(blocks[i].at + k * PAGE))[w],
					blocks[i].version[k]);
}

/* ---- images ---------------------------------------------------------------------------- */

/* Write the next image: 1 in the restarted process. */
static int save(unsigned how)
{
	struct image_report report;
	struct image_order order = {
		.how = how,
		.tid = 0x40002,
		.epoch = done + 1,
		.tracker = &tracker,
		.base = last,
	};
	char path[300];
	int rc;

	snprintf(path, sizeof path, "%s/%s%d", directory, imager_restarts() ? "again" : "image",
		++done);
	rc = imager_save(path, &order, &report);
	if (rc < 0)
		exit(5);
	if (report.writer)
		CHECK_INT(waitpid(report.writer, &(int){ 0 }, __WALL), report.writer);
	if (rc == 0) {
		last = done;
		printf("%d %d\n", done, report.base);
		fflush(stdout);
	}
	return rc;
}

static void restarted(void)
{
	check();
	pvm__image_untrack(&tracker, true);
	change();
	CHECK_INT(save(0), 0);
	check();
	printf("restarted %d\n", done - 1);
}

int main(int argc, char **argv)
{
	int images = argc > 4 ? atoi(argv[3]) : 0;
	int wild = argc > 4 && strcmp(argv[4], "wild") == 0;
	int closing = argc > 4 && strcmp(argv[4], "closed") == 0;
	unsigned how = argc > 5 ? (unsigned)atoi(argv[5]) : 0;

	if (argc < 5)
		return 2;
	directory = argv[1];
	state = strtoul(argv[2], NULL, 10);
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i].pages = i < 4 ? PAGES : 300;
		blocks[i].at = map(NULL, blocks[i].pages);
		for (size_t k = 0; k < blocks[i].pages; k++)
			fill(&blocks[i], k);
	}
	for (int i = 0; i < images; i++) {
		for (int n = wild || closing ? 0 : atoi(argv[4]); n; n--)
			change();
		for (size_t k = 0; wild && k < PAGES; k++)
			for (int b = 0; b < 4; b++)
				if (k < blocks[b].pages)
					fill(&blocks[b], k);
		if (closing)
			close_range(3, CLOSED, 0);
		if (save(how)) {
			restarted();
			return check_failed != 0;
		}
		check();
	}
	return check_failed != 0;
}

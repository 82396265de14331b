/* SPDX-License-Identifier: MIT */
/*
 * Computes, with memory of every kind, until SIGUSR1 comes; then says "right" and how often it was
 * restarted, or what is wrong. imager.h writes its images meanwhile.
 */
#define _GNU_SOURCE 1
#include "imager.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { BLOCKS = 64, WORDS = 512, FIRST_UNITS = 50 };

static volatile sig_atomic_t told;
static _Thread_local long units;
static unsigned char *blocks[BLOCKS];
static size_t lengths[BLOCKS];

static void wrong(const char *what)
{
	printf("wrong: %s, unit %ld\n", what, units);
	exit(1);
}

static void tell(int signum)
{
	(void)signum;
	told = 1;
}

/* Blocks come and go; each is full of its own number. */
static void heap(void)
{
	size_t k = (size_t)(units * 7919) % BLOCKS;

	for (size_t i = 0; i < lengths[k]; i++)
		if (blocks[k][i] != k)
			wrong("heap");
	free(blocks[k]);
	lengths[k] = (size_t)(units * 104729) % (k == 3 ? 300000 : 9000);
	blocks[k] = malloc(lengths[k]);
	memset(blocks[k], (int)k, lengths[k]);
}

/* Vector registers are in use most of the time. */
static void floats(void)
{
	static double a[WORDS], b[WORDS];
	double sum = 0;
	long double wide = 1;

	for (int i = 0; i < WORDS; i++) {
		a[i] = i + (double)units;
		b[i] = a[i] * 2 + 1;
	}
	for (int i = 0; i < WORDS; i++)
		sum += b[i] - 2 * a[i];
	for (int i = 0; i < 40; i++)
		wide *= 2;
	if (sum != WORDS || wide != 1099511627776.0L || fabs(sin(0.5) - 0.479425538604203) > 1e-14)
		wrong("numbers");
}

static void jumps(void)
{
	volatile int before = (int)units;
	sigjmp_buf there;

	if (!sigsetjmp(there, 1))
		siglongjmp(there, 1);
	else if (before != (int)units)
		wrong("jump");
}

/* Offsets of files, and system calls that are interrupted. */
static void files(int fd)
{
	char text[40], expected[40];
	int n = snprintf(expected, sizeof expected, "unit %ld\n", units);

	if (lseek(fd, 0, SEEK_CUR) != 0 || write(fd, expected, (size_t)n) != n ||
		lseek(fd, 0, SEEK_SET) != 0 || read(fd, text, (size_t)n) != n ||
		memcmp(text, expected, (size_t)n) != 0 || lseek(fd, 0, SEEK_SET) != 0)
		wrong("file");
}

static void kernel(void)
{
	static struct timespec last;
	struct timespec now, little = { 0, 20000 };
	char *area = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	area[4096] = 1;
	mprotect(area, 4096, PROT_NONE);
	nanosleep(&little, NULL);
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (area[4096] != 1 || now.tv_sec < last.tv_sec)
		wrong("kernel");
	last = now;
	munmap(area, 8192);
}

int main(void)
{
	struct sigaction action = { .sa_handler = tell };
	int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	long before;

	sigaction(SIGUSR1, &action, NULL);
	while (!told || units < FIRST_UNITS) {
		before = units++;
		heap();
		floats();
		jumps();
		files(file);
		kernel();
		if (before + 1 != units)
			wrong("count");
	}
	told = 0;
	raise(SIGUSR1);
	if (!told)
		wrong("raise");
	printf("right, restarted %d\n", imager_restarts());
	return 0;
}

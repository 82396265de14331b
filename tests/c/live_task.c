/* SPDX-License-Identifier: MIT */
/*
 * live_task KIND DIRECTORY: a task of 8 MiB that can be moved while it runs. As "idle" it waits, as
 * "wild" it writes to all its memory again and again, as "forks" it has a child write to that and waits
 * for it, as "notes" it has the kernel note what it writes to, for itself. It writes how often it has
 * gone round to DIRECTORY/rounds. When DIRECTORY/finish is there it ends, and writes to
 * DIRECTORY/result whether its memory was always what it had written.
 */
#define _GNU_SOURCE 1
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pvm3.h"

enum { WORDS = 8 << 20 >> 2, STEP = 512 };

static unsigned *memory, rounds;
static const char *directory;

static void note(const char *name, const char *word, unsigned number)
{
	char path[512], part[520];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	snprintf(part, sizeof part, "%s.part", path);
	f = fopen(part, "w");
	fprintf(f, "%s %u\n", word, number);
	fclose(f);
	rename(part, path);
}

static int is_there(const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return access(path, F_OK) == 0;
}

/* Every word that was written has this value. */
static void check(unsigned value)
{
	for (size_t i = 0; i < WORDS; i += STEP)
		if (memory[i] != value + i) {
			note("result", "wrong", (unsigned)i);
			exit(1);
		}
}

static void fill(unsigned value)
{
	for (size_t i = 0; i < WORDS; i += STEP)
		memory[i] = value + i;
}

static void fork_one(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		fill(1000000);
		_exit(0);
	}
	waitpid(child, &status, 0);
}

int main(int argc, char **argv)
{
	int wild, forks, value = 1;
	const struct timespec nap = { 0, 2000000 };

	if (argc < 3 || pvm_mytid() < 0)
		return 2;
	wild = strcmp(argv[1], "wild") == 0;
	forks = strcmp(argv[1], "forks") == 0;
	directory = argv[2];
	if (strcmp(argv[1], "notes") == 0)
		syscall(SYS_userfaultfd, 1);
	memory = calloc(WORDS, sizeof *memory);
	fill(1);
	for (; !is_there("finish"); rounds++) {
		check((unsigned)value);
		if (wild)
			fill((unsigned)++value);
		else
			nanosleep(&nap, NULL);
		if (forks)
			fork_one();
		note("rounds", "is", rounds);
	}
	check((unsigned)value);
	note("result", "right", rounds);
	pvm_exit();
	return 0;
}

/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "arena.h"
#include "wait.h"

enum { YIELD_US = 100 };

static int bell = -1;

uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void wait_change(_Atomic uint32_t *word, uint32_t seen)
{
	const struct timespec second = { 1, 0 };
	uint64_t end = now_us() + YIELD_US;

	do {
		if (atomic_load(word) != seen)
			return;
		sched_yield();
	} while (now_us() < end);
	atomic_fetch_add(&arena.board->sleepers, 1);
	syscall(SYS_futex, word, FUTEX_WAIT, seen, &second, NULL, 0);
	atomic_fetch_sub(&arena.board->sleepers, 1);
}

void wake_all(_Atomic uint32_t *word)
{
	if (atomic_load(&arena.board->sleepers))
		syscall(SYS_futex, word, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
}

int bell_descriptor(void)
{
	return bell;
}

void client_idles(void)
{
	atomic_store(&arena.board->client_idle, 1);
}

void client_goes_on(void)
{
	uint64_t rung;

	/* Whoever took it away has rung, or will. */
	if (!atomic_exchange(&arena.board->client_idle, 0))
		while (read(bell, &rung, sizeof rung) < 0 && errno == EINTR)
			;
}

bool bell_make(void)
{
	bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return bell >= 0;
}

void wake_client(void)
{
	const uint64_t one = 1;

	if (atomic_load(&arena.board->client_idle) && atomic_exchange(&arena.board->client_idle, 0))
		while (write(bell, &one, sizeof one) < 0 && sched_yield() < 0)
			;
}

void ask_client(void)
{
	atomic_fetch_add(&arena.board->asked, 1);
	wake_client();
}

/* SPDX-License-Identifier: MIT */
/* A program that writes images of itself: imager.h. */
#define _GNU_SOURCE 1
#include "imager.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { AFTER_RESTART = 3000 };

static char prefix[200];
static long count, span, again, images, restarts;
static unsigned how;
static unsigned long random_state;

static long setting(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text ? atol(text) : otherwise;
}

static void wake_after(long microseconds)
{
	struct itimerval once = { .it_value.tv_usec = microseconds };

	setitimer(ITIMER_REAL, &once, NULL);
}

/* The next random number, 31 bits. */
static long draw(void)
{
	random_state = random_state * 6364136223846793005UL + 1442695040888963407UL;
	return (long)(random_state >> 33);
}

/* In a signal handler: no stdio. */
static void say(const struct image_report *report)
{
	char line[400];
	int n = snprintf(line, sizeof line, "refused %d: %s: %ld: %s\n", report->reason,
		pvm__image_reasons[report->reason], report->detail, report->where);

	if (write(STDOUT_FILENO, line, (size_t)n) != n)
		abort();
}

int imager_save(const char *path, struct image_order *order, struct image_report *report)
{
	int rc;

	order->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (order->fd < 0)
		abort();
	order->level = (uint32_t)setting("IMAGER_LEVEL", 0);
	rc = pvm__image_save(order, report);
	if (rc == 1)
		restarts++;
	else
		close(order->fd);
	if (rc < 0)
		say(report);
	return rc;
}

int imager_restarts(void)
{
	return (int)restarts;
}

static void save_one(void)
{
	struct image_report report;
	struct image_order order = { .how = how };
	char path[300];

	snprintf(path, sizeof path, "%s%ld", prefix, images++);
	switch (imager_save(path, &order, &report)) {
	case 1:
		images = 0;
		count = again;
		again = 0;
		snprintf(prefix + strlen(prefix), 10, "again");
		/* Fall through. */
	case 0: wake_after(images < count ? 1 + draw() % span : AFTER_RESTART); break;
	default: _exit(9);
	}
}

/* Does the program listen to SIGUSR1 already? */
static int listens(void)
{
	struct sigaction action;

	return sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler != SIG_DFL;
}

static void alarmed(int signum)
{
	(void)signum;
	if (images < count)
		save_one();
	else if (listens())
		kill(getpid(), SIGUSR1);
	else
		wake_after(AFTER_RESTART);
}

static void __attribute__((constructor)) begin(void)
{
	struct sigaction action = { .sa_handler = alarmed, .sa_flags = SA_RESTART | SA_ONSTACK };
	const char *given = getenv("IMAGER_PREFIX");

	if (!given)
		return;
	snprintf(prefix, sizeof prefix, "%s", given);
	count = setting("IMAGER_COUNT", 1);
	span = setting("IMAGER_SPAN", 3000);
	random_state = (unsigned long)setting("IMAGER_SEED", 1);
	how = (unsigned)setting("IMAGER_HOW", 0);
	again = setting("IMAGER_AGAIN", 0);
	sigfillset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	wake_after(1 + draw() % span);
}

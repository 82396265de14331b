/* SPDX-License-Identifier: MIT */
/*
 * Checks for test programs that run as PVM tasks.
 *
 * A failed check prints a line that begins with "FAIL" and the program goes on;
 * `return check_done();` at the end of main gives the exit status.  A program
 * that needs children spawns itself: check_spawn(argv, "role", n, tids).
 *
 * A check of a call of the interface, as CHECK_INT(pvm_mkbuf(3), PvmBadParam), is a
 * case of the table of what is tested, docs/coverage.md: with PVM_TEST_CASES in the
 * environment it prints "case", the call and its result, separated by tabs.
 */
#ifndef PVM3PY_TESTS_CHECK_H
#define PVM3PY_TESTS_CHECK_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pvm3.h"

extern int pvm_errno;

/* A task that hangs ends itself after so many seconds, which a slow machine does not need. */
#define CHECK_SECONDS 500

static int check_count, check_failed;

static inline void check_failure(const char *file, int line, const char *text)
{
	check_failed++;
	printf("FAIL %s:%d: %s\n", file, line, text);
	fflush(stdout);
}

/* A check was passed: if it was one of a call, or of data of the library, it is a case. */
static inline void check_case(const char *text, long long result)
{
	static const char *const beginnings[] = { "pvm", "Pvm", "lpvmerr(", "tev_", "i_dump(" };

	if (!getenv("PVM_TEST_CASES"))
		return;
	for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
		if (strncmp(text, beginnings[i], strlen(beginnings[i])) == 0)
			printf("case\t%s\t%lld\n", text, result);
}

/* The condition holds. */
#define CHECK(condition) \
	do { \
		check_count++; \
		if (!(condition)) \
			check_failure(__FILE__, __LINE__, #condition); \
		else \
			check_case(#condition, 0); \
	} while (0)

static inline bool check_int(const char *file, int line, const char *text, long long actual,
	long long expected)
{
	char message[300];

	check_count++;
	if (actual == expected) {
		check_case(text, actual);
		return true;
	}
	snprintf(message, sizeof message, "%s is %lld, not %lld", text, actual, expected);
	check_failure(file, line, message);
	return false;
}

/* Both integers are equal; evaluates to whether they are. */
#define CHECK_INT(actual, expected) \
	check_int(__FILE__, __LINE__, #actual, (long long)(actual), (long long)(expected))

/* The same for a code that a call, given as text, leaves elsewhere than in its result. */
#define CHECK_CODE(call, actual, expected) \
	check_int(__FILE__, __LINE__, call, (long long)(actual), (long long)(expected))

static inline bool check_text(const char *file, int line, const char *text, const char *actual,
	const char *expected)
{
	char message[1000];

	check_count++;
	if (actual && strcmp(actual, expected) == 0) {
		check_case(text, 0);
		return true;
	}
	snprintf(message, sizeof message, "%s is \"%s\", not \"%s\"", text,
		actual ? actual : "(null)", expected);
	check_failure(file, line, message);
	return false;
}

/* Both strings are equal. */
#define CHECK_TEXT(actual, expected) check_text(__FILE__, __LINE__, #actual, actual, expected)

/* First statement of main: error codes are checked, not printed. */
static inline void check_start(void)
{
	alarm(CHECK_SECONDS);
	pvm_setopt(PvmAutoErr, 0);
}

/* Print the balance; exit status of main. */
static inline int check_done(void)
{
	printf("%d checks, %d failed\n", check_count, check_failed);
	return check_failed || !check_count ? 1 : 0;
}

/* Is the task linked with this project's library ("library"), the daemon its ("daemon")? */
static inline bool check_ours(const char *what)
{
	bool daemon = strcmp(what, "daemon") == 0;
	const char *side = getenv(daemon ? "PVM_TEST_DAEMON" : "PVM_TEST_LIBRARY");

	return side && strcmp(side, "ours") == 0;
}

enum { CHECK_PRINTED = 1000 };

/* What a call prints on standard error: at most CHECK_PRINTED bytes with the NUL go to `text`. */
static inline void check_capture(void (*call)(void), char *text)
{
	char path[] = "/tmp/pvcheckXXXXXX";
	int file = mkstemp(path), saved = dup(2);
	ssize_t n;

	fflush(stderr);
	dup2(file, 2);
	call();
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
	n = pread(file, text, CHECK_PRINTED - 1, 0);
	CHECK(n >= 0);
	text[n > 0 ? n : 0] = 0;
	close(file);
	unlink(path);
}

/* Make a new directory in PVM_TMP, and write its name to `path`. */
static inline bool check_directory(char *path, size_t size)
{
	snprintf(path, size, "%s/pvXXXXXX", getenv("PVM_TMP"));
	return mkdtemp(path) != NULL;
}

/* Spawn n copies of this program with `role` as first argument; the number started. */
static inline int check_spawn(char **argv, char *role, int n, int *tids)
{
	char *arguments[] = { role, NULL };

	return pvm_spawn(argv[0], arguments, PvmTaskDefault, "", n, tids);
}

/* Send an empty or one-int message. */
static inline int check_send_int(int tid, int tag, int value)
{
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&value, 1, 1);
	return pvm_send(tid, tag);
}

/* Receive a message and unpack its first int. */
static inline int check_recv_int(int tid, int tag)
{
	int value = -12345;

	if (pvm_recv(tid, tag) > 0)
		pvm_upkint(&value, 1, 1);
	return value;
}

/* Send every message back to its sender, on the way by which it came, until one with `last`. */
static inline int check_echo(int last)
{
	int bufid, tag, tid;

	while (pvm_bufinfo(bufid = pvm_recv(-1, -1), NULL, &tag, &tid) == 0 && tag != last) {
		pvm_setrbuf(0);
		pvm_setsbuf(bufid);
		pvm_send(tid, tag);
		pvm_freebuf(bufid);
	}
	return pvm_exit();
}

#endif

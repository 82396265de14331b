/* SPDX-License-Identifier: MIT */
/* What the scenarios of faulty.c use: calls that may fail only by the fault of the moment. */
#ifndef PVM3PY_TESTS_FAULTY_H
#define PVM3PY_TESTS_FAULTY_H

#include <stdbool.h>
#include <stdio.h>

#include "fault.h"
#include "pvm3.h"

/* A course of calls; each begins in a new process. */
struct scenario {
	const char *name;
	void (*run)(void);
	bool enrolled;         /* the process is a task before the faults begin */
	bool lossy;            /* a direct connection may take messages with it when it breaks */
	bool renewed;          /* a run that fails may keep the echo waiting: each has its own */
	bool groups;           /* the group server is started before */
	void (*partner)(void); /* of a second process, which has no faults, or NULL */
	void (*prepare)(void); /* before the faults begin, or NULL */
};

extern const struct scenario scenarios[]; /* the last one has no name */
extern const struct scenario *scenario;   /* the one that runs */
/* Tid of the task that sends messages back, and of the process that runs `partner`. */
extern int echo_tid, partner_tid;

enum { ECHO = 1, ECHO_DIRECT = 2, REPLY = 3 };

/* The scenario of fault_shared.c: what runs, its partner, and what comes before. */
void shared(void);
void share_back(void);
void share_at_once(void);

/* Something is wrong that no fault excuses. */
void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Check a result. False, and the scenario ends: the call failed, as it may with this fault. */
bool went(int code, const char *call);

/* Make a call; the scenario ends if it fails. */
#define TRY(call) \
	do { \
		if (!went((call), #call)) \
			return; \
	} while (0)

/* The same in a function that returns a code. */
#define STEP(call) \
	do { \
		int code_ = (call); \
		if (code_ < 0) \
			return went(code_, #call), code_; \
	} while (0)

/* The same for a call that has to fail with `code`; it may fail otherwise by the fault. */
#define REFUSED(call, code) \
	do { \
		int result_ = (call); \
		if (result_ >= 0) \
			wrong("%s returned %d", #call, result_); \
		else if (result_ != (code) && !went(result_, #call)) \
			return; \
	} while (0)

/* What a call left behind that did not fail. */
#define RIGHT(condition) \
	do { \
		if (!(condition)) \
			wrong("not %s", #condition); \
	} while (0)

/* pvm_recv with a limit, after which the message counts as lost. */
int receive(int tid, int tag);

#endif

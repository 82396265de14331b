/* SPDX-License-Identifier: MIT */
/*
 * The tasks of a spawn: a bit for each that is finished, and a table of those in flight, whose
 * places are called tickets. Nothing else is kept of a task.
 */
#ifndef HPVM_JOB_H
#define HPVM_JOB_H

#include <stdbool.h>
#include <stdint.h>

enum { JOB_TRIES = 3, NOBODY = -1, NO_TICKET = -1 };

/* A merge that came ahead of its task's report: a message of which the contents are left. */
struct staged {
	struct staged *next;
	int buffer;
	uint32_t share;
	uint64_t start, bytes;
};

struct flight {
	long task;
	uint32_t attempt; /* one of j->attempts */
	int tries;        /* attempts that ended badly */
	int client;       /* who has it, or NOBODY */
	int avoid;        /* on which it failed, or NOBODY */
	void *block;
	long size;
	struct staged *merges, *last_merge;
	int next; /* in the list of tickets that are free, or to be tried again */
};

struct failure {
	long task;
	int code;
};

typedef void *callback(long id, long *size);

struct job {
	long count, next, good;
	uint32_t number;   /* of the spawn */
	uint32_t attempts; /* all that this parent has made */
	callback *call;
	bool keeps_blocks;
	unsigned char *finished; /* a bit a task */
	struct flight *flights;
	int n_flights, free, again, in_flight;
	double mean; /* microseconds of a task, or 0 */
	struct failure *failures;
	long n_failures, room;
	char first_failure[512];
	int error; /* the code that ends the spawn, or HPVM_OK */
};

/* Begin with no task in flight; HPVM_NOMEM, of which the user has been told, if there is no
 * memory. */
int hpvm__job_begin(struct job *j, long count, callback *call, bool keeps_blocks);

/* Free all but the list of failures. */
void hpvm__job_end(struct job *j);

/* Are all tasks finished? */
bool hpvm__job_done(const struct job *j);

/* Are there tasks that nobody has? */
bool hpvm__job_waits(const struct job *j);

/*
 * The ticket of the next task for a client: one that is to be tried again, else a new one, for
 * which the program's callback is called. NO_TICKET if there is none, or j->error is set.
 *
 * picky: a task that failed on this client is left to others
 */
int hpvm__job_next(struct job *j, int client, bool picky);

/* What is in flight under a ticket, if it is this attempt of the task and the client has it. */
struct flight *hpvm__job_flight(struct job *j, uint32_t ticket, uint64_t task, uint32_t attempt,
	int client);

/* Keep a merge, which the job will free, for the end of its task. */
void hpvm__job_stage(struct flight *f, struct staged *merge);

/* The task is finished: well, or with a code and a reason. */
void hpvm__job_good(struct job *j, struct flight *f, uint32_t microseconds);
void hpvm__job_failed(struct job *j, struct flight *f, int code, const char *why);

/* The attempt came to nothing, and there will be another one. Suspect: the task may be the reason,
 * and fails with the third time, as `why` says. */
void hpvm__job_again(struct job *j, struct flight *f, bool suspect, const char *why);

/* All that a client has is to be tried again, as it is lost. */
void hpvm__job_lost(struct job *j, int client);

#endif

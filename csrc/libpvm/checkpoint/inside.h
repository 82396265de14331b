/* SPDX-License-Identifier: MIT */
/* What the files of this folder share; only where processes can be imaged (IMAGE_POSSIBLE). */
#ifndef PVM3PY_LIBPVM_CHECKPOINT_INSIDE_H
#define PVM3PY_LIBPVM_CHECKPOINT_INSIDE_H

#include <signal.h>
#include <stdbool.h>

#include "checkpoint/checkpoint.h"
#include "image.h"
#include "raw.h"

enum {
	SIGNALS_BYTES = 8,  /* of the kernel's signal sets */
	WAITING_MAX = 1024, /* signals that wait */
	LINE_ROOM = 5 * IMAGE_PATH_MAX,
	PART = 64 << 10, /* bytes of the buffer for what goes through one */
};

/* An area of memory. */
struct area {
	uint64_t start, end, offset, inode;
	const char *path; /* "" */
	uint32_t protection;
	uint32_t file; /* number of the FILE record, or 0 */
	bool shared, stack;
	bool whole;   /* all pages go into the image, read by the kernel: the file is not there */
	bool tracked; /* the kernel notes which pages are written to */
};

/* Pages that have something in common: from one address to another. */
struct range {
	uint64_t start, end;
};
struct ranges {
	struct range *at;
	size_t n, most;
	uint64_t pages;
};

/* What has become of the pages of tracked areas since the image that this one builds on. */
struct changes {
	bool known;          /* else all that is there is written */
	struct ranges kept;  /* as they were */
	struct ranges dirty; /* written to; in the order of addresses, as all ranges */
	char *copies; /* of these, one behind the other; NULL: the pages themselves are read */
	uint64_t memory, length; /* where all that lies, bytes */
};

/* A descriptor with an open file of its own, for finding others of the same file. */
struct seen {
	int fd;
	uint32_t flags;
	uint64_t device, inode;
	int64_t offset;
};

/*
 * One image. It lies in the scratch memory, between two pages that nobody may touch, which keep it
 * apart from other areas. It is left out of the image.
 */
struct job {
	const struct image_order *order;
	struct image_report *report;
	uint64_t scratch, scratch_end; /* with the two pages */
	char *room, *room_end;         /* what is not given away yet */
	char *part;                    /* PART bytes */
	struct area *areas;
	unsigned n_areas, max_areas;
	struct changes changes;
	struct seen *seen;
	unsigned n_seen;
	siginfo_t *waiting;
	unsigned n_waiting;
	char *cwd;
	struct image_header head;
	struct image_process process;
	struct image_limit limits[IMAGE_LIMITS];
	struct image_action actions[IMAGE_SIGNALS];
	struct image_timer timers[IMAGE_TIMERS];
	/* What is written. */
	bool no_socket;
	int error; /* the first one, positive */
	uint64_t bytes, records;
};

/* ---- lines of files in /proc (lines.c) --------------------------------------------- */

struct lines {
	int fd;
	char *buffer; /* LINE_ROOM bytes */
	unsigned begin, end;
};
/* Begin to read a file of /proc; false if it cannot be opened. */
bool pvm__image_lines_open(struct lines *lines, const char *path, char *buffer);
/* The next line, without its end, until the following call; NULL: there is none. Then it is closed. */
char *pvm__image_lines_next(struct lines *lines);
/* End it before that. */
void pvm__image_lines_close(struct lines *lines);
/* The number at *at in base 10 or 16; *at then is behind it and one character more. */
uint64_t pvm__image_number(const char **at, unsigned base);
/* Bytes of a text before its NUL. */
size_t pvm__image_length(const char *text);
/* Does a text begin with another? Then what is behind that, else NULL. */
const char *pvm__image_behind(const char *text, const char *beginning);

/* ---- what is refused --------------------------------------------------------------- */

/* Note a reason; `where` may be NULL. Always -1. (lines.c) */
int pvm__image_refuse(struct job *job, enum image_reason reason, long detail, const char *where);
/* What the process itself is: rights, threads, children, ... 0, or refused. (condition.c) */
int pvm__image_condition(struct job *job);

/* ---- what is there ----------------------------------------------------------------- */

/* Begin a job: its memory. NULL: refused, the report has it. And end it. (scratch.c) */
struct job *pvm__image_make_job(const struct image_order *order, struct image_report *report);
void pvm__image_end_job(struct job *job);
/* Bytes of scratch memory; NULL: there are not so many. */
void *pvm__image_room(struct job *job, size_t length);
/* Registers that are no general ones, layout, signals, limits. 0, or refused. (process.c) */
int pvm__image_process_gather(struct job *job);
/* Signals that wait: take them, and put them back. (process.c) */
int pvm__image_waiting_take(struct job *job);
void pvm__image_waiting_return(struct job *job);
/* All areas. 0, or refused. (areas.c) */
int pvm__image_areas_gather(struct job *job);
/* Descriptors: find what is refused, or write them. 0, or refused. (files.c) */
int pvm__image_files_check(struct job *job);
int pvm__image_files_write(struct job *job);
int pvm__image_unlinked_write(struct job *job);
/* "/proc/self/fd/" or the like with the number of a descriptor; its length. (files.c) */
int pvm__image_numbered(char *text, const char *beginning, int fd);

/* ---- what has changed ---------------------------------------------------------------- */

/*
 * Have the kernel note changes from now on, and find out what has changed since the image that
 * this one may build on. If that cannot be, or too much has, the image stands alone. (tracker.c)
 */
void pvm__image_changes_find(struct job *job);
/* Give back what that has taken. */
void pvm__image_changes_end(struct job *job);
/*
 * The image has been made, or not: what changes from now on is noted for the next one.
 */
void pvm__image_changes_settle(struct job *job, bool made);

/* ---- what is written --------------------------------------------------------------- */

/* Bytes of a record's content. */
struct piece {
	const void *at;
	size_t length;
};
/* Write bytes; false, with job->error, if that fails, or has failed before. (record.c) */
bool pvm__image_write(struct job *job, const struct piece *pieces, unsigned n);
/* Write a record of one or two pieces. */
bool pvm__image_record(struct job *job, uint32_t type, struct piece first, struct piece second);
/* The files of areas, the areas, their pages, what children do not get. (areas.c, pages.c, wiped.c) */
bool pvm__image_areas_write(struct job *job);
bool pvm__image_pages_write(struct job *job);
/* What the image builds on, and which pages are as there. (increment.c) */
bool pvm__image_base_write(struct job *job);
bool pvm__image_kept_write(struct job *job);
/* Copy the pages that have changed, if they are few, so that the writer needs no others. (increment.c) */
void pvm__image_changes_copy(struct job *job);
/* Keep the memory that the writer does not need from it, before it begins, or no more. (increment.c) */
void pvm__image_spare(struct job *job, bool spared);
bool pvm__image_wiped_write(struct job *job);

/* ---- where the restarted process begins --------------------------------------------- */

/*
 * Note registers and place. Returns NULL; and a second time, in the restarted process, with what
 * the restarter has left. In assembler, and declared to return twice: a compiler that could see
 * into it would keep in registers what these have lost by then. (mark.c)
 */
const struct image_handover *pvm__image_mark(struct image_mark *mark)
	__attribute__((returns_twice));

#endif

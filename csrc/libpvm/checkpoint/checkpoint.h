/* SPDX-License-Identifier: MIT */
/*
 * The process's image, written by the process itself, and its life after a restart.
 *
 * Everything here may run in a signal handler, at any instant: it takes no lock, allocates by
 * mmap alone, leaves errno alone and makes its system calls itself.  The image is the one of
 * csrc/wire/image.h; csrc/restart makes a process of it again.  Only x86-64 can do it so far;
 * elsewhere pvm__image_save refuses with WHY_MACHINE.
 */
#ifndef PVM3PY_LIBPVM_CHECKPOINT_H
#define PVM3PY_LIBPVM_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"

/* Why a process cannot be imaged; pvm__image_reasons has the words. (reasons.c) */
enum image_reason {
	WHY_MACHINE = 1, /* not on this architecture, or not with sanitizers */
	WHY_SYSTEM,      /* a system call failed: `detail` is its error number */
	WHY_NO_PROC,     /* /proc is not there, or not for this process */
	WHY_WRITE,       /* the image could not be written: `detail` is the error number */
	WHY_SET_ID,
	WHY_TRACED,
	WHY_THREADS,  /* detail: how many */
	WHY_CHILDREN, /* running, or not waited for */
	WHY_SHADOW_STACK,
	WHY_SEGMENTS, /* a local descriptor table */
	WHY_LOCKED_MEMORY,
	WHY_POSIX_TIMER,
	WHY_TOO_MANY_SIGNALS, /* wait */
	/* Memory; the path is that of the area. */
	WHY_SHARED_MEMORY,
	WHY_HUGE_PAGES,
	WHY_DEVICE_MEMORY,
	WHY_ASYNC_IO,
	WHY_AREAS, /* more than a restarter takes */
	/* Descriptors; detail is the number, the path where it leads. */
	WHY_SOCKET,
	WHY_PIPE,
	WHY_EPOLL,
	WHY_EVENT,
	WHY_TIMER_DESCRIPTOR,
	WHY_SIGNAL_DESCRIPTOR,
	WHY_NOTIFY,
	WHY_IO_URING,
	WHY_ANONYMOUS_FILE, /* another descriptor without a name, memfd included */
	WHY_TERMINAL,
	WHY_DEVICE,
	WHY_FILE_LOCK,
	WHY_LARGE_UNLINKED, /* a file without a name that is larger than IMAGE_UNLINKED_MAX */
	WHY_UNREADABLE_UNLINKED,
	WHY_DESCRIPTORS, /* more than IMAGE_DESCRIPTORS_MAX */
	WHY_REASONS,
};
extern const char *const pvm__image_reasons[WHY_REASONS];

enum { IMAGE_WHERE_MAX = 200, IMAGE_DESCRIPTORS_MAX = 4096 };

/* What pvm__image_save has to say. */
struct image_report {
	enum image_reason reason;
	long detail;
	char where[IMAGE_WHERE_MAX]; /* path, cut if need be; "" if there is none */
	uint64_t bytes;              /* of the image; 0 if a child writes it */
	int writer;                  /* the child that writes it, or 0 */
	int32_t base;                /* epoch of the image that it builds on; 0: it stands alone */
	/* After the restart: records of the caller's, in memory of their own. */
	const void *extra;
	size_t extra_length;
};

/* A record that the caller adds, IMAGE_PVM to IMAGE_EXTRA_LAST, in ascending order. */
struct image_extra {
	uint32_t type;
	const void *data;
	size_t length;
};

enum image_how {
	IMAGE_CHECK = 1,  /* look for reasons only: nothing is written */
	IMAGE_INLINE = 2, /* also what could be read from mapped files again, but shared ones */
	IMAGE_SNAPSHOT =
		4,        /* a child without an exit signal writes, and exits with 0 if it could */
	IMAGE_ORPHAN = 8, /* that child is one of this process's parent, with that one's signal */
	IMAGE_TOLD = 16,  /* it has the disk take the image, and sends a struct image_outcome */
};

/*
 * Which pages the process writes to from one image to the next: the kernel notes it. The process
 * keeps it, begun with { .fd = -1 }, and changes nothing in it.
 */
struct image_tracker {
	int fd;              /* a userfaultfd; -1: nothing is noted */
	int32_t epoch;       /* of the image since which changes are noted; 0: of none */
	unsigned increments; /* images since the last one that stands alone */
	unsigned rest;       /* images to come without notes: too much was changed */
};

struct image_order {
	int fd;                  /* where to: a file, a socket or a pipe */
	unsigned how;            /* IMAGE_CHECK | ... */
	int outcome;             /* a socket, with IMAGE_TOLD */
	const int *own;          /* descriptors that the caller closes, or makes again: left out */
	size_t owned;            /* number of these; `fd` is one anyway */
	int32_t tid, job, epoch; /* for the header */
	uint32_t level;          /* of x86-64 that the process keeps to; 0: none */
	const struct image_extra *extra;
	size_t extras;
	/* NULL: the image stands alone. Otherwise it may build on the one with this epoch, 0: on none. */
	struct image_tracker *tracker;
	int32_t base;
};

/*
 * Write the image of this process. Returns twice if that succeeds, the second time in the
 * process that a restarter has made: all signals wait meanwhile, both times.
 *
 * order   must not change until the second return; neither must what it points to
 * report  filled in, both times
 *
 * Returns 0: written, or, with IMAGE_CHECK, it could be; with IMAGE_SNAPSHOT the child has begun
 * and 1: this is the restarted process. -1: `report` has the reason; nothing has changed. Part of
 * an image may have been written.
 *
 * What the restarted process has: memory, registers, open files, signals with their handlers,
 * masks, alternate stack and those that wait, interval timers, limits, working directory, umask.
 * What it has not: its number (getpid), locks, its parent, priorities, times used so far, advice
 * given by madvise.
 */
int pvm__image_save(const struct image_order *order, struct image_report *report);

/* Is the tracker's descriptor still its own? The program may have closed it. (tracker.c) */
bool pvm__image_tracks(const struct image_tracker *tracker);
/* Note nothing any more; also in a restarted process, which has no such descriptor. (tracker.c) */
void pvm__image_untrack(struct image_tracker *tracker, bool restarted);

/* The caller's record of a type after the restart, and its length in bytes; NULL: there was none. */
const void *pvm__image_extra(const struct image_report *report, uint32_t type, size_t *length);

/* Give back the memory in which these are. */
void pvm__image_forget(struct image_report *report);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Faults on demand: the N-th allocation, or the N-th system call of some class, fails.
 *
 * The linker's --wrap leads the calls of the library and of the program that it is linked with
 * to fault.c (FAULT_WRAPPED in tests/py/support/compiler.py lists them); what libc does inside
 * is not touched.  So every call that fails is one that the code under test makes itself.
 */
#ifndef PVM3PY_TESTS_FAULT_H
#define PVM3PY_TESTS_FAULT_H

#include <stdbool.h>

enum fault_class {
	FAULT_MEMORY,      /* allocations return NULL */
	FAULT_INTERRUPTED, /* EINTR */
	FAULT_LATER,       /* EAGAIN, from calls that need not wait */
	FAULT_SHORT,       /* a socket takes or gives one byte */
	FAULT_RESOURCES,   /* EMFILE, ENOMEM and their like */
	FAULT_BROKEN,      /* ECONNRESET, EIO, EACCES and their like */
	FAULT_ENDED,       /* end of file */
	FAULT_OPENING,     /* want of memory where connections need it, as for their buffers */
	FAULT_CLASSES
};

extern const char *const fault_class_names[FAULT_CLASSES];

/* The fault to come, shared by a process and its children. */
struct fault {
	enum fault_class class;
	bool lasting; /* the calls behind the nth fail too */
	bool verbose; /* tell where it happens */
	bool armed;
	int nth;          /* call that fails, from 1 */
	int seen, fired;  /* calls that could fail, that did */
	const char *call; /* the last one that did */
};
extern struct fault *fault;

/* Make the shared memory. False: there is none. */
bool fault_init(void);
/* Must a class leave no trace, the library having to try again? */
bool fault_invisible(enum fault_class);
/* From now on calls of this process and its children count. */
void fault_arm(void);
void fault_disarm(void);

#endif

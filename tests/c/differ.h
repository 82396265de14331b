/* SPDX-License-Identifier: MIT */
/*
 * The interpreter that makes PVM calls as a script tells it: what its files share.
 *
 * A step is a line of words: the call, then its arguments. An argument is one of
 *     12  -1  0x40001   a number
 *     $a                the number that an earlier step has left in the variable `a`
 *     'text             a C string; \s stands for a blank
 *     [1,2,$a]          an array of int
 *     data              memory that holds small numbers
 *     out               memory for what the call stores
 *     null              a null pointer
 * `a=initsend 0` keeps the value of the call in `a`.
 */
#ifndef PVM3PY_DIFFER_H
#define PVM3PY_DIFFER_H

#include <stdio.h>
#include <sys/time.h>
#include <pvm3.h>

enum { WORDS_MAX = 16, AREA = 8192 };

/* Exported by libpvm3, not in its header. */
extern int pvm_errno, pvmmytid;

/* An argument: a number, or the memory that it points to. */
struct argument {
	int number;
	void *pointer;
	int is_area; /* `pointer` is the middle of AREA bytes whose changes are reported */
	int length;  /* of a text, -1 for everything else */
	unsigned char *before; /* what these bytes were before the call */
};

/* A step as it is being made. */
struct step {
	int count; /* of arguments */
	struct argument argument[WORDS_MAX];
};

/* What a call gives back; numbers of a kind are compared by the order in which they appear. */
enum kind { PLAIN = 'i', BUFFER = 'b', TASK = 't', CONTEXT = 'c' };

/* A call that steps can name. */
struct call {
	const char *name;
	enum kind kind;
	int (*make)(const struct step *s);
	struct call *next;
};

/* Make a call known to the interpreter. */
void differ_add(struct call *call);
/* Program and argument of the interpreter itself, for tasks that it spawns. */
extern char *differ_program, *differ_socket;
/* Append to what is reported of the running step, as printf. */
void differ_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Append the text that a call has returned, or that it is NULL. */
int differ_note_text(const char *text);
/* Run the steps kept for handler `number` with the variable m being `message`. */
int differ_run_handler(int number, int message);

/* Arguments of the step `s`; those that it does not have are 0 and NULL. */
#define N(i) (s->argument[i].number)
#define P(i) (s->argument[i].pointer)
/* An argument of a function with "...": a pointer, or a number. */
#define W(i) (P(i) ? (long)P(i) : (long)N(i))

/* Define a call: name in scripts, kind of its value, expression with N() and P(). */
#define CALL(name_, kind_, expression) \
	static int make_##name_(const struct step *s) \
	{ \
		(void)s; \
		return (expression); \
	} \
	__attribute__((constructor)) static void add_##name_(void) \
	{ \
		static struct call call = { #name_, kind_, make_##name_, NULL }; \
		differ_add(&call); \
	}

#endif

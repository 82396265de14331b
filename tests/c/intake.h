/* SPDX-License-Identifier: MIT */
/* What the parts of the program tests/c/intake.c share. */
#ifndef PVM3PY_TESTS_INTAKE_H
#define PVM3PY_TESTS_INTAKE_H

#include "pvm3.h"

enum { MAX_WORDS = 64, MAX_LINE = 4096 };

/* A command: `run` is given its further words, the last one followed by NULL. */
struct command {
	const char *name;
	void (*run)(char **word);
};

/* Tables of commands; the last entry of each has no name. */
extern const struct command send_commands[], receive_commands[], socket_commands[],
	other_commands[];

/* Add a word to the answer of the command that runs; `answer` a number. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void answer(int value);

/* The number in a word, 0 if there is none. */
int number(const char *word);

/* The numbers in words up to the end; how many. */
int numbers(char **word, int *values);

#endif

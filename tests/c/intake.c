/* SPDX-License-Identifier: MIT */
/*
 * A task that makes one library call per command and tells what the call did.
 *
 * It reads commands from its input, a line each, words separated by blanks.  Each call
 * prints the events in it, a line each ("handler 50", "asked 1"), then "= ANSWER...".
 * With two arguments it reads from the first file and writes to the second: a spawned
 * task talks with its test through two FIFOs.  Between two commands it makes no library
 * call, so that what comes then waits in its sockets.
 *
 * A receive answers "TAG SENDER NUMBER", the number being the message's first int, or a
 * code that is no tag: 0 or an error.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "intake.h"

enum { HANDLERS = 16 };

struct handled {
	int id, tag;
	char script[MAX_LINE];
};

static struct handled handlers[HANDLERS];

/* The answer of the innermost command that runs. */
static char *reply;

static void run_script(const char *script);

int number(const char *word)
{
	return word ? (int)strtol(word, NULL, 0) : 0;
}

int numbers(char **word, int *values)
{
	int n = 0;

	for (; word[n]; n++)
		values[n] = number(word[n]);
	return n;
}

void say(const char *format, ...)
{
	size_t used = strlen(reply);
	va_list list;

	va_start(list, format);
	reply[used] = ' ';
	vsnprintf(reply + used + 1, MAX_LINE - used - 1, format, list);
	va_end(list);
}

void answer(int value)
{
	say("%d", value);
}

/* ---- handlers ---- */

/* The handler with that tag; 0: a free one. */
static struct handled *handler_of(int tag)
{
	for (struct handled *h = handlers; h < handlers + HANDLERS; h++)
		if (h->tag == tag)
			return h;
	abort();
}

static int on_message(int bufid)
{
	int tag = -1;

	pvm_bufinfo(bufid, NULL, &tag, NULL);
	printf("handler %d\n", tag);
	run_script(handler_of(tag)->script);
	return 0;
}

/* handler TAG COMMAND...; commands that it makes are separated by the word "then" */
static void do_handler(char **word)
{
	struct handled *h = handler_of(0);
	int id = pvm_addmhf(-1, number(word[0]), 0, on_message);

	if (id >= 0) {
		*h = (struct handled){ .id = id, .tag = number(word[0]) };
		for (int i = 1; word[i]; i++)
			strcat(strcat(h->script, word[i]), " ");
	}
	answer(id < 0 ? id : 0);
}

/* nohandler TAG */
static void do_nohandler(char **word)
{
	struct handled *h = handler_of(number(word[0]));

	answer(pvm_delmhf(h->id) < 0 ? -1 : 0);
	h->tag = 0;
}

/* ---- commands ---- */

static const struct command handler_commands[] = {
	{ "handler", do_handler },
	{ "nohandler", do_nohandler },
	{ NULL, NULL },
};

static const struct command *const tables[] = {
	handler_commands,
	send_commands,
	receive_commands,
	socket_commands,
	other_commands,
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		for (const struct command *c = tables[i]; c->name; c++)
			if (strcmp(c->name, name) == 0)
				return c;
	fprintf(stderr, "no command %s\n", name);
	abort();
}

/* Run the command of some words and print its answer behind a prefix. */
static void run(const char *prefix, char **word)
{
	char own[MAX_LINE] = "", *outer = reply;

	reply = own;
	find(word[0])->run(word + 1);
	reply = outer;
	printf("%s%s\n", prefix, own);
}

/* Split a line into words; their number. */
static int split(char *line, char **word)
{
	char *place = NULL;
	int n = 0;

	for (char *w = strtok_r(line, " \n", &place); w; w = strtok_r(NULL, " \n", &place))
		word[n++] = w;
	word[n] = NULL;
	return n;
}

/* Run the commands of a handler; each answer is an event. */
static void run_script(const char *script)
{
	char line[MAX_LINE], *word[MAX_WORDS], **first = word, prefix[MAX_LINE];

	split(strcpy(line, script), word);
	while (*first) {
		char **last = first;

		while (*last && strcmp(*last, "then") != 0)
			last++;
		bool more = *last;
		*last = NULL;
		snprintf(prefix, sizeof prefix, "in %s", *first);
		run(prefix, first);
		first = more ? last + 1 : last;
	}
}

int main(int argc, char **argv)
{
	char line[MAX_LINE], *word[MAX_WORDS];

	if (argc > 2 && (!freopen(argv[1], "r", stdin) || !freopen(argv[2], "w", stdout)))
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* 3.4.6 leaves it to the program that a write to a closed connection ends it. */
	signal(SIGPIPE, SIG_IGN);
	while (fgets(line, sizeof line, stdin) && split(line, word))
		run("=", word);
	return 0;
}

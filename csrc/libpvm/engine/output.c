/* SPDX-License-Identifier: MIT */
/* The output of children that is collected here (pvm_catchout), line by line. */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

/* A line that gets longer is written in pieces. */
#define LINE_MAX_BYTES 65536

/* A task whose output comes here. */
struct child {
	struct child *next;
	int tid;
	bool spawned; /* its spawn has been reported */
	bool ended;   /* and its end */
	char *line;   /* len bytes of an unfinished line */
	size_t len;
};

static FILE *sink; /* NULL: what comes is dropped */
static struct child *children;

/* Write one line, with the task in front if the user wants that. */
static void write_line(int tid, const char *text, size_t len)
{
	if (!sink)
		return;
	if (pvm__task.option.show_tids)
		fprintf(sink, "[t%x] ", (unsigned)tid);
	fwrite(text, 1, len, sink);
	putc('\n', sink);
}

/* Tell that a task's output begins or ends. */
static void write_mark(int tid, const char *mark)
{
	if (pvm__task.option.show_tids)
		write_line(tid, mark, strlen(mark));
}

/* The record of a task, made with the first news about it; NULL: out of memory. */
static struct child *child_of(int tid)
{
	struct child **place = &children;

	while (*place && (*place)->tid != tid)
		place = &(*place)->next;
	if (!*place && (*place = calloc(1, sizeof **place))) {
		(*place)->tid = tid;
		write_mark(tid, "BEGIN");
	}
	return *place;
}

static void forget(struct child *c)
{
	struct child **place = &children;

	while (*place != c)
		place = &(*place)->next;
	*place = c->next;
	free(c->line);
	free(c);
}

static void flush_line(struct child *c)
{
	if (c->len > 0)
		write_line(c->tid, c->line, c->len);
	c->len = 0;
}

/* Keep part of a line until the rest comes. */
static void keep(struct child *c, const char *text, size_t len)
{
	char *line;

	if (c->len + len > LINE_MAX_BYTES)
		flush_line(c);
	line = realloc(c->line, c->len + len);
	if (!line) {
		flush_line(c);
		write_line(c->tid, text, len);
		return;
	}
	memcpy(line + c->len, text, len);
	c->line = line;
	c->len += len;
}

static void take_text(struct child *c, const char *text, size_t len)
{
	const char *end;

	while (len > 0 && (end = memchr(text, '\n', len))) {
		size_t n = (size_t)(end - text);

		if (c->len > 0) {
			if (n > 0)
				keep(c, text, n);
			flush_line(c);
		} else {
			write_line(c->tid, text, n);
		}
		text += n + 1;
		len -= n + 1;
	}
	if (len > 0)
		keep(c, text, len);
}

/* Read n bytes of output from the message. */
static void read_text(struct child *c, struct message *m, int n)
{
	char *text;

	if ((size_t)n > pvm__bytes_left(m))
		return;
	text = malloc((size_t)n);
	if (text && pvm__get_bytes(m, text, n) == 0)
		take_text(c, text, (size_t)n);
	free(text);
}

/* Handler of TC_OUTPUT: text of a task, or news about it. */
static int take_output(int mid)
{
	struct message *m = pvm__message_of(mid);
	struct child *c;
	int tid, kind;

	if (pvm__get_int(m, &tid) || pvm__get_int(m, &kind))
		return 0;
	c = child_of(tid);
	if (!c) {
		pvm__lost_for_memory(m->src);
		return 0;
	}
	if (kind == TO_SPAWN) {
		c->spawned = true;
	} else if (kind == TO_EOF && !c->ended) {
		c->ended = true;
		flush_line(c);
		write_mark(tid, "EOF");
	} else if (kind > 0) {
		read_text(c, m, kind);
	}
	if (c->spawned && c->ended)
		forget(c);
	if (sink)
		fflush(sink);
	return 0;
}

int pvm__output_catch(FILE *file)
{
	if (file) {
		int code = pvm__handler_add(-1, TC_OUTPUT, SYSCTX_TC, take_output);

		if (code < 0 && code != PvmExists)
			return code;
	}
	sink = file;
	pvmctrc.outtid = file ? pvmmytid : pvmtrc.outtid;
	pvmctrc.outctx = file ? SYSCTX_TC : pvmtrc.outctx;
	pvmctrc.outtag = file ? TC_OUTPUT : pvmtrc.outtag;
	return 0;
}

void pvm__output_wait_children(void)
{
	int code = 0;

	if (sink && children && !pvm__task.in_handler) {
		if (pvm__task.option.show_tids)
			pvm__report("child task(s) still running.  waiting...");
		/* The news of an end may be what was lost. */
		while (children && code >= 0 && !pvm__task.engine.incomplete)
			code = pvm__engine_wait();
	}
	sink = NULL;
}

void pvm__output_forget(void)
{
	while (children)
		forget(children);
}

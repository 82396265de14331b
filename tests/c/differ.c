/* SPDX-License-Identifier: MIT */
/*
 * Makes PVM calls, step by step, as the test says that listens on a socket, and reports each.
 *
 *     differ SOCKET
 *
 * The socket brings a step a line (differ.h); a line answers it: value, its kind, pvm_errno or
 * "-" when the call left it alone, the task's own tid, and what was stored, noted and printed.
 * Standard output and error go into memory, so that each text belongs to a step.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "differ.h"

enum { VARIABLES = 64, NAME = 16, HANDLERS = 2, HELD = 8, UNTOUCHED = 4321, WORDS_SHOWN = 24 };

char *differ_program, *differ_socket;

static struct call *calls;
static struct {
	char name[NAME];
	int value;
} variables[VARIABLES];
static char *handlers[HANDLERS][HELD];
static FILE *notes;
static int printed;

void differ_add(struct call *call)
{
	call->next = calls;
	calls = call;
}

static struct call *find_call(const char *name)
{
	for (struct call *c = calls; c; c = c->next)
		if (!strcmp(c->name, name))
			return c;
	fprintf(notes, "no such call: %s", name);
	return NULL;
}

/* The variable of a name, a new one if there is none. */
static int *variable(const char *name)
{
	int i = 0;

	while (i < VARIABLES - 1 && variables[i].name[0] && strcmp(variables[i].name, name))
		i++;
	snprintf(variables[i].name, NAME, "%s", name);
	return &variables[i].value;
}

/* ---- what is reported ------------------------------------------------------------ */

/* Write text on one line. */
static void put_escaped(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\n')
			fputs("\\n", notes);
		else if (c < ' ' || c == '\\' || c > '~')
			fprintf(notes, "\\x%02x", c);
		else
			fputc(c, notes);
	}
}

void differ_note(const char *format, ...)
{
	va_list list;

	fputc(' ', notes);
	va_start(list, format);
	vfprintf(notes, format, list);
	va_end(list);
}

int differ_note_text(const char *text)
{
	fputs(text ? " '" : " null", notes);
	if (text)
		put_escaped(text, strlen(text));
	return 0;
}

/* Report the words of an area that the call has changed. */
static void note_changes(int index, const struct argument *a)
{
	const unsigned char *area = (unsigned char *)a->pointer - AREA / 2;
	int first = 0, last = AREA;

	while (first < AREA && area[first] == a->before[first])
		first++;
	if (first == AREA)
		return;
	while (area[last - 1] == a->before[last - 1])
		last--;
	fprintf(notes, " arg%d[%d:%d]=", index, first - AREA / 2, last - AREA / 2);
	first -= first % (int)sizeof(int);
	for (int i = 0; i < WORDS_SHOWN && first + 4 * i < last; i++) {
		int word;

		memcpy(&word, area + first + 4 * i, sizeof(word));
		fprintf(notes, "%s%d", i ? "," : "", word);
	}
}

/* Report what has been printed since the last time. */
static void note_printed(void)
{
	static off_t seen;
	char text[4096];
	ssize_t length;

	fflush(stdout);
	length = pread(printed, text, sizeof(text), seen);
	if (length <= 0)
		return;
	seen += length;
	fputs(" printed: ", notes);
	put_escaped(text, (size_t)length);
}

/* ---- a step ---------------------------------------------------------------------- */

static int number_of(const char *word)
{
	return word[0] == '$' ? *variable(word + 1) : (int)strtol(word, NULL, 0);
}

/* An area filled with `byte`, or with small numbers. */
static void make_area(struct argument *a, int byte)
{
	unsigned char *area = malloc(AREA);

	memset(area, byte, AREA);
	for (int i = 0; !byte && i < AREA / 8; i++)
		area[8 * i] = (unsigned char)(i % 100 + 1);
	a->pointer = area + AREA / 2;
	a->is_area = 1;
}

static void make_array(struct argument *a, char *word)
{
	int *items, count = 0;

	make_area(a, 0x77);
	items = a->pointer;
	word[strlen(word) - 1] = '\0';
	for (char *item = strtok(word + 1, ","); item; item = strtok(NULL, ","))
		items[count++] = number_of(item);
}

static void make_text(struct argument *a, char *word)
{
	char *to;

	make_area(a, 0x77);
	to = a->pointer;
	for (const char *from = word + 1; *from; from++)
		*to++ = from[0] == '\\' && from[1] == 's' ? (from++, ' ') : *from;
	*to = '\0';
	a->length = (int)(to - (char *)a->pointer);
}

/* Memory of arguments is kept for ever: a message in place is read by its send. */
static void make_argument(struct argument *a, char *word)
{
	*a = (struct argument){ .length = -1 };
	if (word[0] == '\'')
		make_text(a, word);
	else if (word[0] == '[')
		make_array(a, word);
	else if (!strcmp(word, "out"))
		make_area(a, 0x77);
	else if (!strcmp(word, "data"))
		make_area(a, 0);
	else
		a->number = number_of(word);
	if (a->is_area) {
		a->before = malloc(AREA);
		memcpy(a->before, (char *)a->pointer - AREA / 2, AREA);
	}
}

/* Make a call and report it. */
static void make(const struct call *call, const struct step *s, const char *keep)
{
	static int called;
	int value, before = called ? UNTOUCHED : 0;

	/* In a process that has called nothing yet it is 0, and may be set to 0. */
	pvm_errno = before;
	called = 1;
	value = call->make(s);
	fprintf(notes, " =%c %d ", call->kind, value);
	if (pvm_errno == before)
		fputs("-", notes);
	else
		fprintf(notes, "%d", pvm_errno);
	fprintf(notes, " %d", pvmmytid);
	for (int i = 0; i < s->count; i++)
		if (s->argument[i].is_area)
			note_changes(i, &s->argument[i]);
	note_printed();
	if (keep)
		*variable(keep) = value;
}

/* Run a line: [VARIABLE=]CALL ARGUMENT...; the line is used up. */
static void run_line(char *line)
{
	char *rest, *equal, *keep = NULL, *name = strtok_r(line, " ", &rest), *word;
	struct call *call;
	struct step s = { 0 };
	char *words[WORDS_MAX];

	if (!name)
		return;
	equal = strchr(name, '=');
	if (equal) {
		*equal = '\0';
		keep = name;
		name = equal + 1;
	}
	while (s.count < WORDS_MAX && (word = strtok_r(NULL, " ", &rest)))
		words[s.count++] = word;
	for (int i = 0; i < s.count; i++)
		make_argument(&s.argument[i], words[i]);
	call = find_call(name);
	if (call)
		make(call, &s, keep);
}

int differ_run_handler(int number, int message)
{
	*variable("m") = message;
	fprintf(notes, " {handler%d", number);
	for (int i = 0; i < HELD && handlers[number][i]; i++) {
		char *line = strdup(handlers[number][i]);

		run_line(line);
		free(line);
	}
	fputs(" }", notes);
	return 0;
}

/* "on NUMBER STEP": keep a step for a handler. */
static void keep_for_handler(const char *line)
{
	int number = line[3] == '1', i = 0;

	while (handlers[number][i] && i < HELD - 1)
		i++;
	handlers[number][i] = strdup(line + 5);
}

/* "forget NUMBER": a handler does nothing any more. */
static void forget_handler(const char *line)
{
	memset(handlers[line[7] == '1'], 0, sizeof(handlers[0]));
}

/* ---- the conversation ------------------------------------------------------------ */

static FILE *connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return NULL;
	return fdopen(fd, "r+");
}

/* Have both outputs go into memory; the old ones stay open, so that nobody sees their end. */
static int keep_printed(void)
{
	int fd = memfd_create("printed", MFD_CLOEXEC);

	if (fd < 0 || fcntl(1, F_DUPFD_CLOEXEC, 10) < 0 || fcntl(2, F_DUPFD_CLOEXEC, 10) < 0)
		return -1;
	if (dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		return -1;
	return fd;
}

static void answer(char *line, FILE *test)
{
	char *text = NULL;
	size_t length = 0;

	notes = open_memstream(&text, &length);
	if (!strncmp(line, "on ", 3))
		keep_for_handler(line);
	else if (!strncmp(line, "forget ", 7))
		forget_handler(line);
	else
		run_line(line);
	fclose(notes);
	fprintf(test, "%s\n", text);
	fflush(test);
	free(text);
}

int main(int argc, char **argv)
{
	FILE *test = argc == 2 ? connect_to(argv[1]) : NULL;
	char *line = NULL;
	size_t room = 0;

	printed = test ? keep_printed() : -1;
	if (printed < 0)
		return 2;
	differ_program = realpath("/proc/self/exe", NULL);
	differ_socket = argv[1];
	fprintf(test, "%d\n", (int)getpid());
	fflush(test);
	while (getline(&line, &room, test) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "end"))
			return 0;
		answer(line, test);
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Reader of hpvm_hosts.cfg. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hosts.h"
#include "program.h"

enum { LINE = 1024, FILE_SIZE = 1 << 20, OPTIONS_MOST = 8, DIGITS = 9 };

#define CALLBACK "hpvm_host"
static const char blanks[] = " \t";

/* ---- what is wrong, a line each ---------------------------------------------------- */

struct report {
	const char *file;
	int line; /* where the reader is; 0: the file as a whole */
	int errors;
	char *text;
	size_t room;
};

static void report(struct report *r, const char *format, ...)
{
	size_t n = r->errors++ ? strlen(r->text) : 0;
	char place[20] = "";
	va_list args;

	if (r->line)
		snprintf(place, sizeof place, " line %d", r->line);
	n += (size_t)snprintf(r->text + n, r->room - n, "%s%s%s: ", n ? "\n" : "", r->file, place);
	if (n >= r->room)
		return;
	va_start(args, format);
	vsnprintf(r->text + n, r->room - n, format, args);
	va_end(args);
}

/* ---- words --------------------------------------------------------------------------- */

static bool consists_of(const char *text, const char *others)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(others, *text))
			return false;
	return true;
}

/* Four numbers up to 255 with dots between them. */
static bool is_ipv4(const char *text)
{
	for (int i = 0; i < 4; i++) {
		int value = 0, n = 0;

		for (; n < 3 && isdigit((unsigned char)*text); n++)
			value = value * 10 + (*text++ - '0');
		if (n == 0 || value > 255 || *text++ != (i < 3 ? '.' : 0))
			return false;
	}
	return true;
}

/* An address, or the name of a host; what consists of digits and dots must be an address. */
static void check_address(struct report *r, const char *text)
{
	if (is_ipv4(text))
		return;
	if (strchr(text, ':') || strspn(text, "0123456789.") == strlen(text))
		report(r, "\"%s\" is not an IPv4 address", text);
	else if (!consists_of(text, "-.") || *text == '-' || strlen(text) >= HPVM_HOST_ADDRESS)
		report(r, "\"%s\" is neither an IPv4 address nor the name of a host", text);
}

/* The value of a number from 1 to `most`, 0 if it is none. */
static int number(const char *text, int most)
{
	if (!*text || strlen(text) > DIGITS || strspn(text, "0123456789") != strlen(text))
		return 0;
	return atoi(text) <= most ? atoi(text) : 0;
}

/* The line of a name or an address that came before; 0 if it is new. */
static int line_of(const struct hpvm_hosts *hosts, const char *name, const char *address)
{
	for (int i = 0; i < hosts->n; i++)
		if ((name && strcmp(hosts->hosts[i].name, name) == 0) ||
			(address && strcmp(hosts->hosts[i].address, address) == 0))
			return hosts->hosts[i].line;
	return 0;
}

static void check_name(struct report *r, const struct hpvm_hosts *hosts, const char *text)
{
	int line = line_of(hosts, text, NULL);

	if (strlen(text) >= HPVM_HOST_NAME || !consists_of(text, ".-_"))
		report(r,
			"\"%s\" is no name: it has letters, digits, \".\", \"-\" and \"_\", up to 63",
			text);
	else if (line)
		report(r, "\"%s\" is the name of line %d already", text, line);
}

/* ---- options ------------------------------------------------------------------------- */

/* Is the word this option? Its value lies behind then. */
static const char *value_of(const char *word, const char *option)
{
	size_t n = strlen(option);

	return strncmp(word, option, n) == 0 ? word + n : NULL;
}

/* Is it one that a line of PVM's host file has? */
static bool is_of_pvm(const char *word)
{
	static const char *const options[] = {
		"lo=", "so=", "dx=", "ep=", "wd=", "sp=", "bx=", "id="
	};

	for (unsigned i = 0; i < sizeof options / sizeof *options; i++)
		if (value_of(word, options[i]))
			return true;
	return false;
}

/* Put a PVM option to those before. */
static void add_option(struct report *r, struct hpvm_host *host, const char *word)
{
	size_t n = strlen(host->options);

	if (n + strlen(word) + 2 > sizeof host->options)
		report(r, "the options are too long");
	else
		snprintf(host->options + n, sizeof host->options - n, "%s%s", n ? " " : "", word);
}

static void take_option(struct report *r, struct hpvm_host *host, const char *word)
{
	const char *value;

	if ((value = value_of(word, "cpus="))) {
		host->cpus = number(value, HPVM_HOST_CPUS);
		if (!host->cpus)
			report(r, "\"%s\" is no number from 1 to %d", word, HPVM_HOST_CPUS);
	} else if ((value = value_of(word, "export="))) {
		snprintf(host->exports, sizeof host->exports, "%s", value);
		if (strlen(value) >= sizeof host->exports)
			report(r, "the options are too long");
	} else if (value_of(word, "ip=")) {
		report(r, "\"%s\" is not wanted: the address is the first word", word);
	} else if ((value = value_of(word, "sp=")) && !number(value, INT_MAX)) {
		report(r, "\"%s\" is no number", word);
	} else if (is_of_pvm(word)) {
		add_option(r, host, word);
	} else {
		report(r, "unknown option \"%s\"", word);
	}
}

/* ---- lines --------------------------------------------------------------------------- */

/* The next word of a line, which a NUL ends; NULL behind the last one. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, blanks);
	size_t n = strcspn(word, blanks);

	if (!*word || *word == '#')
		return NULL;
	*line = word + n + (word[n] != 0);
	word[n] = 0;
	return word;
}

static void take_options(struct report *r, struct hpvm_host *host, char *line)
{
	char *word;
	int n = 0;

	while ((word = next_word(&line))) {
		take_option(r, host, word);
		if (++n == OPTIONS_MOST + 1)
			report(r, "there are more than %d options", OPTIONS_MOST);
	}
}

/* Put a host to a list, which grows; false without memory, or if there are too many. */
static bool append(struct hpvm_host **list, int *n, const struct hpvm_host *host)
{
	struct hpvm_host *more;

	if (*n == HPVM_HOSTS_MOST)
		return false;
	more = realloc(*list, (size_t)(*n + 1) * sizeof *more);
	if (!more)
		return false;
	more[(*n)++] = *host;
	*list = more;
	return true;
}

/* A line of hpvm_host: an address, and nothing more. */
static bool take_callback(struct report *r, struct hpvm_hosts *hosts, struct hpvm_host *host,
	char *rest)
{
	if (next_word(&rest))
		report(r, "hpvm_host takes no options");
	return append(&hosts->callbacks, &hosts->n_callbacks, host);
}

/* A line of a host. */
static bool take_host(struct report *r, struct hpvm_hosts *hosts, struct hpvm_host *host,
	char *rest)
{
	int line = line_of(hosts, NULL, host->address);

	check_name(r, hosts, host->name);
	if (line)
		report(r, "%s is the address of line %d already", host->address, line);
	take_options(r, host, rest);
	return append(&hosts->hosts, &hosts->n, host);
}

/* A line without its end; false if there are too many. */
static bool take_line(struct report *r, struct hpvm_hosts *hosts, char *line)
{
	struct hpvm_host host = { .line = r->line };
	char *address = next_word(&line), *name = address ? next_word(&line) : NULL;

	if (!address)
		return true;
	if (!name) {
		report(r, "there is only \"%s\": a line has an address and a name", address);
		return true;
	}
	check_address(r, address);
	snprintf(host.address, sizeof host.address, "%s", address);
	snprintf(host.name, sizeof host.name, "%.*s", HPVM_HOST_NAME - 1, name);
	if (strcmp(name, CALLBACK) == 0)
		return take_callback(r, hosts, &host, line);
	if (strlen(name) >= HPVM_HOST_NAME)
		check_name(r, hosts, name);
	return take_host(r, hosts, &host, line);
}

/* Copy the next line without its end; false if it is none. Moves on in any case. */
static bool next_line(const char **text, size_t *left, char *line)
{
	const char *end = memchr(*text, '\n', *left);
	size_t n = end ? (size_t)(end - *text) : *left, step = n + (end != NULL);
	bool good = true;

	if (n && (*text)[n - 1] == '\r')
		n--;
	for (size_t i = 0; i < n; i++)
		good = good && ((unsigned char)(*text)[i] >= ' ' || (*text)[i] == '\t');
	if (n >= LINE)
		good = false;
	if (good)
		memcpy(line, *text, n);
	line[good ? n : 0] = 0;
	*text += step;
	*left -= step;
	return good;
}

static void take_lines(struct report *r, struct hpvm_hosts *hosts, const char *text, size_t size)
{
	char line[LINE];
	bool fits = true;

	for (r->line = 1; size && fits; r->line++) {
		if (!next_line(&text, &size, line))
			report(r, "this is no line of text");
		fits = take_line(r, hosts, line);
		if (!fits)
			report(r, "there are too many hosts");
	}
	r->line = 0;
	if (hosts->n_callbacks == 0)
		report(r, "no line \"ADDRESS hpvm_host\", which says where clients call back");
}

struct hpvm_hosts *hpvm_hosts_parse(const char *text, size_t size, const char *file, char *why,
	size_t room)
{
	struct hpvm_hosts *hosts = calloc(1, sizeof *hosts);
	struct report r = { file, 0, 0, why, room };

	if (!hosts) {
		report(&r, "no memory");
		return NULL;
	}
	take_lines(&r, hosts, text, size);
	if (r.errors == 0)
		return hosts;
	hpvm_hosts_free(hosts);
	return NULL;
}

void hpvm_hosts_free(struct hpvm_hosts *hosts)
{
	if (!hosts)
		return;
	free(hosts->hosts);
	free(hosts->callbacks);
	free(hosts);
}

/* ---- the file ------------------------------------------------------------------------ */

bool hpvm_hosts_find(char *path, size_t room)
{
	const char *named = getenv("HPVM_HOSTS"), *home = getenv("HOME");
	char program[PATH_MAX];

	if (named && *named) {
		snprintf(path, room, "%s", named);
		return true;
	}
	snprintf(path, room, "%s", HPVM_HOSTS_NAME);
	if (access(path, F_OK) == 0)
		return true;
	if (hpvm_program(program, sizeof program)) {
		*strrchr(program, '/') = 0;
		snprintf(path, room, "%s/%s", program, HPVM_HOSTS_NAME);
		if (access(path, F_OK) == 0)
			return true;
	}
	snprintf(path, room, "%s/%s", home ? home : "", HPVM_HOSTS_NAME);
	return home && access(path, F_OK) == 0;
}

struct hpvm_hosts *hpvm_hosts_read(const char *path, char *why, size_t room)
{
	FILE *file = fopen(path, "re");
	char *text = malloc(FILE_SIZE + 1);
	struct hpvm_hosts *hosts = NULL;
	size_t size = file && text ? fread(text, 1, FILE_SIZE + 1, file) : 0;

	if (!file || !text || ferror(file))
		snprintf(why, room, "%s: %s", path, strerror(errno));
	else if (size > FILE_SIZE)
		snprintf(why, room, "%s: is larger than 1 MB", path);
	else
		hosts = hpvm_hosts_parse(text, size, path, why, room);
	if (file)
		fclose(file);
	free(text);
	return hosts;
}

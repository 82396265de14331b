/* SPDX-License-Identifier: MIT */
/*
 * A task that does what it is told.
 *
 * Started by hand it reads commands from its input, a line each, and prints a line of
 * reply.  Spawned by an agent it takes them as messages (TAG_COMMAND, a string) and
 * answers each (TAG_REPLY).  "on TID COMMAND..." passes a command to such an agent.
 * Words of commands and replies are separated by tabs.  The first word of a reply is
 * the code of the PVM function unless the command's comment says otherwise.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "pvm3.h"

enum { TAG_COMMAND = 900001, TAG_REPLY = 900002, MAX_WORDS = 3000, LINE = 1 << 17 };

/* How long an agent waits for another's reply, seconds. */
#define REPLY_SECONDS 110

static char reply[LINE];
static size_t used;

/* Add to the reply, a tab in front. */
static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	va_list list;
	int n;

	if (used && used < LINE - 1)
		reply[used++] = '\t';
	va_start(list, format);
	n = vsnprintf(reply + used, LINE - used, format, list);
	va_end(list);
	used = used + n < LINE ? used + n : LINE - 1;
}

static int number(const char *word)
{
	return (int)strtol(word, NULL, 0);
}

static struct timeval interval(const char *seconds)
{
	double value = atof(seconds);
	struct timeval result = { (long)value, (long)((value - (long)value) * 1e6) };

	return result;
}

/* The numbers in n words; for pvm functions that take tids. */
static int *numbers(char **words, int n)
{
	int *values = calloc(n + 1, sizeof *values);

	if (!values)
		abort();
	for (int i = 0; i < n; i++)
		values[i] = number(words[i]);
	return values;
}

/* ---- hosts ---- */

/* tickle NUMBER...; reply: code, results */
static void do_tickle(int n, char **word)
{
	int *arguments = numbers(word, n), results[10], count = 0;

	say("%d", pvm_tickle(n, arguments, &count, results));
	for (int i = 0; i < count; i++)
		say("%d", results[i]);
	free(arguments);
}

/* mytid; reply: tid, parent */
static void do_mytid(int n, char **word)
{
	(void)n, (void)word;
	say("%d", pvm_mytid());
	say("%d", pvm_parent());
}

/* config; reply: code, number of hosts, formats; tid, name, arch, speed each */
static void do_config(int n, char **word)
{
	struct pvmhostinfo *host;
	int hosts, formats, code = pvm_config(&hosts, &formats, &host);

	(void)n, (void)word;
	say("%d", code);
	if (code < 0)
		return;
	say("%d\t%d", hosts, formats);
	for (int i = 0; i < hosts; i++)
		say("%d\t%s\t%s\t%d", host[i].hi_tid, host[i].hi_name, host[i].hi_arch,
			host[i].hi_speed);
}

/* addhosts LINE...; reply: code, tid or code each */
static void do_addhosts(int n, char **word)
{
	int *tids = numbers(word, 0), code;

	tids = realloc(tids, (n + 1) * sizeof *tids);
	code = pvm_addhosts(word, n, tids);
	say("%d", code);
	for (int i = 0; code >= 0 && i < n; i++)
		say("%d", tids[i]);
	free(tids);
}

/* delhosts NAME...; reply: code, code each */
static void do_delhosts(int n, char **word)
{
	int *codes = numbers(word, n), code = pvm_delhosts(word, n, codes);

	say("%d", code);
	for (int i = 0; code >= 0 && i < n; i++)
		say("%d", codes[i]);
	free(codes);
}

static void do_mstat(int n, char **word)
{
	(void)n;
	say("%d", pvm_mstat(word[0]));
}

/* hostsync TID; reply: code, and the other clock's distance in ms */
static void do_hostsync(int n, char **word)
{
	struct timeval there, difference;
	int code = pvm_hostsync(number(word[0]), &there, &difference);

	(void)n;
	say("%d", code);
	if (code >= 0)
		say("%ld", difference.tv_sec * 1000 + difference.tv_usec / 1000);
}

static void do_halt(int n, char **word)
{
	(void)n, (void)word;
	say("%d", pvm_halt());
}

/* ---- tasks ---- */

/* spawn FILE FLAGS WHERE COUNT [ARGUMENT...]; reply: code, tid or code each */
static void do_spawn(int n, char **word)
{
	int count = number(word[3]), *tids = calloc(count + 1, sizeof *tids), code;

	word[n] = NULL;
	code = pvm_spawn(word[0], word + 4, number(word[1]), word[2], count, tids);
	say("%d", code);
	for (int i = 0; code >= 0 && i < count; i++)
		say("%d", tids[i]);
	free(tids);
}

/* tasks WHERE; reply: code, number; tid, parent, host, flag, name each */
static void do_tasks(int n, char **word)
{
	struct pvmtaskinfo *task;
	int count, code = pvm_tasks(number(word[0]), &count, &task);

	(void)n;
	say("%d", code);
	if (code < 0)
		return;
	say("%d", count);
	for (int i = 0; i < count; i++)
		say("%d\t%d\t%d\t%d\t%s", task[i].ti_tid, task[i].ti_ptid, task[i].ti_host,
			task[i].ti_flag, task[i].ti_a_out);
}

static void do_pstat(int n, char **word)
{
	(void)n;
	say("%d", pvm_pstat(number(word[0])));
}

static void do_kill(int n, char **word)
{
	(void)n;
	say("%d", pvm_kill(number(word[0])));
}

/* sendsig TID SIGNAL */
static void do_sendsig(int n, char **word)
{
	(void)n;
	say("%d", pvm_sendsig(number(word[0]), number(word[1])));
}

/* migrate TID HOST [FLAGS] */
static void do_migrate(int n, char **word)
{
#ifdef PvmNotMovable
	say("%d", pvm_migrate(number(word[0]), word[1], n > 2 ? number(word[2]) : 0));
#else
	say("%d", PvmNotImpl);
	(void)n;
	(void)word;
#endif
}

/* notify WHAT TAG COUNT-OR-TID... */
static void do_notify(int n, char **word)
{
	int *tids = numbers(word + 2, n - 2), what = number(word[0]);

	if ((what & ~PvmNotifyCancel) == PvmHostAdd)
		say("%d", pvm_notify(what, number(word[1]), number(word[2]), NULL));
	else
		say("%d", pvm_notify(what, number(word[1]), n - 2, tids));
	free(tids);
}

/* holdtask TID ON */
static void do_holdtask(int n, char **word)
{
	(void)n;
#ifdef PvmNotMovable
	say("%d", pvm_holdtask(number(word[0]), number(word[1])));
#else
	say("%d", PvmNotImpl);
	(void)word;
#endif
}

/* setopt WHAT VALUE */
static void do_setopt(int n, char **word)
{
	(void)n;
	say("%d", pvm_setopt(number(word[0]), number(word[1])));
}

/* catchout FILE: the output of children goes there */
static void do_catchout(int n, char **word)
{
	static FILE *file;

	(void)n;
	if (file)
		fclose(file);
	file = fopen(word[0], "w");
	if (file)
		setvbuf(file, NULL, _IONBF, 0);
	say("%d", file ? pvm_catchout(file) : -1);
}

/* print TEXT: to the agent's own output */
static void do_print(int n, char **word)
{
	(void)n;
	printf("%s\n", word[0]);
	fflush(stdout);
	say("0");
}

/* process; reply: process id, working directory */
static void do_process(int n, char **word)
{
	char directory[4000];

	(void)n, (void)word;
	say("%d", (int)getpid());
	say("%s", getcwd(directory, sizeof directory) ? directory : "?");
}

/* ---- messages ---- */

static char byte_at(size_t i, int seed)
{
	return (char)(i * 31 + (i >> 8) * 17 + (size_t)seed * 101);
}

/* Make a send buffer of `size` bytes. */
static void pack(int encoding, size_t size, int seed)
{
	static char *bytes;

	bytes = realloc(bytes, size + 1);
	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_at(i, seed);
	pvm_initsend(encoding);
	pvm_pkbyte(bytes, size, 1);
}

/* send TID TAG ENCODING SIZE SEED */
static void do_send(int n, char **word)
{
	(void)n;
	pack(number(word[2]), number(word[3]), number(word[4]));
	say("%d", pvm_send(number(word[0]), number(word[1])));
}

/* mcast TAG ENCODING SIZE SEED TID... */
static void do_mcast(int n, char **word)
{
	int *tids = numbers(word + 4, n - 4);

	pack(number(word[1]), number(word[2]), number(word[3]));
	say("%d", pvm_mcast(tids, n - 4, number(word[0])));
	free(tids);
}

/* take TID TAG SECONDS SIZE SEED; reply: 1 if it came, sender, tag, 1 if every byte is right */
static void do_take(int n, char **word)
{
	struct timeval limit = interval(word[2]);
	int id = pvm_trecv(number(word[0]), number(word[1]), &limit), bytes, tag, tid;
	size_t size = number(word[3]);
	char *content = malloc(size + 1);
	bool right;

	(void)n;
	say("%d", id > 0 ? 1 : id);
	if (id > 0) {
		pvm_bufinfo(id, &bytes, &tag, &tid);
		right = (size_t)bytes == size && pvm_upkbyte(content, size, 1) == 0;
		for (size_t i = 0; right && i < size; i++)
			right = content[i] == byte_at(i, number(word[4]));
		say("%d\t%d\t%d", tid, tag, right);
	}
	free(content);
}

/* event TID TAG SECONDS; reply: 1 if it came, sender, all ints of the message */
static void do_event(int n, char **word)
{
	struct timeval limit = interval(word[2]);
	int id = pvm_trecv(number(word[0]), number(word[1]), &limit), bytes, tid, value;

	(void)n;
	say("%d", id > 0 ? 1 : id);
	if (id <= 0)
		return;
	pvm_bufinfo(id, &bytes, NULL, &tid);
	say("%d", tid);
	for (int i = 0; i < bytes / 4 && pvm_upkint(&value, 1, 1) == 0; i++)
		say("%d", value);
}

/* ask TAG ANSWER SECONDS TID...: multicast an empty message; reply: code, tids that answered */
static void do_ask(int n, char **word)
{
	struct timeval limit = interval(word[2]);
	int *tids = numbers(word + 3, n - 3), count = n - 3, answered = 0, tid, code;

	pvm_initsend(PvmDataDefault);
	code = pvm_mcast(tids, count, number(word[0]));
	for (int left = count; left > 0 && pvm_trecv(-1, number(word[1]), &limit) > 0; left--) {
		pvm_bufinfo(pvm_getrbuf(), NULL, NULL, &tid);
		for (int i = 0; i < count; i++)
			if (tids[i] == tid) {
				tids[i] = 0;
				answered++;
			}
	}
	say("%d\t%d", code, answered);
	free(tids);
}

/* ---- mailbox ---- */

/* put NAME TEXT FLAGS */
static void do_put(int n, char **word)
{
	int before = pvm_setsbuf(0), buffer = pvm_initsend(PvmDataDefault);

	(void)n;
	pvm_pkstr(word[1]);
	say("%d", pvm_putinfo(word[0], buffer, number(word[2])));
	pvm_freebuf(pvm_setsbuf(before));
}

/* get NAME INDEX FLAGS; reply: 1 if found, text */
static void do_get(int n, char **word)
{
	char text[4000] = "";
	int id = pvm_recvinfo(word[0], number(word[1]), number(word[2]));

	(void)n;
	say("%d", id > 0 ? 1 : id);
	if (id > 0 && pvm_setrbuf(id) >= 0 && pvm_upkstr(text) == 0)
		say("%s", text);
}

/* del NAME INDEX FLAGS */
static void do_del(int n, char **word)
{
	(void)n;
	say("%d", pvm_delinfo(word[0], number(word[1]), number(word[2])));
}

/* names PATTERN; reply: code, classes; name, entries, owner of the first each */
static void do_names(int n, char **word)
{
	struct pvmmboxinfo *box;
	int count, code = pvm_getmboxinfo(word[0], &count, &box);

	(void)n;
	say("%d", code);
	if (code < 0)
		return;
	say("%d", count);
	for (int i = 0; i < count; i++)
		say("%s\t%d\t%d", box[i].mi_name, box[i].mi_nentries, box[i].mi_owners[0]);
}

/* ---- commands ---- */

static void do_on(int n, char **word);

static const struct {
	const char *name;
	int least; /* words behind the name */
	void (*function)(int n, char **word);
} commands[] = {
	{ "tickle", 1, do_tickle },
	{ "mytid", 0, do_mytid },
	{ "config", 0, do_config },
	{ "addhosts", 1, do_addhosts },
	{ "delhosts", 1, do_delhosts },
	{ "mstat", 1, do_mstat },
	{ "hostsync", 1, do_hostsync },
	{ "halt", 0, do_halt },
	{ "spawn", 4, do_spawn },
	{ "tasks", 1, do_tasks },
	{ "pstat", 1, do_pstat },
	{ "kill", 1, do_kill },
	{ "sendsig", 2, do_sendsig },
	{ "holdtask", 2, do_holdtask },
	{ "migrate", 2, do_migrate },
	{ "notify", 3, do_notify },
	{ "setopt", 2, do_setopt },
	{ "catchout", 1, do_catchout },
	{ "print", 1, do_print },
	{ "send", 5, do_send },
	{ "mcast", 5, do_mcast },
	{ "take", 5, do_take },
	{ "event", 3, do_event },
	{ "put", 3, do_put },
	{ "get", 3, do_get },
	{ "del", 3, do_del },
	{ "names", 1, do_names },
	{ "process", 0, do_process },
	{ "ask", 4, do_ask },
	{ "on", 2, do_on },
};

/* Obey a command, which is cut into its words; the reply is in `reply`. */
static void obey(char *line)
{
	char *word[MAX_WORDS + 1];
	int n = 0;

	used = 0;
	reply[0] = '\0';
	while (line && n < MAX_WORDS)
		word[n++] = strsep(&line, "\t");
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(commands[i].name, word[0]) == 0 && n > commands[i].least) {
			commands[i].function(n - 1, word + 1);
			return;
		}
	say("agent: not understood: %s", word[0]);
}

/* on TID COMMAND...; reply: the other agent's */
static void do_on(int n, char **word)
{
	struct timeval limit = { REPLY_SECONDS, 0 };
	int tid = number(word[0]);

	for (int i = 1; i < n - 1; i++)
		word[i][strlen(word[i])] = '\t';
	pvm_initsend(PvmDataDefault);
	pvm_pkstr(word[1]);
	if (pvm_send(tid, TAG_COMMAND) < 0 || pvm_trecv(tid, TAG_REPLY, &limit) <= 0)
		say("agent: no reply from %x", tid);
	else if (pvm_upkstr(reply) == 0)
		used = strlen(reply);
}

static void obey_messages(int parent)
{
	static char line[LINE];
	int sender;

	while (pvm_recv(parent, TAG_COMMAND) > 0 && pvm_upkstr(line) == 0) {
		pvm_bufinfo(pvm_getrbuf(), NULL, NULL, &sender);
		obey(line);
		pvm_initsend(PvmDataDefault);
		pvm_pkstr(reply);
		pvm_send(sender, TAG_REPLY);
	}
}

static void obey_lines(void)
{
	static char line[LINE];

	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		obey(line);
		puts(reply);
		fflush(stdout);
	}
}

int main(void)
{
	int parent;

	pvm_setopt(PvmAutoErr, 0);
	if (pvm_mytid() < 0)
		return 2;
	parent = pvm_parent();
	if (parent > 0)
		obey_messages(-1);
	else
		obey_lines();
	pvm_exit();
	return 0;
}

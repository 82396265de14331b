/* SPDX-License-Identifier: MIT */
/* The machine of a hosts file. Each line becomes a host "NAME ip=ADDRESS options" of PVM. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "machine.h"
#include "pvm3.h"

enum { LINE = HPVM_HOST_NAME + HPVM_HOST_ADDRESS + HPVM_HOST_OPTIONS + 8, TEXT = 400 };

extern int pvm_nerr;
extern char *pvm_errlist[];

/* Become a task of the machine there is, or of one that is started: 1 then; a negative code. */
static int join_or_start(const char *address)
{
	char option[HPVM_HOST_ADDRESS + 2], *arguments[] = { option };
	int rc;

	snprintf(option, sizeof option, "-n%s", address);
	rc = pvm_start_pvmd(1, arguments, 1);
	return rc == PvmDupHost ? 0 : rc == 0 ? 1 : rc;
}

/* Fill in which hosts the machine has: lines of this machine are the host on which we run. */
static int find_daemons(struct hpvm_hosts *hosts)
{
	struct pvmhostinfo *list;
	int n, rc = pvm_config(&n, NULL, &list), here = pvm_tidtohost(pvm_mytid());

	for (int i = 0; i < hosts->n && rc >= 0; i++) {
		struct hpvm_host *host = &hosts->hosts[i];

		host->daemon = host->is_here ? here : 0;
		for (int k = 0; k < n && !host->daemon; k++)
			if (strcmp(list[k].hi_name, host->name) == 0)
				host->daemon = list[k].hi_tid;
	}
	return rc;
}

/* The hosts to add: lines for PVM, whose they are, and what became of them. */
struct missing {
	int n;
	char (*lines)[LINE];
	char **names;
	struct hpvm_host **hosts;
	int *infos;
};

static void say_refused(const struct hpvm_host *host, int code, void (*say)(const char *line))
{
	char text[TEXT];

	if (!say)
		return;
	snprintf(text, sizeof text, "host %s (%.*s) takes no part: %s", host->name, 100,
		host->address, code <= 0 && -code < pvm_nerr ? pvm_errlist[-code] : "not added");
	say(text);
}

static void list_missing(struct hpvm_hosts *hosts, struct missing *m)
{
	for (int i = 0; i < hosts->n; i++) {
		struct hpvm_host *host = &hosts->hosts[i];

		if (host->daemon)
			continue;
		snprintf(m->lines[m->n], LINE, "%s ip=%s%s%s", host->name, host->address,
			*host->options ? " " : "", host->options);
		m->names[m->n] = m->lines[m->n];
		m->hosts[m->n++] = host;
	}
}

/* Add them all at once: the daemon starts them side by side. */
static void add(struct missing *m, void (*say)(const char *line))
{
	int rc = m->n ? pvm_addhosts(m->names, m->n, m->infos) : 0;

	for (int i = 0; i < m->n; i++) {
		if (rc >= 0 && m->infos[i] > 0)
			m->hosts[i]->daemon = m->infos[i];
		else
			say_refused(m->hosts[i], rc < 0 ? rc : m->infos[i], say);
	}
}

static int add_missing(struct hpvm_hosts *hosts, void (*say)(const char *line))
{
	size_t most = (size_t)hosts->n + 1;
	struct missing m = { 0, malloc(most * sizeof *m.lines), malloc(most * sizeof *m.names),
		malloc(most * sizeof *m.hosts), calloc(most, sizeof *m.infos) };
	bool good = m.lines && m.names && m.hosts && m.infos;

	if (good) {
		list_missing(hosts, &m);
		add(&m, say);
	}
	free(m.lines);
	free(m.names);
	free(m.hosts);
	free(m.infos);
	return good ? 0 : PvmNoMem;
}

int hpvm_machine_complete(struct hpvm_hosts *hosts, void (*say)(const char *line))
{
	int autoerr = pvm_setopt(PvmAutoErr, 0);
	int started = join_or_start(hosts->callback);
	int rc = started < 0 ? started : find_daemons(hosts);

	if (rc >= 0)
		rc = add_missing(hosts, say);
	pvm_setopt(PvmAutoErr, autoerr);
	return rc < 0 ? rc : started;
}

/* SPDX-License-Identifier: MIT */
/*
 * The file hpvm_hosts.cfg: a line a host, of its address, a name for texts and logs, and options.
 * '#' begins a comment. The line of the name "hpvm_host" says at which address of this machine
 * the other hosts' clients call back.
 */
#ifndef HPVM_HOSTS_H
#define HPVM_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#define HPVM_HOSTS_NAME "hpvm_hosts.cfg"

enum {
	HPVM_HOSTS_MOST = 4095,
	HPVM_HOST_ADDRESS = 256,
	HPVM_HOST_NAME = 64,
	HPVM_HOST_OPTIONS = 512,
	HPVM_HOST_CPUS = 1024,
};

struct hpvm_host {
	char address[HPVM_HOST_ADDRESS]; /* IPv4, or a name of the network's */
	char name[HPVM_HOST_NAME];
	char options[HPVM_HOST_OPTIONS]; /* those of a PVM host line, a blank between them */
	char exports[HPVM_HOST_OPTIONS]; /* export=, or empty */
	int cpus;                        /* cpus=, or 0 */
	int line;
	bool is_here; /* an address of this machine: hpvm_hosts_place */
	int daemon;   /* tid of the host's daemon, 0: it takes no part: hpvm_machine_complete */
};

struct hpvm_hosts {
	char callback[HPVM_HOST_ADDRESS]; /* of this machine: hpvm_hosts_place */
	int n, n_callbacks;
	struct hpvm_host *hosts;     /* without the lines of hpvm_host */
	struct hpvm_host *callbacks; /* those lines */
};

/*
 * Where the file is: $HPVM_HOSTS, else HPVM_HOSTS_NAME in the current directory, beside the running
 * program, or in $HOME. False if there is none; a file that $HPVM_HOSTS names need not exist.
 */
bool hpvm_hosts_find(char *path, size_t room);

/*
 * Read the text of a file that is called `file` in messages. NULL if something is wrong with it
 * (HPVM_BADHOSTS): all errors are in `why` then, a line each, as far as there is room.
 */
struct hpvm_hosts *hpvm_hosts_parse(const char *text, size_t size, const char *file, char *why,
	size_t room);

/* Read the file itself; also if it cannot be read, NULL with a line in `why`. */
struct hpvm_hosts *hpvm_hosts_read(const char *path, char *why, size_t room);

/*
 * Find out which of the hosts is this machine, and which hpvm_host line is for it: the first one
 * with an address of it. False with a line in `why` if none is (HPVM_BADHOSTS).
 */
bool hpvm_hosts_place(struct hpvm_hosts *hosts, const char *file, char *why, size_t room);

/* The hosts are gone; NULL is allowed. */
void hpvm_hosts_free(struct hpvm_hosts *hosts);

#endif

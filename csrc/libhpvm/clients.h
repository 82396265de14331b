/* SPDX-License-Identifier: MIT */
/* The clients of the parent: a task hpvmc on each host. */
#ifndef HPVM_CLIENTS_H
#define HPVM_CLIENTS_H

#include <stdbool.h>
#include "hosts.h"
#include "messages.h"

enum client_state {
	CLIENT_GONE,    /* its place is free */
	CLIENT_STARTED, /* has not said hello */
	CLIENT_IDLE,    /* takes no part in the spawn: it has not begun, or there is no kernel */
	CLIENT_LOADING, /* has been offered a kernel */
	CLIENT_READY,   /* takes tasks */
};

struct client {
	enum client_state state;
	int tid, host;        /* of the daemon */
	char name[HPVM_NAME]; /* of the hosts file, else PVM's */
	struct hpvm_traits traits;
	int processors, slots, in_flight;
	bool same_format;
	int choice; /* how many kernels could not be loaded */
	const struct hpvm_kernel *kernel;
	int told; /* shares that it knows */
	/* The kernel that it has loaded last: it will do so again, and need not be waited for. */
	bool has_loaded;
	unsigned char loaded[HPVM_HASH];
};

/* Places of clients, and how many: those that are gone have their state. */
struct client *hpvm__clients(int *count);

/* Which place a client has, or -1. */
int hpvm__client_of(int tid);

/*
 * Start a client on each host that has none: on those of the hosts file, or on all of the machine
 * if `hosts` is NULL. `session`: of hpvm__enrol; clients of an earlier one are forgotten. How many clients there are; a host that can have none is a line
 * for the user. HPVM_NOMEM, HPVM_PVM.
 */
int hpvm__clients_start(int session, const struct hpvm_hosts *hosts);

/* What a client says of itself; false if it makes no sense. */
bool hpvm__client_hello(struct client *c, const struct msg_hello *m);

/* Send the client's task a signal to end, and forget it. */
void hpvm__client_drop(struct client *c, const char *why);

#endif

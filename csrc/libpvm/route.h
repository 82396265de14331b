/* SPDX-License-Identifier: MIT */
/* A direct route, and how two tasks' sockets meet: shared by route.c and rendezvous.c. */
#ifndef PVM3PY_LIBPVM_ROUTE_H
#define PVM3PY_LIBPVM_ROUTE_H

#include <netinet/in.h>
#include <sys/un.h>

#include "engine.h"

enum route_state {
	ROUTE_ASKED,  /* we sent TC_CONREQ and wait for TC_CONACK */
	ROUTE_LISTEN, /* we accepted and wait for the other side to connect */
	ROUTE_OPEN,
	ROUTE_DENIED, /* everything goes through the daemon */
};

struct route {
	struct source source; /* first: bound or listening socket, fd -1 once it is not needed */
	struct route *next;
	int tid;
	enum route_state state;
	struct stream *stream;   /* ROUTE_OPEN */
	int reserve;             /* ROUTE_LISTEN: descriptor kept for the connection, else -1 */
	struct sockaddr_in from; /* ROUTE_LISTEN on TCP: where the other side connects from */
	char path[sizeof((struct sockaddr_un *)0)->sun_path]; /* of a bound Unix socket, or "" */
};

enum { ADDRESS_TEXT = 128 }; /* a Unix path or "xxxxxxxx:yyyy" */

/*
 * Bind a new socket, a Unix or a TCP one, and write its address to `text`
 * (ADDRESS_TEXT bytes). False: there is no such socket.
 */
bool pvm__route_bind(struct route *, bool unix_socket, char *text);
/* Address text of the socket that is bound already. */
bool pvm__route_address(const struct route *, char *text);
/* Connect the bound socket to the address that the other task sent. */
bool pvm__route_connect(struct route *, const char *text);
/* Listen for the task that asked for a route with the address `wanted`. */
bool pvm__route_listen(struct route *, const char *wanted);
/* Accept that task's connection. Its descriptor; -1: there is none, or it was somebody else. */
int pvm__route_accept(struct route *);
/* Close the bound or listening socket and remove its name. */
void pvm__route_close_socket(struct route *);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The links to other hosts.
 *
 * host.c has the table of hosts, network.c their timers, socket.c the socket. A
 * link sends (link.c, timed by timing.c) and receives (receive.c) packets in
 * order, once each. fault.c plays a bad network for tests. Where data from a
 * host go is decided above.
 *
 * A link begins as 3.4.6 has it: each packet acknowledged by itself, a small
 * window, a timer for each packet. When the other daemon's extension block has
 * been seen, `extended`, it goes on with one acknowledgement for many packets,
 * a large window and one timer (docs/links.md).
 */
#ifndef PVM3PY_SWITCH_LINKS_H
#define PVM3PY_SWITCH_LINKS_H

#include <netinet/in.h>

#include "base/packet.h"
#include "tasks/tasks.h"

/* Indexes of hosts. */
#define HOSTS_MAX 4096u
#define HOST_PLACES 256u
#define HOST_INDEX(tid) (((tid) & TIDHOST) >> 18)

/* Packets sent with one system call. */
#define NET_BATCH 128
/* How far ahead of the expected one a packet is kept, in numbers and in bytes. */
#define AHEAD_MAX 2048u
#define AHEAD_BYTES (4u << 20)
/* What a packet counts besides its data, in windows. */
#define PACKET_COST 1024u

/* The 16 bits of a sequence number in blocks, whose times of use are noted. */
#define LINK_BLOCKS 8u
#define LINK_BLOCK (65536u / LINK_BLOCKS)

/* Data waiting for the window. */
struct fragment {
	struct chunk *chunk;
	uint32_t off, len, dst, src;
	uint8_t flags;
};

/* A packet with a sequence number, until it is acknowledged. */
struct packet {
	struct chunk *chunk; /* its data at off, len; NULL: none */
	uint32_t off, len, dst, src;
	uint32_t crc;          /* of the data */
	uint32_t order, first; /* number of its last and first transmission */
	int64_t sent;          /* time of the last one, ns */
	int64_t wait, waited;  /* classic: until the next one; sum of these */
	uint16_t seq, tries;
	uint8_t flags;
	bool acked;
	bool lost; /* to be sent again */
	char head[DDFRAGHDR];
};

/* Another host. */
struct host {
	struct sw *sw;
	uint32_t tid; /* of its daemon */
	struct sockaddr_in address;
	struct host *next; /* at the same place of net.addresses: host.c alone */
	uint32_t mtu;      /* longest packet for it */
	uint32_t silence_ms;
	bool pending, extended;
	bool plain;   /* a daemon of this project whose checks do not cover wraps */
	bool moves;   /* it knows that tasks move (SW_HOST_MOVES) */
	bool closing; /* our FIN is under way */
	bool lost;    /* reported: nothing is sent any more, what comes is ignored */
	bool heard;   /* something has come from it */
	bool offload; /* equal packets may be handed to the system as one */

	struct fragment *waiting; /* ring */
	uint32_t waiting_size, waiting_head, waiting_count;
	uint32_t settled;      /* so many of them, the first ones, need not be copied any more */
	struct packet *flight; /* ring, by sequence number */
	uint32_t flight_size;
	/* Numbers of packets have 32 bits; a packet carries 16 of them: the others are the wraps. */
	uint32_t tx_first, tx_next; /* oldest number without acknowledgement; next new one */
	uint32_t lost_count;
	struct chunk *tail;  /* own chunk, for copies */
	struct backlog load; /* bytes waiting and under way */

	/* transmissions; latest acknowledged; at the last reduction */
	uint32_t order, acked_order, reduced;
	/* bytes with PACKET_COST: under way; allowed; taken there */
	uint64_t flying, window, peer_window;
	uint64_t threshold;     /* above this, the window grows slowly */
	uint64_t unasked;       /* bytes sent since an acknowledgement was asked for */
	int64_t rtt, deviation; /* ns */
	int64_t progress;       /* when the timer began, extended */
	int64_t unanswered;     /* since when nothing was acknowledged that should have been */
	uint32_t stage;         /* expiries of the timer since */
	int64_t due;            /* of the next timer; NEVER */
	struct link timed;      /* in net.timed: has a timer */
	struct link touched;    /* in net.touched: to be flushed */

	uint32_t rx_next;     /* sequence number expected */
	struct chunk **ahead; /* ring of packets received too early, by sequence number */
	uint32_t ahead_size, ahead_count, ahead_bytes;
	uint32_t ahead_last;  /* highest number among them */
	uint32_t owed;        /* packets received since the last acknowledgement */
	bool ack_now, answer; /* do not wait for data to carry it; the other side asked */
	int64_t owed_due;
	struct link owing;         /* in net.owing */
	uint32_t quiet_ms;         /* since something was heard, */
	uint32_t probes, asked_ms; /* questions asked since, and after how long the last one */

	uint32_t duplicates, peer_duplicates; /* received here; there, as far as known */
	int64_t used[LINK_BLOCKS]; /* classic: when each block of numbers was begun last, ns */

	struct link drains; /* struct drain: host.c alone */
	/* What comes from it and goes further: remote.c alone. */
	struct {
		struct assembly in;     /* message for this daemon */
		struct link multicasts; /* struct multicast: announced, not complete */
		struct link stops;      /* struct stop: receivers there that wish no more */
		uint32_t multicast_count, stop_count;
		bool passed; /* what is being delivered has come here by the task's last host */
	} remote;
};

/* The network: one socket, the hosts that it reaches. */
struct net {
	struct sw *sw;
	int fd;
	uint32_t mtu;    /* what 3.4.6 may send here */
	uint32_t window; /* what this socket takes */
	bool readable, blocked, offload;
	struct host *hosts[HOSTS_MAX];
	struct host *addresses[HOST_PLACES]; /* the same by address: host.c alone */
	struct link touched, timed;
	struct link owing; /* hosts to be acknowledged later, the first due first */
	int64_t timer;     /* no timer of `timed` is due earlier, ns */
	struct faults *faults;
	/* network.c alone. */
	struct {
		int64_t next, last; /* looks for silent hosts, ns */
		uint32_t hosts;     /* with a limit of silence */
	} silence;
	/* socket.c alone. */
	struct {
		struct chunk *chunk; /* received into, */
		uint32_t slot;       /* from this slot on */
	} input;
	/* host.c alone. */
	struct {
		int64_t last;      /* log event, ns; 0: none yet */
		uint32_t left_out; /* events since */
	} log;
};

/* The state of this floor. */
struct links {
	struct tasks tasks;
	struct net *net; /* NULL: none */
};

static inline struct links *links_of(const struct sw *sw)
{
	return CONTAINER(sw, struct links, tasks.flow.sw);
}

static inline struct net *net_of(const struct sw *sw)
{
	return links_of(sw)->net;
}

/* host.c */

/* The host of a tid, of any kind; NULL: unknown. */
struct host *host_find(const struct sw *, uint32_t tid);
/* The host with an address that knows that tasks move; NULL: there is none. */
struct host *host_at(const struct net *, const struct sockaddr_in *);
/* It has this address from now on; NULL: it has none any more. */
void host_locate(struct host *, const struct sockaddr_in *);
/* Is that its address? */
static inline bool host_is_at(const struct host *h, const struct sockaddr_in *address)
{
	return h->address.sin_addr.s_addr == address->sin_addr.s_addr &&
		h->address.sin_port == address->sin_port;
}
/* The host has something to send. */
void host_touch(struct host *);
/* Log event about the network, not more than a few a second. */
void host_log(struct sw *, const char *text);
/* The link has ended: report it once, stop it. */
void host_lost(struct host *, uint32_t reason, const char *text);
/* Packet number seq, which is under way. */
static inline struct packet *host_packet(const struct host *h, uint32_t seq)
{
	return &h->flight[seq & (h->flight_size - 1)];
}
/* Send this packet again when the link is flushed. */
void host_resend(struct host *, struct packet *);
/* State of the link for an extension block. */
void host_state(const struct host *, struct packet_state *);
/* Report SW_DRAINED for tid once, when at most `mark` bytes are queued or the host is lost. */
void host_notify_drain(struct host *, uint32_t tid, uint64_t mark);
/* Less is queued, or the host is lost: report what is due. */
void host_check_drains(struct host *);

/* network.c */

/* Receive what is there, send what is due; called in each pass. */
void net_serve(struct sw *);
/* Send for all hosts that were touched. */
void net_flush(struct sw *);
/* When net_serve is to be called again, ns; NEVER. */
int64_t net_due(const struct sw *);
/* The socket may have input, or takes output again. */
void net_ready(struct sw *, uint32_t events);
void net_free(struct sw *);

/* socket.c */

/* Prepare the socket; undo that. 0 or -errno. */
int socket_open(struct net *);
void socket_close(struct net *);
/* It takes no more output for now (blocked), or does again. */
void socket_watch(struct net *, bool blocked);
/* Receive what is there, as far as one pass goes. */
void socket_receive(struct net *);
/* Longest UDP payload on the way to an address that needs no fragmentation. */
uint32_t socket_path_mtu(const struct sockaddr_in *);
/* Send packets, at most NET_BATCH, with complete headers but for the check; how many are left. */
uint32_t socket_transmit(struct host *, struct packet **, uint32_t n);
/* Send one packet without sequence number, with the extension block unless it is FIN|ACK. */
void socket_control(struct host *, unsigned flags, uint32_t ack);

/* link.c */

/*
 * Queue data: flags FFSOM, FFEOM, WIRE_PKT_CONTROL, WIRE_PKT_PASSED. link_push takes a reference
 * to the chunk if it is long, else a copy. What has come by a link must be copied: a packet that
 * acknowledges it could not be told from one of which nothing is kept (socket.c).
 */
void link_push(struct host *, uint32_t dst, uint32_t src, unsigned flags, struct chunk *,
	uint32_t off, uint32_t len);
void link_push_copy(struct host *, uint32_t dst, uint32_t src, unsigned flags, const char *data,
	uint32_t len);
/* Send what the window allows; false: nothing. */
bool link_send(struct host *);
/* Queue nothing more, send FIN. */
void link_finish(struct host *);
/* The other side has received this packet; all before `expected` and those of the list. */
void link_acked_one(struct host *, uint32_t seq);
void link_acked(struct host *, const struct packet_state *);
void link_acked_to(struct host *, uint32_t expected);
/* Drop all output. */
void link_drop(struct host *);

/* timing.c */

/* A packet has left: by which rule is it sent again? */
void timing_sent(struct host *, struct packet *, int64_t now);
/* It was acknowledged. */
void timing_acked(struct host *, const struct packet *, int64_t now);
/* The other side got packets twice: the timer is too short. */
void timing_spurious(struct host *);
/* Some were: look for lost ones. */
void timing_progress(struct host *, int64_t now);
/* The host's timer, when it was due. */
void timing_expired(struct host *, int64_t now);
/* Set host.due. */
void timing_set(struct host *);
/* Classic: ns until what had the next number before has died out, and it may be used again. */
int64_t timing_turn(const struct host *);

/* receive.c */

/* Entry of struct above: packet. */
void receive_packet(struct net *, struct chunk *, uint32_t off, uint32_t len,
	const struct sockaddr_in *from, int64_t now);
/* Acknowledge what is due, but for what data have carried. */
void receive_acknowledge(struct host *, int64_t now);
/* Data that leave carry the acknowledgement. */
void receive_carried(struct host *);
/* Drop all input. */
void receive_drop(struct host *);

/* fault.c */

/* From the environment; NULL: none. */
struct faults *fault_new(void);
/* Ends them; what was delayed leaves now. */
void fault_free(struct net *);
/*
 * What is to become of an outgoing packet: true, it is to be sent as usual;
 * false, it was dropped, or copied to be sent later or changed.
 */
bool fault_pass(struct net *, const struct sockaddr_in *, const char *head, const char *data,
	uint32_t len);
/* Is the network cut now? */
bool fault_cut(struct faults *, int64_t now);
/* Send what was delayed and is due. */
void fault_serve(struct net *, int64_t now);
int64_t fault_due(const struct faults *);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The UDP socket: many packets in one system call, and, where the system has
 * it, many equal packets to one host as one (UDP_SEGMENT, UDP_GRO).
 */
#define _GNU_SOURCE 1
#include "links/links.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Socket buffers asked for, bytes. */
#define SOCKET_BUFFER (4 << 20)
/* Place for one datagram, or for what the system has joined. */
#define SLOT_BYTES 65520u
#define SLOTS (CHUNK_ROOM / SLOT_BYTES)
/* Receive calls in one pass. */
#define CALLS_MAX 4
/* IPv4 and UDP headers. */
#define OVERHEAD 28u
/* What the system joins: packets, bytes. */
#define JOIN_MAX 64
#define JOIN_BYTES 65000u

union control {
	char room[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/* The larger buffer that the system grants, bytes as it counts them. */
static uint32_t set_buffer(int fd, int option, int force)
{
	int size = SOCKET_BUFFER;
	socklen_t len = sizeof size;

	if (setsockopt(fd, SOL_SOCKET, force, &size, sizeof size))
		setsockopt(fd, SOL_SOCKET, option, &size, sizeof size);
	return getsockopt(fd, SOL_SOCKET, option, &size, &len) || size < 0 ? 0 : (uint32_t)size;
}

int socket_open(struct net *net)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u64 = ID_NET };
	uint32_t room = set_buffer(net->fd, SO_RCVBUF, SO_RCVBUFFORCE);

	set_buffer(net->fd, SO_SNDBUF, SO_SNDBUFFORCE);
	net->window = room / 2 > WIRE_PKT_LARGE ? room / 2 : WIRE_PKT_LARGE;
	net->offload = !setsockopt(net->fd, IPPROTO_UDP, UDP_SEGMENT, &(int){ 0 }, sizeof(int));
	setsockopt(net->fd, IPPROTO_UDP, UDP_GRO, &(int){ 1 }, sizeof(int));
	net->readable = true;
	return epoll_ctl(net->sw->epoll_fd, EPOLL_CTL_ADD, net->fd, &ev) ? -errno : 0;
}

void socket_close(struct net *net)
{
	epoll_ctl(net->sw->epoll_fd, EPOLL_CTL_DEL, net->fd, NULL);
	if (net->input.chunk)
		chunk_unref(net->sw, net->input.chunk);
}

void socket_watch(struct net *net, bool blocked)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLET | (blocked ? EPOLLOUT : 0u),
		.data.u64 = ID_NET,
	};

	net->blocked = blocked;
	epoll_ctl(net->sw->epoll_fd, EPOLL_CTL_MOD, net->fd, &ev);
}

uint32_t socket_path_mtu(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), mtu = 0;
	socklen_t len = sizeof mtu;

	if (fd < 0)
		return WIRE_PKT_DEFAULT;
	if (connect(fd, (const struct sockaddr *)address, sizeof *address) ||
		getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &len) ||
		mtu < (int)(OVERHEAD + WIRE_PKT_LEAST))
		mtu = WIRE_PKT_DEFAULT + OVERHEAD;
	close(fd);
	return (uint32_t)mtu - OVERHEAD;
}

/* The size of the packets that the system joined into one datagram; 0: it did not. */
static uint32_t joined(struct msghdr *msg)
{
	struct cmsghdr *c;
	int size = 0;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
			memcpy(&size, CMSG_DATA(c), sizeof size);
	return size > 0 ? (uint32_t)size : 0;
}

/* Pass on the packets of one datagram, which lies at `off` of the receive chunk. */
static void take_datagram(struct net *net, uint32_t off, const struct mmsghdr *m, int64_t now)
{
	uint32_t left = m->msg_len, size = joined((struct msghdr *)&m->msg_hdr);
	const struct sockaddr_in *from = m->msg_hdr.msg_name;

	if (m->msg_hdr.msg_namelen != sizeof *from || from->sin_family != AF_INET ||
		(net->faults && fault_cut(net->faults, now)))
		return;
	if (!size)
		size = left;
	while (left) {
		uint32_t n = left < size ? left : size;

		sw__above.packet(net, net->input.chunk, off, n, from, now);
		off += n;
		left -= n;
	}
}

/* Chunk and slot for the next call. */
static void make_room(struct net *net)
{
	if (net->input.chunk && net->input.chunk->refs == 1)
		net->input.slot = 0;
	if (net->input.chunk && net->input.slot < SLOTS)
		return;
	if (net->input.chunk)
		chunk_unref(net->sw, net->input.chunk);
	net->input.chunk = chunk_new(net->sw, CHUNK_ROOM);
	net->input.slot = 0;
}

/* Receive once; false: there is no more. */
static bool receive_once(struct net *net)
{
	struct mmsghdr msgs[SLOTS];
	struct iovec iov[SLOTS];
	struct sockaddr_in from[SLOTS];
	union control control[SLOTS];
	uint32_t first, count;
	int64_t now;
	int n;

	make_room(net);
	first = net->input.slot;
	count = SLOTS - first;
	for (uint32_t i = 0; i < count; i++) {
		iov[i] = (struct iovec){ net->input.chunk->data + (first + i) * SLOT_BYTES,
			SLOT_BYTES };
		msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &from[i],
			.msg_namelen = sizeof from[i],
			.msg_iov = &iov[i],
			.msg_iovlen = 1,
			.msg_control = &control[i],
			.msg_controllen = sizeof control[i],
		};
	}
	n = recvmmsg(net->fd, msgs, count, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return n < 0 && errno != EAGAIN && errno != EWOULDBLOCK;
	now = clock_now();
	for (uint32_t i = 0; i < (uint32_t)n; i++) {
		uint32_t refs = net->input.chunk->refs;

		take_datagram(net, (first + i) * SLOT_BYTES, &msgs[i], now);
		if (net->input.chunk->refs > refs)
			net->input.slot = first + i + 1;
	}
	return (uint32_t)n == count;
}

void socket_receive(struct net *net)
{
	for (int i = 0; i < CALLS_MAX && net->readable; i++)
		net->readable = receive_once(net);
}

/* Messages of one call. */
struct batch_out {
	struct mmsghdr msgs[NET_BATCH];
	struct iovec iov[2 * NET_BATCH];
	union control control[NET_BATCH];
	uint32_t first[NET_BATCH];   /* packet that the message begins with */
	uint32_t segment[NET_BATCH]; /* size of its packets, */
	uint32_t packets[NET_BATCH], bytes[NET_BATCH];
	bool closed[NET_BATCH]; /* the last one was shorter */
	uint32_t count, iovs;
};

static void begin_message(struct batch_out *b, struct host *h, uint32_t packet, uint32_t size)
{
	uint32_t m = b->count++;

	memset(&b->msgs[m], 0, sizeof b->msgs[m]);
	b->msgs[m].msg_hdr.msg_name = &h->address;
	b->msgs[m].msg_hdr.msg_namelen = sizeof h->address;
	b->msgs[m].msg_hdr.msg_iov = &b->iov[b->iovs];
	b->first[m] = packet;
	b->segment[m] = size;
	b->packets[m] = b->bytes[m] = 0;
	b->closed[m] = false;
}

/* May a packet of this size be part of the last message? */
static bool joins(const struct batch_out *b, const struct host *h, uint32_t size)
{
	uint32_t m = b->count - 1;

	return b->count && h->offload && !b->closed[m] && size <= b->segment[m] &&
		b->packets[m] < JOIN_MAX && b->bytes[m] + size <= JOIN_BYTES;
}

static void add_packet(struct batch_out *b, struct host *h, uint32_t i, struct packet *p)
{
	uint32_t size = DDFRAGHDR + p->len, m;

	if (!joins(b, h, size))
		begin_message(b, h, i, size);
	m = b->count - 1;
	b->closed[m] = size < b->segment[m];
	b->packets[m]++;
	b->bytes[m] += size;
	b->iov[b->iovs++] = (struct iovec){ p->head, DDFRAGHDR };
	b->msgs[m].msg_hdr.msg_iovlen++;
	if (!p->len)
		return;
	b->iov[b->iovs++] = (struct iovec){ p->chunk->data + p->off, p->len };
	b->msgs[m].msg_hdr.msg_iovlen++;
}

/* Tell the system where to cut. */
static void set_segments(struct batch_out *b)
{
	for (uint32_t m = 0; m < b->count; m++) {
		struct msghdr *msg = &b->msgs[m].msg_hdr;
		uint16_t size = (uint16_t)b->segment[m];
		struct cmsghdr *c;

		if (b->packets[m] < 2)
			continue;
		msg->msg_control = &b->control[m];
		msg->msg_controllen = CMSG_SPACE(sizeof size);
		c = CMSG_FIRSTHDR(msg);
		c->cmsg_level = IPPROTO_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof size);
		memcpy(CMSG_DATA(c), &size, sizeof size);
	}
}

static void log_error(struct host *h, int error)
{
	char text[100];

	snprintf(text, sizeof text, "cannot send to host %x: %s", h->tid & TIDHOST,
		strerror(error));
	host_log(h->sw, text);
}

uint32_t socket_transmit(struct host *h, struct packet **list, uint32_t n)
{
	struct net *net = net_of(h->sw);
	struct batch_out b;
	uint32_t at = 0;

	b.count = b.iovs = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct packet *p = list[i];
		const char *data = p->len ? p->chunk->data + p->off : NULL;

		packet_seal(p->head, p->crc);
		if (!net->faults || fault_pass(net, &h->address, p->head, data, p->len))
			add_packet(&b, h, i, p);
	}
	set_segments(&b);
	while (at < b.count) {
		int sent = sendmmsg(net->fd, b.msgs + at, b.count - at,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0) {
			at += (uint32_t)sent;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			socket_watch(net, true);
			return n - b.first[at];
		} else if (errno != EINTR && b.packets[at] > 1) {
			h->offload = false;
			return n - b.first[at];
		} else if (errno != EINTR) {
			log_error(h, errno);
			at++;
		}
	}
	return 0;
}

void socket_control(struct host *h, unsigned flags, uint32_t ack)
{
	struct net *net = net_of(h->sw);
	char packet[DDFRAGHDR + WIRE_LINK_MAX];
	uint32_t len = 0, wraps = 0;

	if ((flags & (FFFIN | FFACK)) != (FFFIN | FFACK)) {
		struct packet_state s;

		host_state(h, &s);
		len = packet_put_state(packet + DDFRAGHDR, &s);
		wraps = h->plain ? 0 : packet_wraps(0, h->rx_next);
	}
	packet_head(packet, h->tid, h->sw->own_tid, 0, (uint16_t)ack, flags, wraps);
	packet_seal(packet, packet_crc(0, packet + DDFRAGHDR, len));
	if (net->faults && !fault_pass(net, &h->address, packet, packet + DDFRAGHDR, len))
		return;
	sendto(net->fd, packet, DDFRAGHDR + len, MSG_DONTWAIT | MSG_NOSIGNAL,
		(struct sockaddr *)&h->address, sizeof h->address);
}

/* SPDX-License-Identifier: MIT */
/*
 * Any packets from the network: from a committed host, from one that is not
 * committed yet and from strangers, on classic and extended links, while the
 * daemon and its tasks send, receive and end, and hosts come and go.
 *
 * Each packet lies in memory of its own, so that a byte beyond its end is
 * noticed. What must hold: strangers change nothing; a packet's message comes
 * once, in the order of the sequence numbers; one that is late by a whole round
 * of numbers changes nothing; counters of a link agree with what they count;
 * early packets stay within their bound.
 *
 * Input: steps, each a byte that says what to do and its arguments (see steps).
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include "links/links.h"
#include "require.h"

/* Daemons, tasks, and a multicast group. */
enum { OWN = 0x80040000, KNOWN = 0x80080000, PENDING = 0x800c0000, UNHEARD = 0x80100000 };
enum { TASK = 0x40001, SENDER = 0x40002, FAR = 0x80001, GROUP = 0x40080001 };
enum { STEPS_MAX = 400, MARK = 0x5eed };
/* Numbers of which packets carry the same bits; where every other link begins. */
enum { ROUND = 0x10000, NEAR_ROUND = 0x2fff8 };
/* What is known of the last use of the numbers of the next round: they were used when it began. */
static int64_t used;

/* The input that is left. */
static const uint8_t *at, *end;

static unsigned next(void)
{
	return at < end ? *at++ : 0;
}

static int listener, peer_udp;
static struct sockaddr_in known_address;

/* What one input works on. */
static struct sw *sw;
static int task_fd, sender_fd, own_udp;
static uint32_t life;      /* how often the known host was added */
static uint32_t last_seen; /* sequence number of its last marked message for the daemon, */
static uint32_t task_seen; /* and of that for the task */
static uint32_t first;     /* sequence number that the link began with */
static uint32_t base;      /* and that near which packets are made */

static int udp_socket(struct sockaddr_in *where)
{
	socklen_t len = sizeof *where;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	*where = (struct sockaddr_in){ AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)where, sizeof *where) == 0);
	REQUIRE(getsockname(fd, (struct sockaddr *)where, &len) == 0);
	return fd;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	listener = listen_as("fuzz_network");
	peer_udp = udp_socket(&known_address);
	return 0;
}

/* ---- what must hold ---------------------------------------------------------- */

/*
 * Marked messages carry their place in the sequence, from 1 on, and the life of the link, in
 * the wait id and the context: they come once and in order.
 */
static void check_order(uint32_t wid, uint32_t ctx, uint32_t *seen)
{
	if (wid >> 16 != MARK || ctx != life)
		return;
	REQUIRE((wid & 0xffff) > *seen);
	*seen = wid & 0xffff;
}

static uint64_t run(uint32_t type)
{
	const struct sw_event *events;
	uint64_t conn = 0;
	unsigned sum = 0;
	uint32_t n;

	sw_run(sw, 0);
	events = sw_events(sw, &n);
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t k = 0; k < events[i].len; k++)
			sum += (unsigned char)events[i].data[k];
		if (events[i].type == type)
			conn = events[i].conn;
		if (events[i].type != SW_MESSAGE || events[i].conn)
			continue;
		REQUIRE(events[i].src == KNOWN ||
			(wire_is_task(events[i].src) &&
				(events[i].src & TIDHOST) == (KNOWN & TIDHOST)));
		check_order(events[i].wid, events[i].ctx, &last_seen);
	}
	return sum == 0xffffffffu ? 0 : conn;
}

/* What the task got: whole fragments; a first one names its message. */
static void drain_task(void)
{
	static unsigned char data[1 << 18];
	static size_t have;
	ssize_t n;
	size_t off = 0;

	if (task_fd < 0)
		have = 0;
	while (task_fd >= 0 &&
		(n = recv(task_fd, data + have, sizeof data - have, MSG_DONTWAIT)) > 0) {
		have += (size_t)n;
		for (off = 0; have - off >= TDFRAGHDR;) {
			unsigned char *p = data + off;
			uint32_t len = wire_get32(p + WIRE_FRAG_LENGTH);

			REQUIRE((wire_get32(p + WIRE_FRAG_DST) & TIDLOCAL) == (TASK & TIDLOCAL));
			REQUIRE(p[WIRE_FRAG_FLAGS] <= (FFSOM | FFEOM) &&
				len <= WIRE_PKT_LARGE + 6000);
			if (len > have - off - TDFRAGHDR)
				break;
			if (p[WIRE_FRAG_FLAGS] & FFSOM)
				check_order(wire_get32(p + TDFRAGHDR + WIRE_MSG_WID),
					wire_get32(p + TDFRAGHDR + WIRE_MSG_CTX), &task_seen);
			off += TDFRAGHDR + len;
		}
		memmove(data, data + off, have -= off);
	}
}

static void check_link(const struct host *h)
{
	uint64_t flying = 0, queued = 0;
	uint32_t lost = 0, early = 0, bytes = 0;

	for (uint32_t s = h->tx_first; s != h->tx_next; s++) {
		const struct packet *p = host_packet(h, s);

		lost += p->lost;
		if (!p->acked && !p->lost)
			flying += p->len + PACKET_COST;
		if (!p->acked)
			queued += p->len;
	}
	for (uint32_t i = 0; i < h->waiting_count; i++)
		queued += h->waiting[(h->waiting_head + i) & (h->waiting_size - 1)].len;
	for (uint32_t i = 0; i < h->ahead_size; i++)
		if (h->ahead[i])
			early++, bytes += h->ahead[i]->used;
	REQUIRE(h->lost_count == lost && h->flying == flying && h->load.bytes == queued);
	REQUIRE(h->ahead_count == early && h->ahead_bytes == bytes && bytes <= AHEAD_BYTES);
	REQUIRE(h->window > 0 && h->rtt >= 0);
	if (first == NEAR_ROUND && !h->extended && !h->closing)
		REQUIRE(h->tx_next <= 3 * ROUND || clock_now() - used >= 1000000000);
}

/* All of a link that a packet may change. */
struct view {
	bool extended, lost, open;
	uint32_t rx_next, tx_first, len, ahead, duplicates, multicasts, stops, peer_duplicates,
		order;
};

static struct view view(uint32_t tid)
{
	const struct host *h = host_find(sw, tid);
	struct view v;

	memset(&v, 0, sizeof v);
	if (!h)
		return v;
	v.extended = h->extended, v.lost = h->lost, v.open = h->remote.in.open;
	v.rx_next = h->rx_next, v.tx_first = h->tx_first;
	v.len = h->remote.in.len, v.ahead = h->ahead_count, v.duplicates = h->duplicates;
	v.multicasts = h->remote.multicast_count, v.stops = h->remote.stop_count;
	v.peer_duplicates = h->peer_duplicates, v.order = h->acked_order;
	return v;
}

/* ---- steps -------------------------------------------------------------------- */

/* A packet arrives; `who` chooses where it comes from. */
static void arrive(const char *packet, uint32_t len, unsigned who)
{
	struct sockaddr_in from = known_address;
	struct view before = view(KNOWN), after;
	struct chunk *ck = chunk_new(sw, len);

	who %= 8;
	if (who == 1)
		from.sin_port ^= htons(1);
	else if (who == 2)
		from.sin_addr.s_addr ^= htonl(1 << 8);
	memcpy(ck->data, packet, len);
	ck->used = len;
	lock_enter(sw);
	receive_packet(net_of(sw), ck, 0, len, &from, clock_now());
	chunk_unref(sw, ck);
	lock_leave(sw);
	after = view(KNOWN);
	if (who == 1 || who == 2)
		REQUIRE(!memcmp(&before, &after, sizeof after));
	REQUIRE(!host_find(sw, PENDING) || host_find(sw, PENDING)->rx_next == 1);
}

/* The same with one that was late by a round, on a link whose checks tell. */
static void arrive_late(const char *packet, uint32_t len)
{
	struct view before = view(KNOWN), after;

	arrive(packet, len, 0);
	after = view(KNOWN);
	REQUIRE(!memcmp(&before, &after, sizeof after));
}

/* Does the link notice if a packet with such a number is late by a round? The last word is not. */
static bool notices_late(uint32_t seq, unsigned flags)
{
	const struct host *h = host_find(sw, KNOWN);

	return h && !h->plain && (flags & (FFFIN | FFACK)) != (FFFIN | FFACK) &&
		packet_number(h->rx_next, (uint16_t)seq) == seq;
}

/* Bytes as they are, but for what would look like a marked message. */
static void any_packet(void)
{
	static char packet[4096];
	unsigned who = next();
	uint32_t len = (next() << 8 | next()) % sizeof packet;

	for (uint32_t i = 0; i < len; i++)
		packet[i] = (char)next();
	for (uint32_t i = 0; i + 1 < len; i++)
		if (wire_get16(packet + i) == MARK)
			packet[i] = 0;
	if (len >= DDFRAGHDR)
		memset(packet + WIRE_PKT_CRC, 0, 3);
	if (len >= DDFRAGHDR && who & 8)
		packet_seal(packet, packet_crc(0, packet + DDFRAGHDR, len - DDFRAGHDR));
	arrive(packet, len, who);
}

static const uint32_t destinations[] = { OWN, OWN, TASK, GROUP, KNOWN, TASK + 5, (TASK & TIDLOCAL),
	0x80000000u };
static const uint32_t sources[] = { KNOWN, KNOWN, FAR, FAR + 1, FAR | TIDGID, PENDING, OWN,
	UNHEARD };

/* A message, or part of one, with a proper header. */
static void data_packet(void)
{
	static char packet[65000];
	unsigned who = next(), place = next(), flags = next();
	uint32_t seq = base + (uint32_t)(int8_t)next();
	uint32_t len = next() << (who & 0x80 ? 8 : 2);
	bool late = who & 0x40 && !(place & 0x80) && len && notices_late(seq, flags);
	char *head = packet + DDFRAGHDR;

	if (len > sizeof packet - DDFRAGHDR)
		len = sizeof packet - DDFRAGHDR;
	memset(packet, (int)seq, sizeof packet);
	packet_head(packet, destinations[place & 7], sources[place >> 3 & 7], (uint16_t)seq,
		(uint16_t)base, (flags & 0x7f) | FFDAT,
		packet_wraps(late ? seq - ROUND : seq, flags & FFACK ? base : 0));
	if (len >= MSGHDRLEN) {
		wire_put32(head + WIRE_MSG_TAG, place & 0x40 ? (uint32_t)DM_MCA : 77);
		wire_put32(head + WIRE_MSG_CTX, life);
		wire_put32(head + WIRE_MSG_WID,
			(uint32_t)MARK << 16 | ((seq - first + 1) & 0xffff));
	}
	if (len >= MSGHDRLEN + 12) {
		wire_put32(head + MSGHDRLEN, GROUP);
		wire_put32(head + MSGHDRLEN + 4, flags & 0x80 ? 0x40000001u : 1);
		wire_put32(head + MSGHDRLEN + 8, TASK);
	}
	if (flags & WIRE_PKT_CONTROL && len >= 8) {
		wire_put32(head, 1 + (place & 1));
		wire_put32(head + 4, FAR);
	}
	if (!(place & 0x80))
		packet_seal(packet, packet_crc(0, head, len));
	if (late) {
		arrive_late(packet, DDFRAGHDR + len);
		return;
	}
	if (who & 0x10)
		base = seq + 1;
	arrive(packet, DDFRAGHDR + len, who);
}

/* An extension block, near to what is true if its fields are small. */
static void state_packet(void)
{
	char packet[DDFRAGHDR + WIRE_LINK_MAX + 8] = { 0 };
	unsigned who = next(), flags = next();
	const struct host *h = host_find(sw, KNOWN);
	struct packet_state s = { .longest = 4080u << next() % 6, .window = 1u << next() % 32 };
	uint32_t expected = (h ? h->tx_first : 0) + (uint32_t)(int8_t)next(), len;
	bool late = flags & 0x40 && h && notices_late(h->rx_next, 0);

	s.expected = (uint16_t)expected;
	s.duplicates = next();
	s.can_wrap = !(flags & 0x08);
	s.count = (uint16_t)(next() % (WIRE_LINK_WORDS + 1));
	for (uint32_t i = 0; i < s.count; i++)
		s.list[i] = next() * 0x01010101u;
	len = packet_put_state(packet + DDFRAGHDR, &s);
	if (flags & 0x80)
		wire_put16(packet + DDFRAGHDR + WIRE_LINK_COUNT, (uint16_t)(s.count + next()));
	packet_head(packet, OWN, KNOWN, 0, (uint16_t)(expected - 1), flags & (FFACK | WIRE_PKT_ASK),
		h && h->plain ? 0 : packet_wraps(0, late ? expected - ROUND : expected));
	packet_seal(packet, packet_crc(0, packet + DDFRAGHDR, len));
	if (late)
		arrive_late(packet, DDFRAGHDR + len);
	else
		arrive(packet, DDFRAGHDR + len, who);
}

/* The known host acknowledges some of what it got, as 3.4.6 does. */
static void acknowledge(void)
{
	unsigned which = next();
	char packet[65536], reply[DDFRAGHDR];

	for (int i = 0; i < 8 && recv(peer_udp, packet, sizeof packet, 0) >= DDFRAGHDR; i++) {
		bool sealed;

		if (!(which & 1u << i) || !(packet[WIRE_PKT_FLAGS] & (FFDAT | FFFIN)))
			continue;
		packet_head(reply, OWN, KNOWN, 0, wire_get16(packet + WIRE_PKT_SEQ), FFACK, 0);
		packet_seal(reply, 0);
		REQUIRE(packet_intact(reply, sizeof reply, 0, &sealed) && sealed);
		arrive(reply, sizeof reply, 0);
	}
}

/* The daemon sends to a host or a task. */
static void daemon_sends(void)
{
	static char frame[TDFRAGHDR + MSGHDRLEN + (255 << 8)];
	static const uint32_t to[] = { KNOWN, FAR, TASK, PENDING, UNHEARD, OWN };
	uint32_t len = MSGHDRLEN + (next() << 8);

	wire_put32(frame + WIRE_FRAG_DST, to[next() % 6]);
	wire_put32(frame + WIRE_FRAG_SRC, OWN);
	wire_put32(frame + WIRE_FRAG_LENGTH, len);
	frame[WIRE_FRAG_FLAGS] = FFSOM | FFEOM;
	sw_send(sw, frame, TDFRAGHDR + len);
}

/* A task sends to one of the known host, or announces a multicast with it. */
static void task_sends(void)
{
	char frame[TDFRAGHDR + MSGHDRLEN + 16] = { 0 }, *body = frame + TDFRAGHDR + MSGHDRLEN;
	static const uint32_t to[] = { FAR, 0x80000000u, SENDER | TIDGID };
	unsigned what = next() % 3;

	wire_put32(frame + WIRE_FRAG_DST, to[what]);
	wire_put32(frame + WIRE_FRAG_LENGTH, sizeof frame - TDFRAGHDR);
	frame[WIRE_FRAG_FLAGS] = FFSOM | FFEOM;
	wire_put32(frame + TDFRAGHDR + WIRE_MSG_TAG, what == 1 ? (uint32_t)TM_MCA : 5);
	wire_put32(body, 3);
	wire_put32(body + 4, FAR);
	wire_put32(body + 8, TASK);
	wire_put32(body + 12, PENDING | 1);
	if (send(sender_fd, frame, sizeof frame, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

/* A host at the socket that answers nothing. */
static struct sw_host peer_host(uint32_t tid)
{
	uint16_t port = ntohs(known_address.sin_port);

	return (struct sw_host){ tid, INADDR_LOOPBACK, port, .mtu = WIRE_PKT_DEFAULT };
}

static void add_known(void)
{
	struct sw_host host = peer_host(KNOWN);

	struct host *h = host_find(sw, KNOWN);

	host.silence_ms = 60000;
	REQUIRE(sw_host(sw, &host) == 0);
	if (h)
		return;
	h = host_find(sw, KNOWN);
	first = ++life % 2 ? 1 : NEAR_ROUND;
	h->rx_next = h->tx_first = h->tx_next = base = first;
	used = clock_now();
	for (unsigned i = 0; first == NEAR_ROUND && i < LINK_BLOCKS; i++)
		h->used[i] = used;
	last_seen = task_seen = 0;
}

/* Hosts and the receiving task come and go. */
static void change(void)
{
	switch (next() % 5) {
	case 0: sw_host_close(sw, KNOWN); break;
	case 1: sw_host_forget(sw, KNOWN, 1); break;
	case 2: sw_forget(sw, TASK); break;
	case 3: sw_notify_drain(sw, FAR, 100); break;
	default: add_known(); break;
	}
}

static void (*const steps[])(void) = { data_packet, data_packet, state_packet, any_packet,
	acknowledge, daemon_sends, task_sends, change };

static int open_task(uint32_t tid)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	uint64_t conn = 0;

	REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
	for (int i = 0; i < 10 && !conn; i++)
		conn = run(SW_OPEN);
	REQUIRE(conn && sw_bind(sw, conn, tid, NULL, 0, 0) == 0);
	return fd;
}

static void begin(void)
{
	struct sw_config config = { .standby_us = UINT32_MAX,
		.uid = UINT32_MAX,
		.message_max = 1 << 20,
		.queue_low = 1 << 12,
		.queue_total = 1 << 16 };
	struct sw_host pending = peer_host(PENDING);
	struct sockaddr_in own;

	pending.flags = SW_HOST_PENDING;
	sw = sw_new(listener, OWN, &config);
	REQUIRE(sw != NULL);
	own_udp = udp_socket(&own);
	REQUIRE(sw_network(sw, own_udp, WIRE_PKT_DEFAULT) == 0);
	REQUIRE(sw_host(sw, &pending) == 0);
	add_known();
	task_fd = open_task(TASK);
	sender_fd = open_task(SENDER);
}

static void finish(void)
{
	char packet[1];

	close(task_fd);
	close(sender_fd);
	task_fd = -1;
	drain_task();
	run(SW_CLOSE);
	sw_free(sw);
	close(own_udp);
	while (recv(peer_udp, packet, sizeof packet, 0) >= 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	at = data;
	end = data + size;
	begin();
	for (int i = 0; i < STEPS_MAX && at < end; i++) {
		steps[next() % (sizeof steps / sizeof *steps)]();
		run(SW_CLOSE);
		drain_task();
		if (host_find(sw, KNOWN))
			check_link(host_find(sw, KNOWN));
	}
	finish();
	return 0;
}

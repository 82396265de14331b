/* SPDX-License-Identifier: MIT */
/* The form of packets between daemons: header, check, extension block. */
#include "base/packet.h"

/* CRC-32C, reflected. */
#define POLYNOMIAL 0x82f63b78u
#define CHECK_MASK 0xffffffu

static uint32_t table[8][256];

__attribute__((constructor)) static void make_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t v = i;

		for (int k = 0; k < 8; k++)
			v = v >> 1 ^ (v & 1 ? POLYNOMIAL : 0);
		table[0][i] = v;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
}

/* Eight bytes at a time, on any machine. */
static uint32_t crc_by_table(uint32_t crc, const unsigned char *p, uint32_t n)
{
	for (; n >= 8; n -= 8, p += 8) {
		crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
			(uint32_t)p[3] << 24;
		crc = table[7][crc & 0xff] ^ table[6][crc >> 8 & 0xff] ^
			table[5][crc >> 16 & 0xff] ^ table[4][crc >> 24] ^ table[3][p[4]] ^
			table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
	}
	while (n--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc_by_machine(uint32_t crc,
	const unsigned char *p, uint32_t n)
{
	uint64_t sum = crc, word;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, sizeof word);
		sum = __builtin_ia32_crc32di(sum, word);
	}
	while (n--)
		sum = __builtin_ia32_crc32qi((uint32_t)sum, *p++);
	return (uint32_t)sum;
}
#endif

uint32_t packet_crc(uint32_t crc, const char *data, uint32_t len)
{
	const unsigned char *p = (const unsigned char *)data;

#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_by_machine(~crc, p, len);
#endif
	return ~crc_by_table(~crc, p, len);
}

/* Write the last word of a header: the flags, and wraps or check. */
static void put_last(char *head, uint32_t flags, uint32_t rest)
{
	wire_put32(head + WIRE_PKT_FLAGS, (flags & ~CHECK_MASK) | rest);
}

/* The 24 bits for a packet with the wraps in its header; never 0: that means there is no check. */
static uint32_t check(const char *head, uint32_t crc)
{
	crc = packet_crc(crc, head, DDFRAGHDR) & CHECK_MASK;
	return crc ? crc : CHECK_MASK;
}

void packet_seal(char *head, uint32_t crc)
{
	put_last(head, wire_get32(head + WIRE_PKT_FLAGS), check(head, crc));
}

bool packet_intact(const char *packet, uint32_t len, uint32_t wraps, bool *sealed)
{
	uint32_t last = wire_get32(packet + WIRE_PKT_FLAGS), found = last & CHECK_MASK;
	char head[DDFRAGHDR];

	*sealed = found != 0;
	if (!found)
		return true;
	memcpy(head, packet, sizeof head);
	put_last(head, last, wraps);
	return found == check(head, packet_crc(0, packet + DDFRAGHDR, len - DDFRAGHDR));
}

void packet_head(char *head, uint32_t dst, uint32_t src, uint16_t seq, uint16_t ack, unsigned flags,
	uint32_t wraps)
{
	wire_put32(head + WIRE_PKT_DST, dst);
	wire_put32(head + WIRE_PKT_SRC, src);
	wire_put16(head + WIRE_PKT_SEQ, seq);
	wire_put16(head + WIRE_PKT_ACK, ack);
	put_last(head, flags << 24, wraps);
}

uint32_t packet_put_state(char *block, const struct packet_state *s)
{
	wire_put32(block + WIRE_LINK_MAGIC, WIRE_EXT_MAGIC);
	wire_put16(block + WIRE_LINK_COUNT, s->count);
	wire_put16(block + WIRE_LINK_EXPECTED, s->expected);
	wire_put32(block + WIRE_LINK_LONGEST, s->longest);
	wire_put32(block + WIRE_LINK_WINDOW, s->window);
	wire_put32(block + WIRE_LINK_DUPLICATES, s->duplicates);
	for (uint32_t i = 0; i < s->count; i++)
		wire_put32(block + WIRE_LINK_BYTES + 4 * i, s->list[i]);
	if (!s->can_wrap)
		return WIRE_LINK_BYTES + 4u * s->count;
	wire_put32(block + WIRE_LINK_BYTES + 4u * s->count, WIRE_LINK_CAN_WRAP);
	return WIRE_LINK_BYTES + 4u * s->count + 4;
}

bool packet_get_state(struct packet_state *s, const char *block, uint32_t len)
{
	uint32_t list;

	if (len < WIRE_LINK_BYTES || wire_get32(block + WIRE_LINK_MAGIC) != WIRE_EXT_MAGIC)
		return false;
	s->count = wire_get16(block + WIRE_LINK_COUNT);
	s->expected = wire_get16(block + WIRE_LINK_EXPECTED);
	s->longest = wire_get32(block + WIRE_LINK_LONGEST);
	s->window = wire_get32(block + WIRE_LINK_WINDOW);
	s->duplicates = wire_get32(block + WIRE_LINK_DUPLICATES);
	list = 4u * s->count;
	if (s->count > WIRE_LINK_WORDS || len - WIRE_LINK_BYTES < list)
		return false;
	s->can_wrap = len - WIRE_LINK_BYTES - list >= 4 &&
		wire_get32(block + WIRE_LINK_BYTES + list) & WIRE_LINK_CAN_WRAP;
	for (uint32_t i = 0; i < s->count; i++)
		s->list[i] = wire_get32(block + WIRE_LINK_BYTES + 4 * i);
	return true;
}

/* SPDX-License-Identifier: MIT */
/* The form of packets between daemons: header, check, extension block. Pure functions. */
#ifndef PVM3PY_SWITCH_PACKET_H
#define PVM3PY_SWITCH_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "layout.h"

/* Extension block as it was received or is to be sent. */
struct packet_state {
	uint16_t expected; /* sequence number of the next packet */
	uint16_t count;    /* words of the list */
	uint32_t longest;  /* packet taken, bytes */
	uint32_t window;   /* bytes */
	uint32_t duplicates;
	bool can_wrap;                  /* checks cover the wraps */
	uint32_t list[WIRE_LINK_WORDS]; /* bit 31 of word 0: packet expected + 1, and so on */
};

/* Continue a CRC-32C (begin with 0). */
uint32_t packet_crc(uint32_t crc, const char *data, uint32_t len);
/*
 * How often the sequence number of a packet and the one that it acknowledges have wrapped, as its
 * check covers them. A packet carries 16 bits of these numbers; both ends know the others.
 */
static inline uint32_t packet_wraps(uint32_t seq, uint32_t ack)
{
	const uint32_t mask = (1u << WIRE_PKT_WRAPS) - 1;

	return (seq >> 16 & mask) << WIRE_PKT_WRAPS | (ack >> 16 & mask);
}

/* The number, near to `near`, of which a packet carries these 16 bits. */
static inline uint32_t packet_number(uint32_t near, uint16_t carried)
{
	return near + (uint32_t)(int16_t)(carried - near);
}

/*
 * Finish a packet: its check goes into the header, in place of the wraps. crc is that of what
 * follows the header.
 */
void packet_seal(char *head, uint32_t crc);
/*
 * Is the packet, `len` bytes with the header, as it was sealed with these wraps? sealed: false if
 * it has no check.
 */
bool packet_intact(const char *packet, uint32_t len, uint32_t wraps, bool *sealed);

/* Write a header to be sealed; flags as in the layout. */
void packet_head(char *head, uint32_t dst, uint32_t src, uint16_t seq, uint16_t ack, unsigned flags,
	uint32_t wraps);

/* Write the block; returns its length. */
uint32_t packet_put_state(char *block, const struct packet_state *);
/* Read one of `len` bytes; false: it is none. */
bool packet_get_state(struct packet_state *, const char *block, uint32_t len);

#endif

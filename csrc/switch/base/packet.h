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
	uint32_t list[WIRE_LINK_WORDS]; /* bit 31 of word 0: packet expected + 1, and so on */
};

/* Continue a CRC-32C (begin with 0). */
uint32_t packet_crc(uint32_t crc, const char *data, uint32_t len);
/*
 * Finish a packet: its check goes into the header. crc is that of what follows
 * the header.
 */
void packet_seal(char *head, uint32_t crc);
/* Is the packet, `len` bytes with the header, as it was sealed? sealed: false if it has no check. */
bool packet_intact(const char *packet, uint32_t len, bool *sealed);

/* Write a header; flags as in the layout, no check. */
void packet_head(char *head, uint32_t dst, uint32_t src, uint16_t seq, uint16_t ack,
	unsigned flags);

/* Write the block; returns its length. */
uint32_t packet_put_state(char *block, const struct packet_state *);
/* Read one of `len` bytes; false: it is none. */
bool packet_get_state(struct packet_state *, const char *block, uint32_t len);

#endif

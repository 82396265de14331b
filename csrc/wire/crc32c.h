/* SPDX-License-Identifier: MIT */
/* CRC-32C (Castagnoli), by the processor's instruction where there is one. */
#ifndef PVM3PY_WIRE_CRC32C_H
#define PVM3PY_WIRE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* A nibble at a time: for processors of before 2008. */
static inline uint32_t crc32c_slowly(uint32_t state, const unsigned char *at, size_t n)
{
	static const uint32_t table[16] = {
		0x00000000,
		0x105ec76f,
		0x20bd8ede,
		0x30e349b1,
		0x417b1dbc,
		0x5125dad3,
		0x61c69362,
		0x7198540d,
		0x82f63b78,
		0x92a8fc17,
		0xa24bb5a6,
		0xb21572c9,
		0xc38d26c4,
		0xd3d3e1ab,
		0xe330a81a,
		0xf36e6f75,
	};

	while (n--) {
		state ^= *at++;
		state = state >> 4 ^ table[state & 15];
		state = state >> 4 ^ table[state & 15];
	}
	return state;
}

#if defined(__x86_64__)
/* Eight bytes at a time. */
static inline uint32_t crc32c_fast(uint32_t state, const unsigned char *at, size_t n)
{
	uint64_t wide = state;

	for (; n >= 8; at += 8, n -= 8) {
		uint64_t word;

		__builtin_memcpy(&word, at, 8);
		__asm__("crc32q %1, %0" : "+r"(wide) : "r"(word));
	}
	state = (uint32_t)wide;
	for (; n; at++, n--)
		__asm__("crc32b %1, %0" : "+r"(state) : "r"(*at));
	return state;
}

static inline int crc32c_instruction(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c >> 20 & 1;
}
#endif

/*
 * The CRC of n bytes that follow others.
 *
 * crc  of what went before; 0 if nothing did
 */
static inline uint32_t crc32c(uint32_t crc, const void *bytes, size_t n)
{
#if defined(__x86_64__)
	static int known; /* 1: no, 2: yes. cpuid takes microseconds in a virtual machine */

	if (!known)
		known = 1 + crc32c_instruction();
	if (known == 2)
		return ~crc32c_fast(~crc, bytes, n);
#endif
	return ~crc32c_slowly(~crc, bytes, n);
}

#endif

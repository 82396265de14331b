/* SPDX-License-Identifier: MIT */
/* SHA-256, written from FIPS 180-4: its names for constants and functions in parentheses. */
#include <stdint.h>
#include <string.h>
#include "sha256.h"

enum { BLOCK = 64, LENGTH = 8, ROUNDS = 64 };

/* (K) The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constants[ROUNDS] = {
	0x428a2f98,
	0x71374491,
	0xb5c0fbcf,
	0xe9b5dba5,
	0x3956c25b,
	0x59f111f1,
	0x923f82a4,
	0xab1c5ed5,
	0xd807aa98,
	0x12835b01,
	0x243185be,
	0x550c7dc3,
	0x72be5d74,
	0x80deb1fe,
	0x9bdc06a7,
	0xc19bf174,
	0xe49b69c1,
	0xefbe4786,
	0x0fc19dc6,
	0x240ca1cc,
	0x2de92c6f,
	0x4a7484aa,
	0x5cb0a9dc,
	0x76f988da,
	0x983e5152,
	0xa831c66d,
	0xb00327c8,
	0xbf597fc7,
	0xc6e00bf3,
	0xd5a79147,
	0x06ca6351,
	0x14292967,
	0x27b70a85,
	0x2e1b2138,
	0x4d2c6dfc,
	0x53380d13,
	0x650a7354,
	0x766a0abb,
	0x81c2c92e,
	0x92722c85,
	0xa2bfe8a1,
	0xa81a664b,
	0xc24b8b70,
	0xc76c51a3,
	0xd192e819,
	0xd6990624,
	0xf40e3585,
	0x106aa070,
	0x19a4c116,
	0x1e376c08,
	0x2748774c,
	0x34b0bcb5,
	0x391c0cb3,
	0x4ed8aa4a,
	0x5b9cca4f,
	0x682e6ff3,
	0x748f82ee,
	0x78a5636f,
	0x84c87814,
	0x8cc70208,
	0x90befffa,
	0xa4506ceb,
	0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

/* (W) The 64 words that a block becomes. */
static void expand(const unsigned char *block, uint32_t *w)
{
	for (unsigned t = 0; t < 16; t++, block += 4)
		w[t] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 |
			(uint32_t)block[2] << 8 | block[3];
	for (unsigned t = 16; t < ROUNDS; t++) {
		uint32_t x = w[t - 2], y = w[t - 15];

		w[t] = (rotate(x, 17) ^ rotate(x, 19) ^ x >> 10) + w[t - 7] +
			(rotate(y, 7) ^ rotate(y, 18) ^ y >> 3) + w[t - 16];
	}
}

/* One block more into the eight words of the state. */
static void take_block(uint32_t *state, const unsigned char *block)
{
	uint32_t w[ROUNDS], a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

	expand(block, w);
	for (unsigned t = 0; t < ROUNDS; t++) {
		uint32_t sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
		uint32_t sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
		uint32_t t1 = h + sum1 + ((e & f) ^ (~e & g)) + round_constants[t] + w[t];
		uint32_t t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));

		h = g;
		g = f;
		f = e;
		e = d + t1;
		d = c;
		c = b;
		b = a;
		a = t1 + t2;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

/* What is left behind the whole blocks, a one bit, zeros, and the length in bits. */
static void take_end(uint32_t *state, const unsigned char *rest, size_t n, uint64_t bits)
{
	unsigned char end[2 * BLOCK] = { 0 };
	size_t size = n + 1 + LENGTH <= BLOCK ? BLOCK : 2 * BLOCK;

	if (n)
		memcpy(end, rest, n);
	end[n] = 0x80;
	for (unsigned i = 0; i < LENGTH; i++)
		end[size - 1 - i] = (unsigned char)(bits >> 8 * i);
	for (size_t at = 0; at < size; at += BLOCK)
		take_block(state, end + at);
}

void hpvm_sha256(const void *bytes, size_t size, unsigned char out[HPVM_HASH])
{
	/* (H) The same of the square roots of the first eight primes. */
	uint32_t state[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
		0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	const unsigned char *at = bytes;
	size_t left = size;

	for (; left >= BLOCK; at += BLOCK, left -= BLOCK)
		take_block(state, at);
	take_end(state, at, left, (uint64_t)size * 8);
	for (unsigned i = 0; i < HPVM_HASH; i++)
		out[i] = (unsigned char)(state[i / 4] >> 8 * (3 - i % 4));
}

void hpvm_hash_text(const unsigned char hash[HPVM_HASH], char text[HPVM_HASH_TEXT])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < HPVM_HASH; i++) {
		text[2 * i] = digits[hash[i] >> 4];
		text[2 * i + 1] = digits[hash[i] & 15];
	}
	text[2 * HPVM_HASH] = 0;
}

/* The value of a hexadecimal digit, in lower case; -1 if it is none. */
static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hpvm_hash_read(const char *text, unsigned char hash[HPVM_HASH])
{
	for (unsigned i = 0; i < HPVM_HASH; i++) {
		int high = digit_value(text[2 * i]);
		int low = high < 0 ? -1 : digit_value(text[2 * i + 1]);

		if (low < 0)
			return false;
		hash[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

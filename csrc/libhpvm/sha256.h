/* SPDX-License-Identifier: MIT */
/* SHA-256 as FIPS 180-4 defines it: kernels are known by the hash of their bytes. */
#ifndef HPVM_SHA256_H
#define HPVM_SHA256_H

#include <stdbool.h>
#include <stddef.h>

enum { HPVM_HASH = 32, HPVM_HASH_TEXT = 2 * HPVM_HASH + 1 };

/* The hash of `size` bytes, to `out`. */
void hpvm_sha256(const void *bytes, size_t size, unsigned char out[HPVM_HASH]);

/* The hash as hexadecimal digits with a NUL, and back: false if the text begins with no hash. */
void hpvm_hash_text(const unsigned char hash[HPVM_HASH], char text[HPVM_HASH_TEXT]);
bool hpvm_hash_read(const char *text, unsigned char hash[HPVM_HASH]);

#endif

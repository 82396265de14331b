/* SPDX-License-Identifier: MIT */
/*
 * Kernels that this host has got before, by the SHA-256 of their bytes: files of the directory
 * $XDG_CACHE_HOME/hpvm, or $HOME/.cache/hpvm, which is the user's alone. Where none can be
 * written nothing is kept, and that is no error.
 */
#ifndef HPVMC_CACHE_H
#define HPVMC_CACHE_H

#include <stddef.h>
#include "libhpvm/sha256.h"

/* What the cache holds at most, in bytes; the files that were used least recently go. */
#define HPVMC_CACHE_SIZE (256LL << 20)

/*
 * A kernel out of the cache: 0 with a new descriptor of a sealed memory file in *memfd, which the
 * caller closes; -1 if it is not there. Its bytes have this hash: a file that has another one is
 * removed.
 */
int hpvmc_cache_get(const unsigned char hash[HPVM_HASH], int *memfd);

/* Keep the bytes, which have this hash, and remove old files. 0; -1 if they cannot be kept. */
int hpvmc_cache_put(const unsigned char hash[HPVM_HASH], const void *bytes, size_t size);

/*
 * What was made out of something else is kept under a name of its own, `key`: get and put check the
 * hash of the content, too, which the file holds before it.
 */
int hpvmc_cache_get_made(const unsigned char key[HPVM_HASH], int *memfd);
int hpvmc_cache_put_made(const unsigned char key[HPVM_HASH], const void *bytes, size_t size);

/* A sealed memory file with these bytes, for dlopen("/proc/self/fd/N"); -1 with errno. */
int hpvmc_memory_file(const void *bytes, size_t size);

#endif

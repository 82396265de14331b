/* SPDX-License-Identifier: MIT */
/* Authentication files: who writes into a file that the other side has made is the same user. */
#ifndef PVM3PY_PROOF_H
#define PVM3PY_PROOF_H

#include <stdbool.h>

/* A path of such a file of ours, with its NUL: as long as that of a socket. */
#define PROOF_PATH_MAX 108
/* The numbers that end their names are below this. */
#define PROOF_NAMES 10000u

/*
 * Write one byte into the file at `path` that a peer has made, if it is an empty regular file of
 * this user. No link is followed, and nothing is waited for. 0 or -errno.
 */
int proof_sign(const char *path);
/*
 * Make an empty file of this user alone: its path is `stem` and *number, or a later number, or
 * four characters that cannot be foreseen if many numbers are taken. *number becomes the next one.
 * 0 or -errno.
 */
int proof_make(const char *stem, unsigned *number, char path[PROOF_PATH_MAX]);
/* Has the peer written one byte into the file that proof_make made for it? Removes the file. */
bool proof_take(const char *path);

#endif

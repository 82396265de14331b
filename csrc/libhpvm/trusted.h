/* SPDX-License-Identifier: MIT */
/* Files whose content is run: only the user, or root, can have written them. */
#ifndef HPVM_TRUSTED_H
#define HPVM_TRUSTED_H

#include <stddef.h>
#include <sys/stat.h>

/*
 * Open a file or directory below the directory `dir`, or with AT_FDCWD any one, for reading. Below
 * a directory no link is followed, and each directory on the way is checked, too: the owner must be
 * the user or root, and nobody else may write. The descriptor, or -1 with *why, the end of
 * a sentence such as "can be written by others"; errno is EBADMSG then if the system gave no error.
 */
int hpvm_trusted_open(int dir, const char *path, struct stat *what, const char **why);

/*
 * Read a regular file of `size` bytes that was opened so. Memory of malloc, with a NUL behind the
 * bytes; NULL with *why and errno if it cannot be had, also if the file has not that size.
 */
void *hpvm_trusted_read(int fd, size_t size, const char **why);

#endif

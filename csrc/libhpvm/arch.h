/* SPDX-License-Identifier: MIT */
/* Names of architectures, which are the first level of a kernel tree. */
#ifndef HPVM_ARCH_H
#define HPVM_ARCH_H

#include <stddef.h>

/* Bytes of a file's beginning that tell its architecture. */
enum { HPVM_ELF_HEADER = 20 };

/* What the `size` bytes at the beginning of a file say; the name, NULL if they are of no shared
 * object of a known architecture. */
const char *hpvm_arch_of(const void *bytes, size_t size);

/* The architecture and the system that this was compiled for; "unknown" if it has no name. */
const char *hpvm_arch_here(void);
const char *hpvm_os_here(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Where the running program is: files that belong to it lie beside it. */
#ifndef HPVM_PROGRAM_H
#define HPVM_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/* The program's path, to `path`; false if the system does not tell. */
bool hpvm_program(char *path, size_t room);

#endif

/* SPDX-License-Identifier: MIT */
/* hpvm.h for the files that define its functions: these are not hidden as all else is. */
#ifndef HPVM_API_H
#define HPVM_API_H

#pragma GCC visibility push(default)
#include "hpvm.h"
#pragma GCC visibility pop

#endif

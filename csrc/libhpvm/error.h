/* SPDX-License-Identifier: MIT */
/* Results of calls: a code and a sentence. */
#ifndef HPVM_ERROR_H
#define HPVM_ERROR_H

/*
 * The call failed. The sentence is kept for hpvm_error, and printed as a line on standard error
 * unless the program has HPVM_AUTOERR off. Returns the code.
 */
int hpvm__fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The call went well. Returns HPVM_OK. */
int hpvm__good(void);

/* A line for the user about something that is no error of a call. */
void hpvm__say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Watch from now on; the code of the first call that failed since then, or HPVM_OK. */
void hpvm__watch(void);
int hpvm__watched(void);

/* HPVM_AUTOERR. */
void hpvm__set_autoerr(long value);

#endif

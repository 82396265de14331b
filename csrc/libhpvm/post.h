/* SPDX-License-Identifier: MIT */
/* Messages as streams of bytes, over PVM's buffers. */
#ifndef HPVM_POST_H
#define HPVM_POST_H

#include <stdbool.h>
#include <stddef.h>

/* A message being made. One at a time. */
void hpvm__begin(void);

/* Add bytes. hpvm__add copies a record of at most 64 KiB; hpvm__lay has them read where they are when the message is
 * sent, which is worth it for long ones. */
void hpvm__add(const void *bytes, size_t size);
void hpvm__lay(const void *bytes, size_t size);

/* Bytes so far. */
size_t hpvm__length(void);

/* Send it. A negative code of PVM. */
int hpvm__send(int tid, int tag);

/* A message of one record and perhaps bytes behind it. A negative code of PVM. */
int hpvm__post(int tid, int tag, const void *record, size_t size, const void *bytes, size_t more);

/* Take bytes of the message that has come: false if it has not that many. */
bool hpvm__take(void *bytes, size_t size);
bool hpvm__skip(size_t size);

/* Bytes that have not been taken. */
size_t hpvm__left(void);

/* Sender and tag of the message with this buffer, whose bytes are taken from now on. */
int hpvm__open(int buffer, int *tag);

/* Keep the message that has come, and go on with it later: the bytes that are left, which
 * hpvm__go_on wants with its buffer. There the message that is open is freed. */
size_t hpvm__put_aside(void);
void hpvm__go_on(int buffer, size_t left);

#endif

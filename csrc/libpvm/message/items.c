/* SPDX-License-Identifier: MIT */
/*
 * Items that the library itself puts into messages and gets from them: numbers, strings, bytes,
 * and whole messages with their header, which is also the form of mailbox records.
 */
#include "message/message.h"

#include <stdlib.h>
#include <string.h>

int pvm__put_int(struct message *m, int value)
{
	return m->codec->pack(m, ITEM_INT, (char *)&value, 1, sizeof value);
}

int pvm__put_ints(struct message *m, const int *values, int n)
{
	return n > 0 ? m->codec->pack(m, ITEM_INT, (const char *)values, n, sizeof *values) : 0;
}

int pvm__put_str(struct message *m, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (len >= INT32_MAX)
		return PvmOverflow;
	return m->codec->pack_str(m, text ? text : "", (int)len + 1);
}

int pvm__put_bytes(struct message *m, const void *p, int n)
{
	return n > 0 ? m->codec->pack(m, ITEM_BYTE, p, n, 1) : 0;
}

int pvm__get_int(struct message *m, int *value)
{
	return m->codec->unpack(m, ITEM_INT, (char *)value, 1, sizeof *value);
}

int pvm__get_ints(struct message *m, int *values, int n)
{
	return n > 0 ? m->codec->unpack(m, ITEM_INT, (char *)values, n, sizeof *values) : 0;
}

int pvm__get_bytes(struct message *m, void *p, int n)
{
	return n > 0 ? m->codec->unpack(m, ITEM_BYTE, p, n, 1) : 0;
}

int pvm__get_str(struct message *m, char **text)
{
	int len;
	int code = pvm__get_int(m, &len);

	if (code)
		return code;
	if (len <= 0)
		return PvmBadMsg;
	if ((size_t)len > pvm__bytes_left(m))
		return PvmNoData;
	*text = malloc((size_t)len);
	if (!*text)
		return PvmNoMem;
	code = pvm__get_bytes(m, *text, len);
	if (code) {
		free(*text);
		*text = NULL;
		return code;
	}
	(*text)[len - 1] = 0;
	return 0;
}

int pvm__unpack_text(struct message *m, char *text)
{
	int len = 0;
	int code = pvm__get_int(m, &len);

	if (code == 0 && len < 0)
		code = PvmBadMsg;
	return code ? code : pvm__get_bytes(m, text, len);
}

/* ---- messages in messages -------------------------------------------------- */

int pvm__put_message(struct message *outer, struct message *inner)
{
	bool inplace = inner->enc == WIRE_ENC_INPLACE;
	uint64_t length = 0;
	int code = 0;

	if (outer->enc == WIRE_ENC_INPLACE)
		return PvmNotImpl;
	for (unsigned i = 0; i < inner->nfrags; i++)
		length += inner->frags[i].len;
	if (length > INT32_MAX)
		return PvmOverflow;
	/* In-place items are copied here, so what arrives is a raw message. */
	code = pvm__put_ints(outer,
		(int[]){ (int)length, inner->ctx, inner->tag, inner->wid,
			(int)(inplace ? pvm__dsig() : inner->enc), 0, inner->src, inner->dst },
		8);
	for (unsigned i = 0; i < inner->nfrags && code == 0; i++) {
		const struct fragment *f = &inner->frags[i];

		code = pvm__put_int(outer, (int)f->len);
		if (code == 0)
			code = pvm__put_bytes(outer, f->data, (int)f->len);
	}
	return code;
}

/* Read fragments until `length` bytes have come. */
static int get_fragments(struct message *outer, struct message *inner, uint64_t length)
{
	while (inner->total < length) {
		struct fragment *f;
		int len;
		int code = pvm__get_int(outer, &len);

		if (code)
			return code;
		if (len < 0 || (uint64_t)len > length - inner->total)
			return PvmBadMsg;
		if ((size_t)len > pvm__bytes_left(outer))
			return PvmNoData;
		if (len == 0)
			continue;
		f = pvm__message_extend(inner, (size_t)len);
		if (!f)
			return PvmNoMem;
		code = pvm__get_bytes(outer, f->data, len);
		if (code)
			return code;
		codec_grow(f, (uint32_t)len);
		inner->total += (uint64_t)len;
	}
	return 0;
}

int pvm__get_message(struct message *outer, struct message **inner)
{
	int word[8]; /* length, ctx, tag, wid, enc, crc, src, dst */
	struct message *m;
	int code = pvm__get_ints(outer, word, 8);

	if (code)
		return code;
	if (word[0] < 0)
		return PvmBadMsg;
	m = pvm__message_new((uint32_t)word[4]);
	if (!m)
		return PvmNoMem;
	m->ctx = word[1];
	m->tag = word[2];
	m->wid = word[3];
	m->src = word[6];
	m->dst = word[7];
	code = get_fragments(outer, m, (uint64_t)word[0]);
	if (code) {
		pvm__message_unref(m);
		return code;
	}
	m->mode = MESSAGE_READING;
	pvm__message_set_codec(m);
	*inner = m;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Messages inside messages: with their header (pvm_pkmesg, pvm_upkmesg; also the
 * form of mailbox records), or only their body (pvm_pkmesgbody).
 */
#include "api.h"
#include "codec.h"

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
static int get_fragments(struct message *outer, struct message *inner, int length)
{
	while (inner->total < length) {
		struct fragment *f;
		int len;
		int code = pvm__get_int(outer, &len);

		if (code)
			return code;
		if (len < 0 || len > length - inner->total)
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
		inner->total += len;
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
	code = get_fragments(outer, m, word[0]);
	if (code) {
		pvm__message_unref(m);
		return code;
	}
	m->mode = MESSAGE_READING;
	pvm__message_set_codec(m);
	*inner = m;
	return 0;
}

/* Check the arguments of pvm_pkmesg and pvm_pkmesgbody and find the inner message. */
static int find_inner(int bufid, struct message **inner)
{
	if (bufid <= 0 || bufid == pvm_getsbuf())
		return PvmBadParam;
	*inner = pvm__message_of(bufid);
	if (!*inner)
		return PvmNoSuchBuf;
	if (!pvm__task.sbuf)
		return PvmNoBuf;
	pvm__message_resume(pvm__task.sbuf);
	return 0;
}

/*
 * Pack a message with header and body into the send buffer. 0, PvmBadParam,
 * PvmNoSuchBuf, PvmNoBuf, PvmNoMem, PvmNotImpl (into an in-place buffer). Errors
 * are returned without a report.
 */
int pvm_pkmesg(int bufid)
{
	API_LOCK();
	struct message *inner;
	int code = find_inner(bufid, &inner);

	return code ? code : pvm__put_message(pvm__task.sbuf, inner);
}

/*
 * Append the body of a message to the send buffer without copying it. What is
 * packed later goes behind it. 0, PvmBadParam, PvmNoSuchBuf, PvmNoBuf,
 * PvmMismatch (encodings differ), PvmNoMem.
 */
int pvm_pkmesgbody(int bufid)
{
	API_LOCK();
	struct message *inner, *outer = pvm__task.sbuf;
	int code = find_inner(bufid, &inner);

	if (code)
		return code;
	if (inner->enc != outer->enc)
		return PvmMismatch;
	if (outer->nfrags && outer->frags[outer->nfrags - 1].len == 0)
		pvm__block_unref(outer->frags[--outer->nfrags].block);
	for (unsigned i = 0; i < inner->nfrags && code == 0; i++) {
		struct fragment *f = &inner->frags[i];

		code = pvm__message_share(outer, f->block, f->data, f->len);
		if (code)
			return code;
		/* Only one message may write behind shared bytes. */
		outer->frags[outer->nfrags - 1].room = f->room;
		f->room = 0;
	}
	return 0;
}

/*
 * Unpack a message that pvm_pkmesg packed. Returns the id of a new buffer,
 * PvmNoBuf, PvmBadMsg, PvmNoData, PvmNoMem; no error is reported.
 */
int pvm_upkmesg(void)
{
	API_LOCK();
	struct message *inner;
	int code;

	if (!pvm__task.rbuf)
		return PvmNoBuf;
	code = pvm__get_message(pvm__task.rbuf, &inner);
	if (code)
		return code;
	code = pvm__message_publish(inner);
	if (code < 0)
		pvm__message_unref(inner);
	return code;
}

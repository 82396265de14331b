/* SPDX-License-Identifier: MIT */
/*
 * Messages inside messages: with their header (pvm_pkmesg, pvm_upkmesg; also the
 * form of mailbox records), or only their body (pvm_pkmesgbody).
 */
#include "calls/api.h"

/* Check the arguments of pvm_pkmesg and pvm_pkmesgbody and find the inner message. */
static int find_inner(int bufid, struct message **inner)
{
	if (bufid <= 0 || (pvm__task.sbuf && bufid == pvm__task.sbuf->id))
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

/* SPDX-License-Identifier: MIT */
/* Buffers: what programs call messages. Which ones are current, and their headers. */
#include "calls/api.h"

int pvm__lookup(int id, struct message **m)
{
	if (id <= 0)
		return PvmBadParam;
	*m = pvm__message_of(id);
	return *m ? 0 : PvmNoSuchBuf;
}

/* ---- making and freeing --------------------------------------------------- */

/* Encoding word of a PvmData... number, 0: there is none. */
static uint32_t encoding_word(int encoding)
{
	switch (encoding) {
	case PvmDataDefault: return WIRE_ENC_XDR;
	case PvmDataRaw: return pvm__dsig();
	case PvmDataInPlace: return WIRE_ENC_INPLACE;
	case PvmDataTrace: return WIRE_ENC_TRACE;
	default: return 0;
	}
}

/* *made gets a new message for packing. Its id, PvmBadParam or PvmNoMem. */
static int make_buffer(int encoding, struct message **made)
{
	uint32_t enc = encoding_word(encoding);
	struct message *m;
	int id;

	if (!enc)
		return PvmBadParam;
	m = pvm__message_new(enc);
	if (!m)
		return PvmNoMem;
	id = enc == WIRE_ENC_TRACE ? pvm__trace_header(m) : 0;
	if (id == 0)
		id = pvm__message_publish(m);
	if (id < 0)
		pvm__message_unref(m);
	*made = m;
	return id;
}

/* Make a new empty buffer. Returns its id, PvmBadParam, PvmNoMem. */
int pvm_mkbuf(int encoding)
{
	struct message *made;

	API_ENTER(TEV_MKBUF, TEV_DID_ME, encoding);
	pvm__ids_rested();
	return API_LEAVE(TEV_MKBUF, TEV_DID_MB,
		pvm__result("pvm_mkbuf", make_buffer(encoding, &made)));
}

/* Replace the send buffer by a new one. Its id or an error code, reported for pvm_mkbuf too. */
static inline int renew_send_buffer(int encoding)
{
	struct message *made = NULL;
	int id;

	if (encoding_word(encoding) && pvm__task.sbuf)
		pvm__message_retire(pvm__task.sbuf);
	id = pvm__result("pvm_mkbuf", make_buffer(encoding, &made));
	if (id > 0)
		pvm__task.sbuf = made;
	return pvm__result("pvm_initsend", id);
}

int pvm__renew_send_buffer(int encoding)
{
	return renew_send_buffer(encoding);
}

API_TRACED_WAY int initsend_held(int encoding)
{
	API_BEGIN(TEV_INITSEND, TEV_DID_ME, encoding);
	return API_LEAVE(TEV_INITSEND, TEV_DID_MSB, renew_send_buffer(encoding));
}

API_TRACED_WAY int initsend_traced(int encoding)
{
	API_LOCK();
	return initsend_held(encoding);
}

/* Replace the send buffer by a new empty one. Returns its id, PvmBadParam, PvmNoMem. */
int pvm_initsend(int encoding)
{
	API_IF_TRACED(initsend_traced(encoding));
	API_LOCK();
	if (pvm__connect_if_possible())
		return initsend_held(encoding);
	return renew_send_buffer(encoding);
}

static int free_buffer(int bufid)
{
	struct message *m;
	int code;

	if (bufid == 0)
		return 0;
	code = pvm__lookup(bufid, &m);
	if (code == 0) {
		pvm__message_retire(m);
		pvm__ids_rested();
	}
	return pvm__result("pvm_freebuf", code);
}

/* Free a buffer; 0 is no buffer and allowed. 0, PvmBadParam, PvmNoSuchBuf. */
int pvm_freebuf(int bufid)
{
	API_ENTER(TEV_FREEBUF, TEV_DID_MB, bufid);
	return API_LEAVE(TEV_FREEBUF, TEV_DID_CC, free_buffer(bufid));
}

/* ---- current buffers ------------------------------------------------------ */

/* Start reading what was packed. */
static void begin_reading(struct message *m)
{
	if (m->mode == MESSAGE_READING)
		return;
	m->total = pvm__message_bytes(m);
	m->mode = MESSAGE_READING;
	pvm__message_rewind(m);
	pvm__message_set_codec(m);
}

/*
 * Make a message ready for packing. What a raw message holds is kept in front of
 * new items; the other encodings begin anew with the first item packed.
 */
static void begin_packing(struct message *m)
{
	if (m->mode == MESSAGE_PACKING)
		return;
	m->mode = MESSAGE_PACKING;
	pvm__message_set_codec(m);
	if (m->enc == WIRE_ENC_XDR || m->enc == WIRE_ENC_TRACE)
		m->codec = &pvm__codec_restart;
}

/* Id of the send buffer, 0: none. */
int pvm_getsbuf(void)
{
	API_ENTER(TEV_GETSBUF);
	return API_LEAVE(TEV_GETSBUF, TEV_DID_MSB, pvm__task.sbuf ? pvm__task.sbuf->id : 0);
}

/* Id of the receive buffer, 0: none. */
int pvm_getrbuf(void)
{
	API_ENTER(TEV_GETRBUF);
	return API_LEAVE(TEV_GETRBUF, TEV_DID_MRB, pvm__task.rbuf ? pvm__task.rbuf->id : 0);
}

/*
 * Make a buffer (0: none) the current one of `role`. If it was current in the
 * other role it no longer is. Returns the old one's id, PvmBadParam, PvmNoSuchBuf.
 */
static int set_current(int bufid, struct message **role, struct message **other,
	void (*begin)(struct message *))
{
	int old = *role ? (*role)->id : 0;
	struct message *m = NULL;
	int code = bufid ? pvm__lookup(bufid, &m) : 0;

	if (code)
		return code;
	if (m && *other == m)
		*other = NULL;
	*role = m;
	if (m)
		begin(m);
	return old;
}

/* Make a buffer the send buffer (0: none). Returns the old one's id or an error. */
int pvm_setsbuf(int bufid)
{
	API_ENTER(TEV_SETSBUF, TEV_DID_MB, bufid);
	return API_LEAVE(TEV_SETSBUF, TEV_DID_MSB,
		pvm__result("pvm_setsbuf",
			set_current(bufid, &pvm__task.sbuf, &pvm__task.rbuf, begin_packing)));
}

/* Make a buffer the receive buffer (0: none). Returns the old one's id or an error. */
int pvm_setrbuf(int bufid)
{
	API_ENTER(TEV_SETRBUF, TEV_DID_MB, bufid);
	return API_LEAVE(TEV_SETRBUF, TEV_DID_MRB,
		pvm__result("pvm_setrbuf",
			set_current(bufid, &pvm__task.rbuf, &pvm__task.sbuf, begin_reading)));
}

/* ---- headers --------------------------------------------------------------- */

static int buffer_header(int bufid, int *bytes, int *tag, int *tid)
{
	struct message *m;
	int code = pvm__lookup(bufid, &m);

	if (code)
		return pvm__result("pvm_bufinfo", code);
	if (bytes)
		*bytes = pvm__message_length(m);
	if (tag)
		*tag = m->tag;
	if (tid)
		*tid = m->src;
	return 0;
}

API_TRACED_WAY int bufinfo_held(int bufid, int *bytes, int *tag, int *tid)
{
	API_BEGIN(TEV_BUFINFO, TEV_DID_MB, bufid);
	const struct trace_header h = pvm__trace_header_of(pvm__message_of(bufid));

	return API_LEAVE(TEV_BUFINFO, TEV_DID_CC, buffer_header(bufid, bytes, tag, tid),
		TEV_DID_INB, h.bytes, TEV_DID_IMC, h.tag, TEV_DID_IST, h.src);
}

API_TRACED_WAY int bufinfo_traced(int bufid, int *bytes, int *tag, int *tid)
{
	API_LOCK();
	return bufinfo_held(bufid, bytes, tag, tid);
}

/* Length, tag and sender of a message; each pointer may be NULL. */
int pvm_bufinfo(int bufid, int *bytes, int *tag, int *tid)
{
	API_IF_TRACED(bufinfo_traced(bufid, bytes, tag, tid));
	API_LOCK();
	if (pvm__connect_if_possible())
		return bufinfo_held(bufid, bytes, tag, tid);
	return buffer_header(bufid, bytes, tag, tid);
}

int pvm__get_header(int bufid, struct pvmminfo *info)
{
	struct message *m;
	int code = pvm__lookup(bufid, &m);

	if (code == 0 && !info)
		code = PvmBadParam;
	if (code)
		return pvm__result("pvm_getminfo", code);
	*info = (struct pvmminfo){ .len = pvm__message_length(m),
		.ctx = m->ctx,
		.tag = m->tag,
		.wid = m->wid,
		.enc = (int)m->enc,
		.crc = 0,
		.src = m->src,
		.dst = m->dst };
	return 0;
}

/* Header of a message. 0, PvmBadParam, PvmNoSuchBuf. */
int pvm_getminfo(int bufid, struct pvmminfo *info)
{
	API_ENTER(TEV_GETMINFO, TEV_DID_MB, bufid);
	return API_LEAVE(TEV_GETMINFO, TEV_DID_CC, pvm__get_header(bufid, info));
}

int pvm__set_header(int bufid, const struct pvmminfo *info)
{
	struct message *m;
	int code = pvm__lookup(bufid, &m);

	if (code == 0 && !info)
		code = PvmBadParam;
	if (code)
		return pvm__result("pvm_setminfo", code);
	m->ctx = info->ctx;
	m->tag = info->tag;
	m->wid = info->wid;
	m->src = info->src;
	m->dst = info->dst;
	return 0;
}

/* Set context, tag, wait id, source and destination of a message. */
int pvm_setminfo(int bufid, struct pvmminfo *info)
{
	API_ENTER(TEV_SETMINFO, TEV_DID_MB, bufid);
	return API_LEAVE(TEV_SETMINFO, TEV_DID_CC, pvm__set_header(bufid, info));
}

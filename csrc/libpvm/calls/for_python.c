/* SPDX-License-Identifier: MIT */
/* Messages past the active buffers: what the Python interface sends and receives in one call. */
#include "calls/api.h"
#include "message/copy.h"

#include <string.h>

enum { PIECE_MAX = 1 << 30 }; /* bytes of a fragment in place */

/* ---- sending --------------------------------------------------------------- */

/* Append memory in place. 0 or PvmNoMem. */
static int share(struct message *m, const void *data, size_t length)
{
	unsigned char *at = (unsigned char *)data;
	int code = 0;

	while (length && code == 0) {
		uint32_t piece = length < PIECE_MAX ? (uint32_t)length : PIECE_MAX;

		code = pvm__message_share(m, NULL, at, piece);
		at += piece;
		length -= piece;
	}
	return code;
}

/* Append a part, and what makes the next one begin where it is to. 0 or PvmNoMem. */
static int share_part(struct message *m, const struct pvmpart *part, bool last)
{
	static const unsigned char zeroes[PVM_PART_ALIGN];
	size_t over = part->length % PVM_PART_ALIGN;
	int code = share(m, part->data, part->length);

	if (code || last || !over)
		return code;
	return share(m, zeroes, PVM_PART_ALIGN - over);
}

/* A message of these parts. 0 or PvmNoMem. */
static int compose(int tag, const struct pvmpart *parts, int count, struct message **made)
{
	struct message *m = pvm__message_new(WIRE_ENC_INPLACE);
	int code = m ? 0 : PvmNoMem;

	for (int i = 0; i < count && code == 0; i++)
		code = share_part(m, &parts[i], i == count - 1);
	if (code) {
		pvm__message_unref(m);
		return code;
	}
	m->tag = tag;
	m->ctx = pvmmyctx;
	*made = m;
	return 0;
}

static int send_parts(const int *tids, int n, int tag, const struct pvmpart *parts, int count)
{
	struct message *m;
	int code = pvm__connect();

	if (code < 0)
		return code;
	if (n < 0 || count < 0)
		return PvmBadParam;
	for (int i = 0; i < n; i++)
		if (!pvm__may_send(tids[i], tag))
			return PvmBadParam;
	code = compose(tag, parts, count, &m);
	if (code)
		return code;
	return n == 1 ? pvm__send(m, tids[0]) : pvm__send_to_all(m, tids, n);
}

int pvmsendparts(const int *tids, int n, int tag, const struct pvmpart *parts, int count)
{
	API_ENTER(TEV_MCAST, TEV_DID_MNB, 0, TEV_DID_MC, tag, TEV_DID_MCX, pvmmyctx, TEV_DID_MDL,
		tids, n);
	return API_LEAVE(TEV_MCAST, TEV_DID_CC,
		pvm__result("pvm_mcast", send_parts(tids, n, tag, parts, count)));
}

/* Send parts to one task, as pvm_send. */
static int send_to_one(int tid, int tag, const struct pvmpart *parts, int count)
{
	size_t bytes = 0;

	for (int i = 0; i < count; i++)
		bytes += parts[i].length;
	API_ENTER(TEV_SEND, TEV_DID_MNB, (int)bytes, TEV_DID_DST, tid, TEV_DID_MC, tag, TEV_DID_MCX,
		pvmmyctx);
	return API_LEAVE(TEV_SEND, TEV_DID_CC,
		pvm__result("pvm_send", send_parts(&tid, 1, tag, parts, count)));
}

int pvmsendbytes(int tid, int tag, const char *data, size_t length)
{
	const struct pvmpart part = { data, length };

	return send_to_one(tid, tag, &part, 1);
}

int pvmsendpair(int tid, int tag, const char *first, size_t n, const char *second, size_t m)
{
	const struct pvmpart parts[] = { { first, n }, { second, m } };

	return send_to_one(tid, tag, parts, 2);
}

/* ---- receiving ------------------------------------------------------------- */

/* Seconds of a wait as the engine has them. */
static int64_t deadline_in(double seconds)
{
	struct timeval left;

	if (seconds == PVM_BRIEFLY)
		return BRIEFLY;
	if (seconds < 0)
		return NO_DEADLINE;
	if (seconds == 0)
		return ONE_PASS;
	if (seconds > INT32_MAX)
		return NO_DEADLINE;
	left.tv_sec = (time_t)seconds;
	left.tv_usec = (suseconds_t)((seconds - (double)left.tv_sec) * 1e6);
	return pvm__deadline(&left);
}

static void describe(const struct message *m, struct pvmarrival *arrival)
{
	*arrival = (struct pvmarrival){ .id = m->id,
		.tid = m->src,
		.tag = m->tag,
		.ctx = m->ctx,
		.encoding = m->enc == WIRE_ENC_XDR ? PvmDataDefault : PvmDataRaw,
		.length = m->mode == MESSAGE_READING ? m->total : pvm__message_bytes(m) };
}

/* Copy bytes from `offset` on, which the body has. */
static void copy_from(const struct message *m, size_t offset, char *to, size_t length)
{
	enum copy_way way = pvm__copy_way_out(length);

	for (unsigned i = 0; i < m->nfrags && length; i++) {
		const struct fragment *f = &m->frags[i];
		size_t n;

		if (offset >= f->len) {
			offset -= f->len;
			continue;
		}
		n = f->len - offset < length ? f->len - offset : length;
		pvm__copy((unsigned char *)to, f->data + offset, n, way);
		offset = 0;
		to += n;
		length -= n;
	}
	pvm__copy_finish(way);
}

/* Receive without a change of the active buffer. Id, 0 or an error code. */
static int receive_aside(int tid, int tag, int64_t deadline)
{
	int before = pvm__task.rbuf ? pvm__task.rbuf->id : 0, id;

	pvm__task.rbuf = NULL;
	id = pvm__receive_by_rule(tid, tag, deadline);
	pvm__task.rbuf = before ? pvm__message_of(before) : NULL;
	return id;
}

static int take(int tid, int tag, double seconds, struct pvmarrival *arrival, char *head,
	size_t room, const char *magic)
{
	int id = receive_aside(tid, tag, deadline_in(seconds));
	struct message *m;

	if (id <= 0)
		return id;
	m = pvm__message_of(id);
	describe(m, arrival);
	copy_from(m, 0, head, arrival->length < room ? arrival->length : room);
	if (magic && arrival->length >= 8 && arrival->length <= room &&
		memcmp(head, magic, 8) == 0) {
		pvm__message_retire(m);
		arrival->id = 0;
	}
	return 1;
}

/* Items of what was asked for, and of what came. */
#define WANTED TEV_DID_RST, tid, TEV_DID_RMC, tag, TEV_DID_RCX, pvmmyctx
#define CAME \
	TEV_DID_MNB, (int)arrival->length, TEV_DID_MC, arrival->tag, TEV_DID_MCX, arrival->ctx, \
		TEV_DID_SRC, arrival->tid

int pvmtake(int tid, int tag, double seconds, struct pvmarrival *arrival, char *head, size_t room,
	const char *magic)
{
	int code;

	API_ENTER(TEV_RECV, WANTED);
	*arrival = (struct pvmarrival){ 0 };
	code = pvm__result("pvm_recv", take(tid, tag, seconds, arrival, head, room, magic));
	return API_LEAVE(TEV_RECV, TEV_DID_MB, code < 0 ? code : arrival->id, CAME), code;
}

static int fill(int tid, int tag, double seconds, struct pvmarrival *arrival, char *to,
	size_t length)
{
	int id = receive_aside(tid, tag, deadline_in(seconds));
	struct message *m;

	if (id <= 0)
		return id;
	m = pvm__message_of(id);
	describe(m, arrival);
	if (arrival->encoding == PvmDataRaw && arrival->length == length) {
		copy_from(m, 0, to, length);
		pvm__message_retire(m);
		arrival->id = 0;
	}
	return 1;
}

int pvmfill(int tid, int tag, double seconds, struct pvmarrival *arrival, void *to, size_t length)
{
	int code;

	API_ENTER(TEV_RECV, WANTED);
	*arrival = (struct pvmarrival){ 0 };
	code = pvm__result("pvm_recv", fill(tid, tag, seconds, arrival, to, length));
	return API_LEAVE(TEV_RECV, TEV_DID_MB, code < 0 ? code : arrival->id, CAME), code;
}

static int look(int tid, int tag, double seconds, struct pvmarrival *arrival)
{
	int id = pvm__find_by_rule(tid, tag, deadline_in(seconds));

	if (id <= 0)
		return id;
	describe(pvm__message_of(id), arrival);
	return 1;
}

int pvmlook(int tid, int tag, double seconds, struct pvmarrival *arrival)
{
	API_ENTER(TEV_PROBE, WANTED);
	return API_LEAVE(TEV_PROBE, TEV_DID_CC,
		pvm__result("pvm_probe", look(tid, tag, seconds, arrival)));
}

/* ---- reading --------------------------------------------------------------- */

int pvmdescribe(int id, struct pvmarrival *arrival)
{
	API_LOCK();
	struct message *m;
	int code = pvm__lookup(id, &m);

	if (code == 0)
		describe(m, arrival);
	return pvm__result("pvm_bufinfo", code);
}

static int read_body(int id, size_t offset, char *to, size_t length)
{
	struct message *m;
	int code = pvm__lookup(id, &m);

	if (code)
		return code;
	if (m->mode != MESSAGE_READING)
		return PvmBadParam;
	if (offset > m->total || m->total - offset < length)
		return PvmNoData;
	copy_from(m, offset, to, length);
	return 0;
}

int pvmread(int id, size_t offset, char *to, size_t length)
{
	API_LOCK();
	return pvm__result("pvm_upkbyte", read_body(id, offset, to, length));
}

int pvmdrain(int id, size_t offset, char *to, size_t length)
{
	API_LOCK();
	int code = read_body(id, offset, to, length);

	if (code == 0)
		pvm__message_retire(pvm__message_of(id));
	return pvm__result("pvm_upkbyte", code);
}

int pvmrewind(int id)
{
	API_LOCK();
	struct message *m;
	int code = pvm__lookup(id, &m);

	if (code == 0 && m->mode == MESSAGE_READING)
		pvm__message_rewind(m);
	return pvm__result("pvm_setrbuf", code);
}

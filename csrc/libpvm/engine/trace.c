/* SPDX-License-Identifier: MIT */
/*
 * Trace events: packing them, counting and timing them, and sending them to the
 * tracer, alone or many in one message.
 */
#include "engine/engine.h"

#include <stdarg.h>

/* The message that takes events; NULL: none is begun. */
static struct message *events;
/* The event being made: its word, and whether items carry their names and types. */
static int current;
static bool describing;

/* pvmtevinfo[].desc_status: which halves of a call have been described. */
enum { DESCRIBED_ENTRY = 1, DESCRIBED_EXIT = 2, DESCRIBED_OTHER = 4 };

static int kind_of(int word)
{
	return word & ~(TEV_EVENT_ENTRY | TEV_EVENT_EXIT);
}

static int described_bit(int word)
{
	if (word & TEV_EVENT_ENTRY)
		return DESCRIBED_ENTRY;
	return word & TEV_EVENT_EXIT ? DESCRIBED_EXIT : DESCRIBED_OTHER;
}

static bool summing(void)
{
	return pvmtrc.trcopt == PvmTraceTime || pvmtrc.trcopt == PvmTraceCount;
}

/* ---- items ----------------------------------------------------------------- */

/* Name and type of an item, where they are wanted, and the length of an array. */
static void begin_item(int did, int type, int array, int n)
{
	if (describing) {
		pvm__put_int(events, did);
		pvm__put_int(events, type | array);
	}
	if (array)
		pvm__put_int(events, n);
}

/* Pack items of a type whose form in memory is the codec's. */
static int put_items(int type, enum item item, int did, int array, const void *data, int n,
	int stride)
{
	ptrdiff_t step = (ptrdiff_t)stride * pvm__item_size[item];

	if (!events)
		return 0;
	begin_item(did, type, array, n);
	return n > 0 ? events->codec->pack(events, item, data, n, step) : 0;
}

/* Longs are cut to the 4 bytes that they have in a trace. */
static int put_longs(int type, int did, int array, const long *data, int n, int stride)
{
	int code = 0;

	if (!events)
		return 0;
	begin_item(did, type, array, n);
	for (int i = 0; i < n && code == 0; i++)
		code = pvm__put_int(events, (int)data[(ptrdiff_t)i * stride]);
	return code;
}

/* One string, or an array of pointers to strings. */
static int put_strings(int did, int array, void *data, int n, int stride)
{
	char **strings = data;
	int code = 0;

	if (!events)
		return 0;
	begin_item(did, TEV_DATA_STRING, array, n);
	if (!array)
		return pvm__put_str(events, data);
	for (int i = 0; i < n && code == 0; i++)
		code = pvm__put_str(events, strings[(ptrdiff_t)i * stride]);
	return code;
}

#define PACKER(name, TYPE) \
	static int put_##name(int did, int array, void *data, int n, int stride) \
	{ \
		return put_items(TEV_DATA_##TYPE, ITEM_##TYPE, did, array, data, n, stride); \
	}
PACKER(bytes, BYTE)
PACKER(cplxs, CPLX)
PACKER(dcplxs, DCPLX)
PACKER(doubles, DOUBLE)
PACKER(floats, FLOAT)
PACKER(ints, INT)
PACKER(uints, UINT)
PACKER(shorts, SHORT)
PACKER(ushorts, USHORT)

static int put_long(int did, int array, void *data, int n, int stride)
{
	return put_longs(TEV_DATA_LONG, did, array, data, n, stride);
}

static int put_ulong(int did, int array, void *data, int n, int stride)
{
	return put_longs(TEV_DATA_ULONG, did, array, data, n, stride);
}

/* Packers of the event that is being made: they do nothing if events are only counted. */
static trace_packer packers[] = { put_bytes, put_cplxs, put_dcplxs, put_doubles, put_floats,
	put_ints, put_uints, put_long, put_ulong, put_shorts, put_ushorts, put_strings };
trace_packer *pvmtrccodef = packers;

static void put_value(int did, int value)
{
	put_ints(did, TEV_DATA_SCALAR, &value, 1, 1);
}

/* ---- sending --------------------------------------------------------------- */

/* Send a message to the tracer without opening a route. Consumes it. */
static int send_to_tracer(struct message *m)
{
	int code;

	pvm__self.unrouted = true;
	m->tag = pvmtrc.trctag;
	m->ctx = pvmtrc.trcctx;
	code = pvm__send(m, pvmtrc.trctid);
	pvm__self.unrouted = false;
	return code;
}

/* Send the events collected so far. */
static void send_events(void)
{
	struct message *m = events;

	if (!m)
		return;
	events = NULL;
	if (pvmtrc.trcbuf > 0)
		pvm__put_int(m, TEV_MARK_EVENT_BUFFER_END);
	if (send_to_tracer(m) == PvmSysErr)
		pvm__task.engine.unreported = true;
}

static void begin_message(void)
{
	if (events)
		return;
	events = pvm__message_new(WIRE_ENC_XDR);
	if (events && pvmtrc.trcbuf > 0)
		pvm__put_int(events, TEV_MARK_EVENT_BUFFER);
}

/* ---- events ---------------------------------------------------------------- */

/* Begin an event: its head, time and tid. */
static void begin_event(int word, struct timeval now)
{
	struct Pvmtevinfo *info = &pvmtevinfo[kind_of(word)];

	begin_message();
	if (!events)
		return;
	current = word;
	describing = !(info->desc_status & described_bit(word));
	info->desc_status |= described_bit(word);
	pvm__put_int(events, describing ? TEV_MARK_EVENT_DESC : TEV_MARK_EVENT_RECORD);
	pvm__put_int(events, word);
	if (describing)
		pvm__put_str(events, info->name);
	put_value(TEV_DID_TS, (int)now.tv_sec);
	put_value(TEV_DID_TU, (int)now.tv_usec);
	put_value(TEV_DID_TID, pvmmytid);
}

/* End an event. */
static void end_event(void)
{
	if (!events)
		return;
	pvm__put_int(events, describing ? TEV_MARK_EVENT_DESC_END : TEV_MARK_EVENT_RECORD_END);
	if (pvmtrc.trcbuf <= 0 || pvm__message_length(events) >= pvmtrc.trcbuf)
		send_events();
}

/*
 * Begin an event of a half that is traced; its kind is of the mask. Returns 1:
 * items can be packed with pvmtrccodef, then tev_fin ends it. The lock is held till then.
 */
int tev_begin(int kind, int entry_exit)
{
	struct timeval now;

	pvm__lock();
	gettimeofday(&now, NULL);
	current = kind | entry_exit;
	if (summing())
		pvmtevinfo[kind].mark = now;
	else
		begin_event(current, now);
	return 1;
}

/* Add the time since the event's begin to its kind, and count it. */
static void sum_event(struct Pvmtevinfo *info)
{
	struct timeval now, spent;

	info->count++;
	if (pvmtrc.trcopt != PvmTraceTime)
		return;
	gettimeofday(&now, NULL);
	timersub(&now, &info->mark, &spent);
	timeradd(&info->total, &spent, &info->total);
}

/* End an event that tev_begin began. Returns 1. */
int tev_fin(void)
{
	if (summing())
		sum_event(&pvmtevinfo[kind_of(current)]);
	else
		end_event();
	pvm__unlock();
	return 1;
}

/* ---- calls ----------------------------------------------------------------- */

bool pvm__api_enter(void)
{
	bool outer = pvmtoplvl;

	pvmtoplvl = 0;
	return outer;
}

/* Length of an array as a program gave it: what it refuses may have any. */
static int array_length(const void *data, int n)
{
	return data && n > 0 ? n : 0;
}

/* Pack the item `did` with its value from the argument list. */
static void put_argument(int did, va_list *ap)
{
	void *data;
	long address;

	switch (did) {
	case TEV_DID_AN:
	case TEV_DID_CN:
	case TEV_DID_GN:
	case TEV_DID_HN:
	case TEV_DID_PF:
	case TEV_DID_SE:
	case TEV_DID_SW:
	case TEV_DID_TRM: put_strings(did, TEV_DATA_SCALAR, va_arg(*ap, char *), 1, 1); break;
	case TEV_DID_AS:
	case TEV_DID_HNL:
		data = va_arg(*ap, char **);
		put_strings(did, TEV_DATA_ARRAY, data, array_length(data, va_arg(*ap, int)), 1);
		break;
	case TEV_DID_FDS:
	case TEV_DID_MDL:
	case TEV_DID_NTL:
	case TEV_DID_SIB:
	case TEV_DID_STL:
	case TEV_DID_TA:
	case TEV_DID_TR:
		data = va_arg(*ap, int *);
		put_ints(did, TEV_DATA_ARRAY, data, array_length(data, va_arg(*ap, int)), 1);
		break;
	case TEV_DID_PDA:
		address = (long)(intptr_t)va_arg(*ap, void *);
		put_long(did, TEV_DATA_SCALAR, &address, 1, 1);
		break;
	default: put_value(did, va_arg(*ap, int));
	}
}

void pvm__trace(int word, ...)
{
	int kind = kind_of(word), did;
	va_list ap;

	if (pvmtrc.trctid <= 0 || pvmtrc.trctid == pvmmytid || !TEV_MASK_CHECK(pvmtrc.tmask, kind))
		return;
	tev_begin(kind, word - kind);
	va_start(ap, word);
	while (!summing() && (did = va_arg(ap, int)) >= 0)
		put_argument(did, &ap);
	va_end(ap);
	tev_fin();
}

struct trace_header pvm__trace_header_of(const struct message *m)
{
	if (!m)
		return (struct trace_header){ -1, -1, pvmmyctx, -1 };
	return (struct trace_header){ pvm__message_length(m), m->tag, m->ctx, m->src };
}

/* ---- programs' own events --------------------------------------------------- */

int pvm__trace_user_event(struct message *m)
{
	int end = TEV_MARK_USER_EVENT_RECORD_END;
	struct message *event;
	int code;

	if (pvmtrc.trctid <= 0 || !TEV_MASK_CHECK(pvmtrc.tmask, TEV_USER_DEFINED))
		return 0;
	/* The buffer stays as it is, so that it can be sent again. */
	event = pvm__message_copy(m);
	if (!event)
		return PvmNoMem;
	code = pvm__codec_xdr.pack(event, ITEM_INT, (char *)&end, 1, sizeof end);
	if (code == 0)
		return send_to_tracer(event);
	pvm__message_unref(event);
	return code;
}

/* ---- sums ------------------------------------------------------------------- */

/* Send how often, and with PvmTraceTime how long, each kind was seen. */
static void send_sums(void)
{
	char *names[TEV_MAX + 1];
	int seconds[TEV_MAX + 1], micros[TEV_MAX + 1], counts[TEV_MAX + 1];
	bool timed = pvmtrc.trcopt == PvmTraceTime;
	struct timeval now;
	int n = 0;

	for (int kind = 0; kind <= TEV_MAX; kind++) {
		struct Pvmtevinfo *info = &pvmtevinfo[kind];

		if (!info->count)
			continue;
		names[n] = info->name;
		seconds[n] = (int)info->total.tv_sec;
		micros[n] = (int)info->total.tv_usec;
		counts[n++] = info->count;
		info->count = 0;
		timerclear(&info->total);
	}
	if (!n)
		return;
	gettimeofday(&now, NULL);
	pvmtevinfo[timed ? TEV_TIMING : TEV_PROFILING].desc_status = 0;
	begin_event(timed ? TEV_TIMING : TEV_PROFILING, now);
	put_value(TEV_DID_VCT, n);
	put_strings(TEV_DID_VID, TEV_DATA_ARRAY, names, n, 1);
	if (timed) {
		put_ints(TEV_DID_TGS, TEV_DATA_ARRAY, seconds, n, 1);
		put_ints(TEV_DID_TGU, TEV_DATA_ARRAY, micros, n, 1);
	}
	put_ints(TEV_DID_PRF, TEV_DATA_ARRAY, counts, n, 1);
	end_event();
}

void pvm__trace_flush(void)
{
	if (pvmtrc.trctid <= 0 || pvmtrc.trctid == pvmmytid)
		return;
	if (summing())
		send_sums();
	send_events();
}

void pvm__trace_renew(void)
{
	pvm__message_unref(events);
	events = NULL;
	for (int kind = 0; kind <= TEV_MAX; kind++) {
		pvmtevinfo[kind].desc_status = 0;
		pvmtevinfo[kind].count = 0;
		timerclear(&pvmtevinfo[kind].total);
	}
}

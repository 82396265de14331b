/* SPDX-License-Identifier: MIT */
/* The mailbox: named records that the master daemon keeps. */
#include "calls/api.h"

#include <stdlib.h>
#include <string.h>

/* ---- entries ------------------------------------------------------------- */

int pvm__mailbox_put(const char *name, int index, int flags, struct message *record)
{
	int code = pvm__connect();

	if (code)
		return code;
	return pvm__ask_code(TM_DB,
		pvm__compose("iisiim", TMDB_PUT, pvmmytid, name, index, flags, record));
}

int pvm__mailbox_put_new(const char *name, int index, int flags, struct message *record)
{
	int code;

	if (!record)
		return PvmNoMem;
	code = pvm__mailbox_put(name, index, flags, record);
	pvm__message_unref(record);
	return code;
}

int pvm__mailbox_get(const char *name, int index, int flags, struct message **record)
{
	struct message *reply;
	int found;
	int code = pvm__connect();

	if (code == 0)
		code = pvm__ask(TM_DB,
			pvm__compose("iisii", TMDB_GET, pvmmytid, name, index, flags), &reply);
	if (code)
		return code;
	code = pvm__get_int(reply, &found);
	if (code == 0 && found >= 0)
		code = pvm__get_message(reply, record);
	pvm__message_unref(reply);
	return code ? code : found;
}

int pvm__mailbox_remove(const char *name, int index, int flags)
{
	int code = pvm__connect();

	if (code)
		return code;
	return pvm__ask_code(TM_DB,
		pvm__compose("iisii", TMDB_REMOVE, pvmmytid, name, index, flags));
}

static bool named(const char *name)
{
	return name && *name;
}

/* Report an error unless it is one of two that programs expect. */
static int result_but(const char *function, int code, int expected, int also_expected)
{
	if (code == expected || code == also_expected)
		return pvm__quiet(code);
	return pvm__result(function, code);
}

static int put_buffer(const char *name, int bufid, int flags)
{
	struct message *record = pvm__message_of(bufid);

	if (!named(name) || bufid <= 0)
		return PvmBadParam;
	return record ? pvm__mailbox_put(name, -1, flags, record) : pvm__refuse(PvmNoSuchBuf);
}

/*
 * Store a message, with its header, in class `name`. Flags: PvmMbox...; an index
 * to begin at can be added with PvmMboxDirectIndex. Returns the index.
 * PvmBadParam, PvmNoSuchBuf, PvmDenied.
 */
int pvm_putinfo(char *name, int bufid, int flags)
{
	API_ENTER(TEV_PUTINFO, TEV_DID_CN, name, TEV_DID_CI, -1, TEV_DID_CF, flags, TEV_DID_CD,
		bufid);
	return API_LEAVE(TEV_PUTINFO, TEV_DID_CC,
		result_but("pvm_putinfo", put_buffer(name, bufid, flags), PvmDenied, PvmExists));
}

/* A message without a body, as it is when it has been received; NULL: out of memory. */
static struct message *empty_record(void)
{
	struct message *m = pvm__message_new(WIRE_ENC_XDR);

	if (!m)
		return NULL;
	m->mode = MESSAGE_READING;
	pvm__message_set_codec(m);
	return m;
}

/* Make a record the receive buffer. Its id or an error code. */
static int make_current(struct message *record)
{
	int id;

	if (!record)
		return PvmNoMem;
	if (pvm__task.rbuf)
		pvm__message_retire(pvm__task.rbuf);
	id = pvm__message_publish(record);
	if (id < 0)
		pvm__message_unref(record);
	else
		pvm__task.rbuf = record;
	return id;
}

/*
 * Make a fetched record the receive buffer, or an empty one if there is none, so that nobody
 * takes for it what came before. Its id or an error code.
 */
static int receive(const char *name, int index, int flags)
{
	struct message *record;
	int code;

	if (!named(name) || index < 0)
		return PvmBadParam;
	code = pvm__mailbox_get(name, index, flags, &record);
	if (code >= 0)
		return make_current(record);
	if (code == PvmNotFound)
		make_current(empty_record());
	return code;
}

/*
 * Fetch a record: it becomes the receive buffer, whose id is returned.
 * PvmBadParam, PvmNotFound, PvmDenied (PvmMboxReadAndDelete).
 */
int pvm_recvinfo(char *name, int index, int flags)
{
	int code;

	API_ENTER(TEV_GETINFO, TEV_DID_CN, name, TEV_DID_CI, index, TEV_DID_CF, flags);
	code = receive(name, index, flags);
	if (code < 0)
		API_END(TEV_GETINFO, TEV_DID_CC, code, TEV_DID_CR, 0);
	else
		API_END(TEV_GETINFO, TEV_DID_CC, 0, TEV_DID_CR, code);
	return result_but("pvm_recvinfo", code, PvmNotFound, PvmNotFound);
}

/* Delete a record. Returns its index; PvmBadParam, PvmNotFound, PvmDenied. */
int pvm_delinfo(char *name, int index, int flags)
{
	int code = PvmBadParam;

	API_ENTER(TEV_DELINFO, TEV_DID_CN, name, TEV_DID_CI, index, TEV_DID_CF, flags);
	if (named(name) && index >= 0)
		code = pvm__mailbox_remove(name, index, flags);
	return API_LEAVE(TEV_DELINFO, TEV_DID_CC,
		result_but("pvm_delinfo", code, PvmNotFound, PvmDenied));
}

/* ---- table of classes ---------------------------------------------------- */

struct classes {
	int n;
	struct pvmmboxinfo *infos;
};

static void free_classes(struct classes *c)
{
	for (int i = 0; i < c->n; i++) {
		free(c->infos[i].mi_name);
		free(c->infos[i].mi_indices);
		free(c->infos[i].mi_owners);
		free(c->infos[i].mi_flags);
	}
	free(c->infos);
	*c = (struct classes){ 0 };
}

/* Read a class; what was allocated stays in *info also after an error. */
static int read_class(struct message *reply, struct pvmmboxinfo *info)
{
	int n;
	int code = pvm__get(reply, "si", &info->mi_name, &n);

	if (code == 0 && (n < 0 || (size_t)n > pvm__bytes_left(reply) / (3 * sizeof(int))))
		code = PvmBadMsg;
	if (code)
		return code;
	info->mi_indices = malloc((size_t)n * sizeof(int) + 1);
	info->mi_owners = malloc((size_t)n * sizeof(int) + 1);
	info->mi_flags = malloc((size_t)n * sizeof(int) + 1);
	if (!info->mi_indices || !info->mi_owners || !info->mi_flags)
		return PvmNoMem;
	for (int i = 0; i < n && code == 0; i++)
		code = pvm__get(reply, "iii", &info->mi_indices[i], &info->mi_owners[i],
			&info->mi_flags[i]);
	info->mi_nentries = n;
	return code;
}

static int read_classes(struct message *reply, struct classes *c)
{
	int status, n;
	int code = pvm__get_int(reply, &status);

	if (code == 0)
		code = status < 0 ? status : pvm__get_int(reply, &n);
	if (code == 0 && (n < 0 || (size_t)n > pvm__bytes_left(reply)))
		code = PvmBadMsg;
	if (code)
		return code;
	c->infos = calloc((size_t)n + 1, sizeof *c->infos);
	if (!c->infos)
		return PvmNoMem;
	for (c->n = 0; c->n < n && code == 0; c->n++)
		code = read_class(reply, &c->infos[c->n]);
	return code;
}

/* Ask for classes. 0 or an error code with an empty table. */
static int fetch_classes(const char *pattern, struct classes *c)
{
	struct message *reply;
	int code = pvm__connect();

	*c = (struct classes){ 0 };
	if (code == 0)
		code = pvm__ask(TM_DB, pvm__compose("iisii", TMDB_NAMES, pvmmytid, pattern, 0, 0),
			&reply);
	if (code)
		return code;
	code = read_classes(reply, c);
	pvm__message_unref(reply);
	if (code)
		free_classes(c);
	return code;
}

/* What pvm_getmboxinfo and pvm_getnoresets told this thread last. */
static __thread struct classes last_classes;
static __thread int *last_noresets;

void pvm__mailbox_thread_ends(void)
{
	free_classes(&last_classes);
	free(last_noresets);
	last_noresets = NULL;
}

static int get_classes(char *pattern, int *nclasses, struct pvmmboxinfo **classes)
{
	struct classes c;
	int code = fetch_classes(pattern, &c);

	if (code)
		return pvm__result("pvm_getmboxinfo", code);
	free_classes(&last_classes);
	last_classes = c;
	if (nclasses)
		*nclasses = c.n;
	if (classes)
		*classes = c.infos;
	return 0;
}

/*
 * Classes whose names contain the pattern ("*": any run, NULL: all) with their
 * entries; valid until the thread's next call; each pointer may be NULL. 0 or an error.
 */
int pvm_getmboxinfo(char *pattern, int *nclasses, struct pvmmboxinfo **classes)
{
	API_ENTER(TEV_GETMBOXINFO, TEV_DID_CN, pattern);
	return API_LEAVE(TEV_GETMBOXINFO, TEV_DID_CC, get_classes(pattern, nclasses, classes));
}

int pvm__list_noresets(int **tids, int *count)
{
	struct classes c;
	int code = fetch_classes(PVMNORESETCLASS, &c);
	int n = 0;

	if (code)
		return pvm__result("pvm_getnoresets", code);
	free(last_noresets);
	last_noresets = NULL;
	for (int i = 0; i < c.n; i++)
		if (strcmp(c.infos[i].mi_name, PVMNORESETCLASS) == 0) {
			last_noresets = c.infos[i].mi_owners;
			n = c.infos[i].mi_nentries;
			c.infos[i].mi_owners = NULL;
			break;
		}
	free_classes(&c);
	if (tids)
		*tids = last_noresets;
	if (count)
		*count = n;
	return 0;
}

/* Tasks that set PvmNoReset; valid until the thread's next call. 0 or an error. */
int pvm_getnoresets(int **tids, int *count)
{
	API_LOCK();
	return pvm__list_noresets(tids, count);
}

/* ---- the interface of PVM 3.3: one int under a name and index --------------- */

/* Store an int. Index -1: the first that is free. Returns it. PvmBadParam, PvmDenied. */
int pvm_insert(char *name, int index, int data)
{
	int code = PvmBadParam;

	API_ENTER(TEV_INSERT, TEV_DID_CN, name, TEV_DID_CI, index, TEV_DID_CD, data);
	if (named(name) && index >= -1)
		code = pvm__mailbox_put_new(name, index, PvmMboxPersistent | PvmMboxMultiInstance,
			pvm__compose("i", data));
	return API_LEAVE(TEV_INSERT, TEV_DID_CC,
		result_but("pvm_insert", code, PvmDenied, PvmDenied));
}

static int look_up(char *name, int index, int *data)
{
	struct message *record;
	int value, found;
	int code = PvmBadParam;

	if (named(name) && index >= -1)
		code = pvm__mailbox_get(name, index < 0 ? 0 : index,
			index < 0 ? PvmMboxFirstAvail : PvmMboxDefault, &record);
	if (code < 0)
		return result_but("pvm_lookup", code, PvmNotFound, PvmNotFound);
	found = code;
	code = pvm__get_int(record, &value);
	pvm__message_unref(record);
	if (code == 0 && data)
		*data = value;
	return pvm__result("pvm_lookup", code ? code : found);
}

/* Fetch an int. Index -1: the first there is. Returns the index. PvmBadParam, PvmNotFound. */
int pvm_lookup(char *name, int index, int *data)
{
	API_ENTER(TEV_LOOKUP, TEV_DID_CN, name, TEV_DID_CI, index);
	return API_LEAVE(TEV_LOOKUP, TEV_DID_CC, look_up(name, index, data));
}

/* Delete an int. Returns the index. PvmBadParam, PvmNotFound, PvmDenied. */
int pvm_delete(char *name, int index)
{
	int code = PvmBadParam;

	API_ENTER(TEV_DELETE, TEV_DID_CN, name, TEV_DID_CI, index);
	if (named(name) && index >= 0)
		code = pvm__mailbox_remove(name, index, PvmMboxDefault);
	return API_LEAVE(TEV_DELETE, TEV_DID_CC,
		result_but("pvm_delete", code, PvmNotFound, PvmNotFound));
}

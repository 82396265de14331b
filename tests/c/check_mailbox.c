/* SPDX-License-Identifier: MIT */
/* Mailbox: every flag, ownership, persistence, patterns; the older insert/lookup/delete. */
#include "check.h"

enum { TAG_RESULT = 1, TAG_GO = 2, TAG_EXIT = 3 };

/* Store one int; result of pvm_putinfo. */
static int put(char *name, int value, int flags)
{
	int id = pvm_mkbuf(PvmDataDefault), old = pvm_setsbuf(id), code;

	pvm_pkint(&value, 1, 1);
	pvm_setsbuf(old);
	code = pvm_putinfo(name, id, flags);
	pvm_freebuf(id);
	return code;
}

/* The int stored, or the error code. */
static int get(char *name, int index, int flags)
{
	int id = pvm_recvinfo(name, index, flags), value = -999;

	if (id < 0)
		return id;
	pvm_upkint(&value, 1, 1);
	return value;
}

/* A stranger: tries what only the owner may, reports every result. */
static int stranger(void)
{
	int parent = pvm_parent(), results[8], n = 0;

	results[n++] = put("locked", 1, PvmMboxDefault);
	results[n++] = pvm_delinfo("locked", 0, 0);
	results[n++] = get("locked", 0, PvmMboxReadAndDelete);
	results[n++] = get("locked", 0, 0);
	results[n++] = put("open", 8, PvmMboxOverWritable);
	results[n++] = put("many", 9, PvmMboxMultiInstance);
	results[n++] = put("persists", 10, PvmMboxPersistent | PvmMboxOverWritable);
	results[n++] = put("temporary", 11, PvmMboxDefault);
	pvm_initsend(PvmDataDefault);
	pvm_pkint(results, n, 1);
	pvm_send(parent, TAG_RESULT);
	pvm_recv(parent, TAG_GO);
	pvm_exit();
	return 0;
}

/* Waits until "awaited" is there. */
static int waiter(void)
{
	int parent = pvm_parent();

	check_send_int(parent, TAG_RESULT, 0);
	check_send_int(parent, TAG_RESULT, get("awaited", 0, PvmMboxWaitForInfo));
	pvm_exit();
	return 0;
}

static void wait_for_exit(int tid)
{
	pvm_notify(PvmTaskExit, TAG_EXIT, 1, &tid);
	CHECK_INT(check_recv_int(-1, TAG_EXIT), tid);
}

static void single(void)
{
	CHECK_INT(get("one", 0, 0), PvmNotFound);
	CHECK_INT(put("one", 1, PvmMboxDefault), 0);
	CHECK_INT(get("one", 0, 0), 1);
	CHECK_INT(put("one", 2, PvmMboxDefault), 0);
	CHECK_INT(get("one", 0, 0), 2);
	CHECK_INT(get("one", 1, 0), PvmNotFound);
	CHECK_INT(get("one", -1, 0), PvmBadParam);
	CHECK_INT(pvm_delinfo("one", 1, 0), PvmNotFound);
	CHECK_INT(pvm_delinfo("one", -1, 0), PvmBadParam);
	CHECK_INT(pvm_delinfo("one", 0, 0), 0);
	CHECK_INT(pvm_delinfo("one", 0, 0), PvmNotFound);
}

static void instances(void)
{
	CHECK_INT(put("some", 10, PvmMboxMultiInstance), 0);
	CHECK_INT(put("some", 11, PvmMboxMultiInstance), 1);
	CHECK_INT(put("some", 12, PvmMboxMultiInstance | 7 << 10), 7);
	CHECK_INT(put("some", 13, PvmMboxMultiInstance | 7 << 10), 8);
	CHECK_INT(get("some", 7, 0), 12);
	CHECK_INT(get("some", 2, PvmMboxFirstAvail), 12);
	CHECK_INT(get("some", 9, PvmMboxFirstAvail), PvmNotFound);
	CHECK_INT(get("some", 0, PvmMboxFirstAvail | PvmMboxReadAndDelete), 10);
	CHECK_INT(get("some", 0, PvmMboxFirstAvail | PvmMboxReadAndDelete), 11);
	CHECK_INT(pvm_delinfo("some", 7, 0), 7);
	CHECK_INT(pvm_delinfo("some", 8, 0), 8);
	CHECK_INT(get("some", 0, PvmMboxFirstAvail), PvmNotFound);
}

static void ownership(char **argv, int mytid)
{
	int tid, r[8] = { 0 };
	struct pvmmboxinfo *classes;
	int count = -1;

	put("locked", 5, PvmMboxDefault);
	put("open", 6, PvmMboxOverWritable);
	put("many", 7, PvmMboxMultiInstance);
	CHECK_INT(check_spawn(argv, "stranger", 1, &tid), 1);
	CHECK(pvm_recv(tid, TAG_RESULT) > 0);
	CHECK_INT(pvm_upkint(r, 8, 1), 0);
	CHECK_INT(r[0], PvmDenied);
	CHECK_INT(r[1], PvmDenied);
	CHECK_INT(r[2], PvmDenied);
	CHECK_INT(r[3], 5);
	CHECK_INT(r[4], 0);
	CHECK_INT(r[5], 1);
	CHECK_INT(r[6], 0);
	CHECK_INT(r[7], 0);
	CHECK_INT(get("open", 0, 0), 8);
	CHECK_INT(pvm_getmboxinfo("many", &count, &classes), 0);
	CHECK_INT(count, 1);
	CHECK_TEXT(classes[0].mi_name, "many");
	CHECK_INT(classes[0].mi_nentries, 2);
	CHECK(classes[0].mi_indices[0] == 0 && classes[0].mi_indices[1] == 1);
	CHECK(classes[0].mi_owners[0] == mytid && classes[0].mi_owners[1] == tid);
	CHECK(classes[0].mi_flags[0] == PvmMboxMultiInstance);
	CHECK_INT(get("temporary", 0, 0), 11);
	check_send_int(tid, TAG_GO, 0);
	wait_for_exit(tid);
	CHECK_INT(get("temporary", 0, 0), PvmNotFound);
	CHECK_INT(get("many", 1, 0), PvmNotFound);
	CHECK_INT(get("persists", 0, 0), 10);
	CHECK_INT(pvm_delinfo("persists", 0, 0), 0);
	CHECK_INT(pvm_delinfo("locked", 0, 0), 0);
	CHECK_INT(get("open", 0, 0), PvmNotFound);
	CHECK_INT(pvm_delinfo("many", 0, 0), 0);
}

static void waiting(char **argv)
{
	int tid;

	CHECK_INT(check_spawn(argv, "waiter", 1, &tid), 1);
	CHECK_INT(check_recv_int(tid, TAG_RESULT), 0);
	CHECK_INT(put("awaited", 77, PvmMboxDefault), 0);
	CHECK_INT(check_recv_int(tid, TAG_RESULT), 77);
	wait_for_exit(tid);
	CHECK_INT(pvm_delinfo("awaited", 0, 0), 0);
}

static void classes(void)
{
	char *names[] = { "alpha", "alphabet", "beta" };
	struct pvmmboxinfo *found;
	int count = -1;

	for (int i = 0; i < 3; i++)
		CHECK_INT(put(names[i], i, 0), 0);
	CHECK_INT(pvm_getmboxinfo("alpha", &count, &found), 0);
	CHECK_INT(count, 2);
	CHECK_TEXT(found[1].mi_name, "alphabet");
	CHECK_INT(pvm_getmboxinfo("l*t", &count, &found), 0);
	CHECK_INT(count, 1);
	CHECK_INT(pvm_getmboxinfo("*", &count, &found), 0);
	CHECK_INT(count, 3);
	CHECK_INT(pvm_getmboxinfo("none", &count, &found), 0);
	CHECK_INT(count, 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(pvm_delinfo(names[i], 0, 0), 0);
}

static void parameters(void)
{
	CHECK_INT(pvm_delinfo("none", 0, 0), PvmNotFound);
	if (check_ours("library"))
		CHECK_INT(pvm_putinfo("none", 4711, 0), PvmNoSuchBuf);
}

static void raw_content(void)
{
	double numbers[3000], out[3000];
	int id = pvm_mkbuf(PvmDataRaw);

	for (int i = 0; i < 3000; i++)
		numbers[i] = i / 3.0;
	pvm_setsbuf(id);
	pvm_pkdouble(numbers, 3000, 1);
	CHECK_INT(pvm_putinfo("raw", id, 0), 0);
	CHECK(pvm_recvinfo("raw", 0, 0) > 0);
	CHECK_INT(pvm_upkdouble(out, 3000, 1), 0);
	CHECK(memcmp(numbers, out, sizeof out) == 0);
	CHECK_INT(pvm_delinfo("raw", 0, 0), 0);
	pvm_freebuf(id);
	id = pvm_mkbuf(PvmDataDefault);
	CHECK_INT(pvm_putinfo("empty", id, 0), 0);
	CHECK(pvm_recvinfo("empty", 0, 0) > 0);
	CHECK_INT(pvm_upkdouble(out, 1, 1), PvmNoData);
	CHECK_INT(pvm_delinfo("empty", 0, 0), 0);
	pvm_freebuf(id);
}

static void old_interface(void)
{
	int value = 0;

	CHECK_INT(pvm_insert("old", -2, 5), PvmBadParam);
	CHECK_INT(pvm_insert("old", -1, 5), 0);
	CHECK_INT(pvm_insert("old", -1, 6), 1);
	CHECK_INT(pvm_insert("old", 1, 7), PvmDenied);
	CHECK_INT(pvm_insert("old", 4, 8), 4);
	CHECK_INT(pvm_lookup("old", 4, &value), 4);
	CHECK_INT(value, 8);
	CHECK_INT(pvm_lookup("old", -1, &value), 0);
	CHECK_INT(value, 5);
	CHECK_INT(pvm_lookup("old", 3, &value), PvmNotFound);
	CHECK_INT(pvm_delete("old", -1), PvmBadParam);
	CHECK_INT(pvm_delete("old", 0), 0);
	CHECK_INT(pvm_delete("old", 0), PvmNotFound);
	CHECK_INT(pvm_delete("old", 1), 1);
	CHECK_INT(pvm_delete("old", 4), 4);
}

int main(int argc, char **argv)
{
	int mytid;

	check_start();
	if (argc > 1)
		return strcmp(argv[1], "stranger") == 0 ? stranger() : waiter();
	mytid = pvm_mytid();
	CHECK(mytid > 0);
	single();
	instances();
	ownership(argv, mytid);
	waiting(argv);
	classes();
	parameters();
	raw_content();
	old_interface();
	pvm_exit();
	return check_done();
}

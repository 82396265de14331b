/* SPDX-License-Identifier: MIT */
/* Hosts and the machine as a whole: table, adding and deleting, state, clock, halt. */
#include "calls/api.h"

#include <stdlib.h>
#include <string.h>

/* Most hosts that one call may name: host indices have 12 bits. */
#define HOSTS_MAX 4095

/* ---- host table ---------------------------------------------------------- */

struct host_table {
	int n, narch;
	struct pvmhostinfo *hosts;
};

static void free_table(struct host_table *t)
{
	for (int i = 0; i < t->n; i++) {
		free(t->hosts[i].hi_name);
		free(t->hosts[i].hi_arch);
	}
	free(t->hosts);
	*t = (struct host_table){ 0 };
}

int pvm__get_host(struct message *m, struct pvmhostinfo *h)
{
	return pvm__get(m, "issii", &h->hi_tid, &h->hi_name, &h->hi_arch, &h->hi_speed,
		&h->hi_dsig);
}

/* Read the reply of TM_CONFIG. 0 or an error code, maybe the reply's, with an empty table. */
static int read_table(struct message *reply, struct host_table *t)
{
	int n;
	int code = pvm__get_int(reply, &n);

	if (code == 0 && n < 0)
		code = n;
	if (code == 0)
		code = pvm__get_int(reply, &t->narch);
	if (code == 0 && (size_t)n > pvm__bytes_left(reply))
		code = PvmBadMsg;
	if (code)
		return code;
	t->hosts = calloc((size_t)n + 1, sizeof *t->hosts);
	if (!t->hosts)
		return PvmNoMem;
	for (t->n = 0; t->n < n && code == 0; t->n++)
		code = pvm__get_host(reply, &t->hosts[t->n]);
	if (code)
		free_table(t);
	return code;
}

/* Ask for the host table. 0 or an error code with an empty table. */
static int fetch_table(struct host_table *t)
{
	struct message *reply;
	int code = pvm__ask_sched(TM_CONFIG, SM_CONFIG, pvm__compose(""), &reply);

	*t = (struct host_table){ 0 };
	if (code)
		return code;
	code = read_table(reply, t);
	pvm__message_unref(reply);
	return code;
}

/* What pvm_config told this thread last. */
static __thread struct host_table last_table;

void pvm__hosts_thread_ends(void)
{
	free_table(&last_table);
}

int pvm__list_hosts(int *nhost, int *narch, struct pvmhostinfo **hosts)
{
	struct host_table *last = &last_table, t;
	int code = fetch_table(&t);

	if (code)
		return code;
	free_table(last);
	*last = t;
	if (nhost)
		*nhost = last->n;
	if (narch)
		*narch = last->narch;
	if (hosts)
		*hosts = last->hosts;
	return 0;
}

/*
 * Number of hosts, of architectures (0: the daemon does not count them) and the
 * host table, valid until the thread's next call; each pointer may be NULL. 0 or an error.
 */
int pvm_config(int *nhost, int *narch, struct pvmhostinfo **hosts)
{
	API_LOCK();
	const struct host_table *last = &last_table;
	int code = pvm__connect();

	API_BEGIN(TEV_CONFIG);
	if (code == 0)
		code = pvm__list_hosts(nhost, narch, hosts);
	API_END(TEV_CONFIG, TEV_DID_NH, last->n, TEV_DID_NA, last->narch, TEV_DID_CC, code);
	return pvm__result("pvm_config", code);
}

static int data_signature(char *arch)
{
	struct host_table t;
	int code = arch ? fetch_table(&t) : PvmBadParam;

	if (code)
		return pvm__result("pvm_archcode", code);
	code = PvmNotFound;
	for (int i = 0; i < t.n; i++)
		if (strcmp(t.hosts[i].hi_arch, arch) == 0) {
			code = t.hosts[i].hi_dsig;
			break;
		}
	free_table(&t);
	return pvm__result("pvm_archcode", code);
}

/* Data signature of the first host of an architecture. PvmBadParam, PvmNotFound. */
int pvm_archcode(char *arch)
{
	API_ENTER(TEV_ARCHCODE, TEV_DID_AN, arch);
	return API_LEAVE(TEV_ARCHCODE, TEV_DID_AC, data_signature(arch));
}

/* Tid of the daemon of the host that a task runs on. */
int pvm_tidtohost(int tid)
{
	return pvm__place(tid);
}

/* ---- adding and deleting ------------------------------------------------- */

/* Request with a count and names; NULL: out of memory. */
static struct message *compose_names(char **names, int n)
{
	struct message *req = pvm__compose("i", n);

	for (int i = 0; i < n && req; i++)
		if (pvm__put_str(req, names[i])) {
			pvm__message_unref(req);
			req = NULL;
		}
	return req;
}

/*
 * Ask about named hosts. The reply begins with a count, and each of its entries
 * with a code, which goes into `status` (may be NULL); `skip` reads the rest of
 * an entry. Returns how many codes are not negative, or an error code.
 */
static int change_hosts(int tm_tag, int sm_tag, char **names, int n, int *status,
	int (*begin)(struct message *), int (*skip)(struct message *))
{
	struct message *reply;
	int answered, done = 0;
	int code;

	if (!names || n < 1 || n > HOSTS_MAX)
		return PvmBadParam;
	code = pvm__ask_sched(tm_tag, sm_tag, compose_names(names, n), &reply);
	if (code)
		return code;
	code = pvm__get_int(reply, &answered);
	if (code == 0 && answered < 0)
		code = answered;
	if (code == 0 && begin)
		code = begin(reply);
	for (int i = 0; i < n && code == 0; i++) {
		int result = PvmDSysErr;

		if (i < answered)
			code = pvm__get_int(reply, &result);
		if (i < answered && code == 0 && skip)
			code = skip(reply);
		if (status)
			status[i] = code ? code : result;
		done += code == 0 && result >= 0;
	}
	pvm__message_unref(reply);
	return code ? code : done;
}

/* TM_ADDHOST says the number of architectures behind the count. */
static int skip_narch(struct message *reply)
{
	int narch;

	return pvm__get_int(reply, &narch);
}

/* Name, architecture, speed and signature of an added host. */
static int skip_host(struct message *reply)
{
	char *name = NULL, *arch = NULL;
	int speed, dsig;
	int code = pvm__get(reply, "ssii", &name, &arch, &speed, &dsig);

	free(name);
	free(arch);
	return code;
}

/*
 * Add hosts. status[i], if not NULL: tid of the new daemon or an error code.
 * Returns the number added. PvmBadParam, PvmAlready, PvmOutOfRes.
 */
int pvm_addhosts(char **names, int count, int *status)
{
	API_ENTER(TEV_ADDHOSTS, TEV_DID_HNL, names, count);
	return API_LEAVE(TEV_ADDHOSTS, TEV_DID_CC,
		pvm__result("pvm_addhosts",
			change_hosts(TM_ADDHOST, SM_ADDHOST, names, count, status, skip_narch,
				skip_host)));
}

/* Delete hosts. status[i], if not NULL: 0 or an error code. Returns the number deleted. */
int pvm_delhosts(char **names, int count, int *status)
{
	API_ENTER(TEV_DELHOSTS, TEV_DID_HNL, names, count);
	return API_LEAVE(TEV_DELHOSTS, TEV_DID_CC,
		pvm__result("pvm_delhosts",
			change_hosts(TM_DELHOST, SM_DELHOST, names, count, status, NULL, NULL)));
}

/* ---- state, clock, halt -------------------------------------------------- */

static int host_status(char *host)
{
	int code = PvmBadParam;

	if (host && *host)
		code = pvm__ask_code(TM_MSTAT, pvm__compose("s", host));
	return code == PvmNoHost || code == PvmHostFail ? code : pvm__result("pvm_mstat", code);
}

/* Is a host in the machine? PvmOk, PvmNoHost, PvmHostFail; PvmBadParam: no name. */
int pvm_mstat(char *host)
{
	API_ENTER(TEV_MSTAT, TEV_DID_HN, host);
	return API_LEAVE(TEV_MSTAT, TEV_DID_HS, host_status(host));
}

/* Ask for a host's clock: 0 or an error code. */
static int ask_clock(int host, struct timeval *remote)
{
	struct message *reply;
	int status, sec = 0, usec = 0;
	int code = pvm__ask(TM_HOSTSYNC, pvm__compose("i", host), &reply);

	if (code)
		return code;
	code = pvm__get_int(reply, &status);
	if (code == 0)
		code = status;
	if (code == 0)
		code = pvm__get(reply, "ii", &sec, &usec);
	pvm__message_unref(reply);
	remote->tv_sec = (time_t)(uint32_t)sec;
	remote->tv_usec = usec;
	return code;
}

static int64_t microseconds(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000000 + t->tv_usec;
}

/*
 * Clock of a host, and how far the local clock is ahead of it, taken at the
 * middle of the exchange; each pointer may be NULL. PvmNoHost, PvmHostFail.
 */
int pvm_hostsync(int host, struct timeval *remote, struct timeval *delta)
{
	API_LOCK();
	struct timeval before, after, then;
	int64_t ahead;
	int code;

	gettimeofday(&before, NULL);
	code = ask_clock(host, &then);
	if (code)
		return pvm__result("pvm_host_sync", code);
	gettimeofday(&after, NULL);
	if (remote)
		*remote = then;
	if (delta) {
		ahead = (microseconds(&before) + microseconds(&after)) / 2 - microseconds(&then);
		delta->tv_sec = (time_t)(ahead / 1000000);
		delta->tv_usec = (suseconds_t)(ahead % 1000000);
		if (delta->tv_usec < 0) {
			delta->tv_usec += 1000000;
			delta->tv_sec--;
		}
	}
	return 0;
}

/*
 * End the machine. The daemon ends all tasks with SIGTERM, also the caller; one
 * that survives that gets 0, or PvmSysErr if there is no daemon or it refuses.
 */
int pvm_halt(void)
{
	API_LOCK();
	struct message *reply;
	int code = pvm__connect();

	API_BEGIN(TEV_HALT);
	pvm__trace_flush();
	if (code == 0) {
		code = pvm__ask(TM_HALT, pvm__compose(""), &reply);
		if (code == 0)
			pvm__message_unref(reply);
		code = code == PvmSysErr ? 0 : PvmSysErr;
		if (code == 0)
			pvm__disconnect();
	}
	API_END_SILENT();
	return pvm__result("pvm_halt", code);
}

static int tickle(int narg, int *arg, int *nresp, int *resp)
{
	struct message *reply;
	int result[10] = { 0 };
	int n = 0;
	int code;

	if (narg >= 1 && narg <= 10 && arg)
		code = pvm__ask(TM_TICKLE, pvm__compose("iv", narg, arg, narg), &reply);
	else
		code = pvm__refuse(PvmBadParam);
	if (code)
		return pvm__result("pvm_tickle", code);
	code = pvm__get_int(reply, &n);
	if (n < 0 || n > 10)
		n = 10;
	if (code == 0)
		code = pvm__get_ints(reply, result, n);
	pvm__message_unref(reply);
	if (nresp)
		*nresp = n;
	if (resp)
		memcpy(resp, result, (size_t)n * sizeof *resp);
	return pvm__result("pvm_tickle", code);
}

/*
 * Use a debug hook of the daemon: narg (1 to 10) numbers; resp gets at most 10
 * results, their number goes to *nresp; both may be NULL. 0, PvmBadParam.
 */
int pvm_tickle(int narg, int *arg, int *nresp, int *resp)
{
	API_ENTER(TEV_TICKLE, TEV_DID_TA, arg, narg <= 10 ? narg : 0);
	return API_LEAVE(TEV_TICKLE, TEV_DID_CC, tickle(narg, arg, nresp, resp), TEV_DID_TR, resp,
		api_code == 0 && nresp ? *nresp : 0);
}

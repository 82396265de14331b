/* SPDX-License-Identifier: MIT */
/*
 * System tasks: starters of hosts and tasks, tracers, resource managers.  Each
 * registers with the daemon and then in a mailbox class, where others find it.
 */
#include "calls/api.h"

#include <stdlib.h>

/* One kind of system task. */
struct office {
	int request;       /* TM_ message */
	const char *class; /* mailbox class */
	int flags;         /* of its entry */
	int holder;        /* tid this process registered with, 0: none */
	int index;         /* of its entry */
};

static struct office hoster = { TM_HOSTER, PVMHOSTERCLASS, PvmMboxMultiInstance, 0, 0 };
static struct office tasker = { TM_TASKER, PVMTASKERCLASS, PvmMboxMultiInstance, 0, 0 };
static struct office tracer = { TM_TRACER, PVMTRACERCLASS, PvmMboxDefault, 0, 0 };
static struct office manager = { 0, PVMRMCLASS, PvmMboxMultiInstance, 0, 0 };

/* After the daemon agreed: keep it in mind and tell the mailbox. Consumes `record`. */
static int enter(struct office *o, struct message *record)
{
	int code = pvm__mailbox_put_new(o->class, -1, o->flags, record);

	o->holder = pvmmytid;
	o->index = code;
	return code < 0 ? code : 0;
}

static int leave(struct office *o)
{
	int code = pvm__ask_code(o->request, pvm__compose("i", 0));

	if (code < 0)
		return code;
	o->holder = 0;
	if (o->index >= 0)
		code = pvm__mailbox_remove(o->class, o->index, PvmMboxDefault);
	return code < 0 ? code : 0;
}

/* Register, or unregister if that was done before. */
static int toggle(struct office *o)
{
	int code = pvm__connect();

	if (code)
		return code;
	if (o->holder == pvmmytid)
		return leave(o);
	code = pvm__ask_code(o->request, pvm__compose("i", 1));
	return code < 0 ? code : enter(o, pvm__compose("i", pvmmytid));
}

/*
 * Become the task that starts daemons on new hosts, or give that up. 0,
 * PvmAlready (another task does it), PvmHostrNMstr (not on the master host).
 */
int pvm_reg_hoster(void)
{
	API_ENTER(TEV_REG_HOSTER);
	return API_LEAVE(TEV_REG_HOSTER, TEV_DID_CC,
		pvm__result("pvm_reg_hoster", toggle(&hoster)));
}

/* Become the task that starts tasks on this host, or give that up. 0, PvmAlready. */
int pvm_reg_tasker(void)
{
	API_ENTER(TEV_REG_TASKER);
	return API_LEAVE(TEV_REG_TASKER, TEV_DID_CC,
		pvm__result("pvm_reg_tasker", toggle(&tasker)));
}

static int register_tracer(int trace_context, int trace_tag, int output_context, int output_tag,
	char *mask, int buffer, int options)
{
	int code = pvm__connect();

	if (code == 0 && tracer.holder == pvmmytid)
		return pvm__result("pvm_reg_tracer", leave(&tracer));
	if (code == 0 && !mask)
		code = PvmBadParam;
	if (code == 0)
		code = pvm__ask_code(TM_TRACER,
			pvm__compose("iiiiisii", 1, trace_context, trace_tag, output_context,
				output_tag, mask, buffer, options));
	if (code >= 0)
		code = enter(&tracer,
			pvm__compose("iiiiisii", pvmmytid, trace_context, trace_tag, output_context,
				output_tag, mask, buffer, options));
	return pvm__result("pvm_reg_tracer", code);
}

/*
 * Become the receiver of trace and output of tasks that have none, or give that
 * up: contexts and tags for trace and output, trace mask, buffer size and option
 * (pvmtev.h). 0, PvmAlready, PvmBadParam (no mask).
 */
int pvm_reg_tracer(int trace_context, int trace_tag, int output_context, int output_tag, char *mask,
	int buffer, int options)
{
	API_ENTER(TEV_REG_TRACER, TEV_DID_TRC, trace_context, TEV_DID_TRT, trace_tag, TEV_DID_TRX,
		output_context, TEV_DID_TRO, output_tag, TEV_DID_TRM, mask, TEV_DID_TRB, buffer,
		TEV_DID_TRL, options);
	return API_LEAVE(TEV_REG_TRACER, TEV_DID_CC,
		register_tracer(trace_context, trace_tag, output_context, output_tag, mask, buffer,
			options));
}

/* Register with the daemon: tid of the resource manager before, or an error code. */
static int ask_manager(struct pvmhostinfo *host)
{
	struct message *reply;
	int before;
	int code = pvm__ask_sched(TM_SCHED, SM_SCHED, pvm__compose(""), &reply);

	if (code)
		return code;
	code = pvm__get_int(reply, &before);
	if (code == 0 && before < 0)
		code = before;
	if (code == 0)
		code = pvm__get_host(reply, host);
	pvm__message_unref(reply);
	return code ? code : before;
}

/* What pvm_reg_rm told this thread last. */
static __thread struct pvmhostinfo last_host;

static void free_last_host(void)
{
	free(last_host.hi_name);
	free(last_host.hi_arch);
	last_host = (struct pvmhostinfo){ 0 };
}

void pvm__register_thread_ends(void)
{
	free_last_host();
}

static int register_manager(struct pvmhostinfo **host)
{
	int before = pvm__connect();

	if (before == 0) {
		free_last_host();
		before = ask_manager(&last_host);
	}
	if (before < 0)
		return pvm__result("pvm_reg_rm", before);
	if (host)
		*host = &last_host;
	if (manager.holder != pvmmytid)
		enter(&manager, pvm__compose("i", pvmmytid));
	return before;
}

/*
 * Become the resource manager of this host; *host, if not NULL, gets the host of
 * the daemon, valid until the thread's next call. Returns the resource manager before, 0:
 * none.
 */
int pvm_reg_rm(struct pvmhostinfo **host)
{
	API_ENTER(TEV_REG_RM);
	return API_LEAVE(TEV_REG_RM, TEV_DID_CC, register_manager(host));
}

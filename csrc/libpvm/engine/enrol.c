/* SPDX-License-Identifier: MIT */
/*
 * Enrolling with the daemon, and leaving.
 *
 * A process that forks stays the task it is; its child has no connection, and becomes a task
 * of its own with its first call that needs one.
 */
#define _GNU_SOURCE 1
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- enrolment ----------------------------------------------------------- */

void pvmchkuid(void)
{
	if (geteuid() != 0 || getenv("PVM_ALLOW_ROOT"))
		return;
	fputs("\n"
	      "*** Error: PVM is being run as user \"root\" ***!\n"
	      "\n"
	      "A virtual machine lets whoever reaches its daemon start any program under\n"
	      "the account it runs as.  For root that would be the whole computer, so PVM\n"
	      "does not run as root unless it is told to.  Please use another account.\n"
	      "\n"
	      "Where root is all there is, for instance in a container, set the environment\n"
	      "variable PVM_ALLOW_ROOT to any value, for the daemon and for each program:\n"
	      "\n"
	      "    export PVM_ALLOW_ROOT=1\n"
	      "\n",
		stderr);
	exit(1);
}

/* Write one byte into a file that is a proof; `path` is for the line that says why not. 0 or PvmSysErr. */
static int write_byte(int fd, const char *path)
{
	if (UNINTERRUPTED(pwrite(fd, path, 1, 0)) == 1)
		return 0;
	pvm__log("%s: %s", path, strerror(errno));
	return PvmSysErr;
}

/* Prove to the daemon who we are: one byte into the file it made. 0 or PvmSysErr. */
static int write_proof(const char *path)
{
	int fd = (int)UNINTERRUPTED(open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
	int code;

	if (fd < 0) {
		pvm__log("failed to open d-auth file");
		return PvmSysErr;
	}
	code = write_byte(fd, path);
	close(fd);
	return code;
}

/* The daemon gives no reason to us. */
static void say_who_knows_why(void)
{
	const char *vmid = getenv("PVM_VMID");

	pvm__log("its log %s/pvml.%d%s%s says why", pvmgettmp(), (int)geteuid(), vmid ? "." : "",
		vmid ? vmid : "");
}

/* The daemon has not written into our proof file: perhaps because that cannot be done, which shows. */
static void explain_refusal(const char *path, int fd)
{
	pvm__log("pvmbeatask() pvmd refuses connection");
	if (write_byte(fd, path) == 0)
		say_who_knows_why();
}

/*
 * First round: `path` is our proof file, open as `fd`. A daemon of this project names no file of
 * its own. 0 or an error code.
 */
static int introduce(const char *path, int fd)
{
	struct message *reply;
	int version = 0, accepted = 0;
	char *theirs = NULL;
	char byte;
	int code = pvm__request(TM_CONNECT, pvm__compose("isi", TDPROTOCOL, path, WIRE_EXT_MAGIC),
		&reply);

	if (code < 0)
		return code;
	code = PvmSysErr;
	if (pvm__get_int(reply, &version) < 0 || version != TDPROTOCOL)
		pvm__log("pvmbeatask() t-d protocol mismatch (%d/%d)", TDPROTOCOL, version);
	else if (pvm__get_int(reply, &accepted) < 0 || !accepted ||
		pvm__get_str(reply, &theirs) < 0)
		explain_refusal(path, fd);
	else if (UNINTERRUPTED(read(fd, &byte, 1)) != 1)
		pvm__log("pvmbeatask() pvmd didn't validate itself");
	else
		code = *theirs ? write_proof(theirs) : 0;
	free(theirs);
	pvm__message_unref(reply);
	return code;
}

static int make_proof(const char *path, void *unused)
{
	(void)unused;
	return (int)UNINTERRUPTED(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

/* The proof file while a thread enrols. */
static struct {
	char path[TEMP_NAME_MAX];
	int fd;
} proof;

/* The daemon may yet get the request that is given up, and sign that file. */
static void abandon_proof(void *unused)
{
	(void)unused;
	close(proof.fd);
	pvm__temp_abandon(proof.path);
}

/* First round with its proof file. */
static int prove_identity(void)
{
	int code;

	proof.path[0] = 0;
	proof.fd = pvm__off_stdio(pvm__temp_make(proof.path, sizeof proof.path, make_proof, NULL));
	if (proof.fd < 0) {
		pvm__log("pvmbeatask() %s: can't make a file: %s", proof.path, strerror(errno));
		return PvmSysErr;
	}
	pvm__keep(&proof, abandon_proof);
	code = introduce(proof.path, proof.fd);
	pvm__kept(&proof);
	if (code < 0) {
		abandon_proof(NULL);
		return code;
	}
	close(proof.fd);
	pvm__temp_remove(proof.path);
	return 0;
}

static int env_int(const char *name, int otherwise)
{
	const char *text = getenv(name);

	return text ? (int)strtoul(text, NULL, 0) : otherwise;
}

/*
 * Take capabilities and fragment size out of the daemon's extension block; if it sent
 * none, there are no capabilities, and `old` is the size.
 */
static int granted_size(struct message *reply, int old)
{
	int ext[3];

	pvm__task.capabilities = 0;
	if (pvm__get_ints(reply, ext, 3) < 0 || ext[0] != WIRE_EXT_MAGIC)
		return old;
	pvm__task.capabilities = ext[1];
	return ext[2];
}

/* Where own output goes, and that of children unless the program says otherwise. */
static void set_output(int tid, int ctx, int tag)
{
	pvmtrc.outtid = pvmctrc.outtid = tid;
	pvmtrc.outctx = pvmctrc.outctx = ctx;
	pvmtrc.outtag = pvmctrc.outtag = tag;
}

/*
 * Read the second reply into the task's state. A process that enrols again at the same daemon
 * goes on to write to whom it has written before, as do its children, if the reply names nobody.
 * 0 or PvmSysErr.
 */
static int accept_identity(struct message *m)
{
	struct task *t = &pvm__task;
	int ints[11];
	char *address = NULL;
	int sched = 0, size;

	if (pvm__get_ints(m, ints, 11) < 0 || pvm__get_str(m, &address) < 0 ||
		pvm__get_int(m, &sched) < 0 || ints[0] != 1) {
		free(address);
		pvm__log("pvmbeatask() pvmd refuses connection");
		say_who_knows_why();
		return PvmSysErr;
	}
	if (ints[3] || !pvmtrc.outtid || strcmp(address, t->daemon_addr) != 0)
		set_output(ints[3], ints[4], ints[5]);
	snprintf(t->daemon_addr, sizeof t->daemon_addr, "%s", address);
	free(address);
	pvmmytid = ints[1];
	t->ptid = ints[2];
	pvm__set_tracer(ints[6]);
	pvmtrc.trcctx = ints[7];
	pvmtrc.trctag = ints[8];
	t->schedtid = sched;
	size = granted_size(m, ints[9]);
	if (!t->option.frag_size_set && size >= WIRE_FRAG_MIN && size <= WIRE_FRAG_MAX)
		t->option.frag_size = size;
	return 0;
}

/* Second round: who we are, and what we can. */
static int take_identity(void)
{
	struct message *reply;
	int code = pvm__request(TM_CONN2,
		pvm__compose("iisiiiii", (int)getpid(), env_int("PVMEPID", 0), pvm__task.name,
			WIRE_EXT_MAGIC, pvm__share_wanted() ? WIRE_EXT_MEMORY : 0, WIRE_FRAG_LARGE,
			pvm__freeze_signal(), pvm__freeze_image()),
		&reply);

	if (code < 0)
		return code;
	code = accept_identity(reply);
	pvm__message_unref(reply);
	return code;
}

/* ---- settings that come with enrolment ----------------------------------- */

static void set_mask(const char *mask)
{
	if (mask && strlen(mask) == TEV_MASK_LENGTH - 1)
		memcpy(pvmtrc.tmask, mask, TEV_MASK_LENGTH);
	else
		TEV_MASK_INIT(pvmtrc.tmask);
}

/* Take mask, buffer and options from the record of the tracer, if it traces us. */
static void read_tracer_record(struct message *record)
{
	int to[5], settings[2];
	char *mask = NULL;

	if (pvm__get_ints(record, to, 5) == 0 && pvm__get_str(record, &mask) == 0 &&
		pvm__get_ints(record, settings, 2) == 0 && to[0] == pvmtrc.trctid &&
		to[1] == pvmtrc.trcctx && to[2] == pvmtrc.trctag) {
		set_mask(mask);
		pvmtrc.trcbuf = settings[0];
		pvmtrc.trcopt = settings[1];
	}
	free(mask);
}

/* Ask the mailbox how the registered tracer wants to be served. */
static void ask_tracer_settings(void)
{
	struct message *reply, *record;
	int index;

	if (pvm__request(TM_DB, pvm__compose("iisii", TMDB_GET, pvmmytid, PVMTRACERCLASS, 0, 0),
		    &reply) < 0)
		return;
	if (pvm__get_int(reply, &index) == 0 && index >= 0 &&
		pvm__get_message(reply, &record) == 0) {
		read_tracer_record(record);
		pvm__message_unref(record);
	}
	pvm__message_unref(reply);
}

/* Children are traced as this task is; where their output goes is known. */
static void set_trace_of_children(void)
{
	struct Pvmtracer own = pvmtrc;

	own.outtid = pvmctrc.outtid;
	own.outctx = pvmctrc.outctx;
	own.outtag = pvmctrc.outtag;
	pvmctrc = own;
}

/*
 * Trace settings: from the parent, through the environment, or from the tracer. Without any,
 * pvm_errno is PvmNotFound, as 3.4.6 leaves it, which asks for the tracer's in any case: programs
 * whose first spawn starts nothing print that.
 */
static void read_trace_settings(void)
{
	const char *mask = getenv("PVMTMASK");

	set_mask(mask);
	pvmtrc.trcbuf = env_int("PVMTRCBUF", 0);
	pvmtrc.trcopt = env_int("PVMTRCOPT", 0);
	if (!(mask && getenv("PVMTRCBUF") && getenv("PVMTRCOPT"))) {
		if (pvmtrc.trctid > 0)
			ask_tracer_settings();
		else
			pvm__quiet(PvmNotFound);
	}
	set_trace_of_children();
	pvm__trace_renew();
}

/* What the environment says about a task; before anything is asked of the daemon. */
static void read_environment(void)
{
	if (getenv("PVMCTX"))
		pvmmyctx = env_int("PVMCTX", 0);
	pvm__task.option.debug_mask = env_int("PVMTASKDEBUG", pvm__task.option.debug_mask);
}

/*
 * pvm__connect_if_possible has failed, or this is the child of a fork, and nobody has enrolled
 * since: only calls that need the daemon try.
 */
static bool only_if_needed;

void pvm__become_child(void)
{
	struct task *t = &pvm__task;

	pvm__freeze_forget();
	pvm__watch_abandon();
	pvm__share_forget();
	pvm__routes_abandon();
	if (t->daemon)
		pvm__stream_abandon(t->daemon);
	t->session++;
	t->engine.reader = NULL;
	t->engine.enroller = NULL;
	pvm__requests_become_child();
	pvm__waits_become_child();
	if (t->engine.dispatcher != &pvm__self)
		t->engine.dispatcher = NULL;
	pvmmytid = -1;
	pvm__set_tracer(0);
	only_if_needed = true;
}

/* The daemon cannot be reached, which a line before has said: what that means, and what helps. */
static void advise(void)
{
	const char *address = getenv("PVMSOCK");
	const char *vmid = getenv("PVM_VMID");

	if (address)
		pvm__log(
			"PVMSOCK is %s, where no daemon of this user answers: unset it, or set it to "
			"the line that your pvmd printed",
			address);
	else
		pvm__log(
			"no daemon of this user answers in PVM_TMP %s%s%s: start one with pvmd, or "
			"set the variables that yours was started with",
			pvmgettmp(), vmid ? ", PVM_VMID " : "", vmid ? vmid : "");
}

/* `patient`: wait for a daemon that is only about to serve. 0 or an error code. */
static int enrol(bool patient)
{
	int code = pvm__open_daemon(patient);

	if (code == PvmSysErr)
		advise();
	if (code >= 0)
		code = prove_identity();
	if (code >= 0)
		code = take_identity();
	if (code >= 0)
		code = pvm__handlers_install();
	if (code >= 0)
		code = pvm__routes_prepare();
	return code;
}

bool pvm__try_connect(void)
{
	const struct task *t = &pvm__task;

	if (only_if_needed || t->engine.daemon_lost || t->engine.unreported || t->engine.enroller)
		return false;
	only_if_needed = pvm__connect() < 0;
	return !only_if_needed;
}

int pvm__become_task(void)
{
	struct task *t = &pvm__task;
	const bool lost = t->engine.daemon_lost;
	int code;

	/* A signal handler has interrupted the enrolment. */
	if (t->engine.enroller == &pvm__self)
		return PvmNotImpl;
	while (t->engine.enroller)
		pvm__await_change();
	if (pvmmytid != -1 && t->daemon)
		return 0;
	if (t->engine.unreported) {
		t->engine.unreported = false;
		return PvmSysErr;
	}
	pvmchkuid();
	pvm__disconnect();
	pvm__discard_received();
	t->nsiblings = -1;
	t->engine.enroller = &pvm__self;
	/* A program that selects from its first call on is to find the sockets as they are. */
	t->transport.exact = true;
	read_environment();
	code = enrol(!lost);
	t->transport.exact = false;
	t->engine.enroller = NULL;
	pvm__wake(WAKE_STATE);
	if (code < 0) {
		pvm__disconnect();
		t->engine.daemon_lost = lost;
		return code;
	}
	only_if_needed = false;
	pvm__settle();
	read_trace_settings();
	return t->daemon ? 0 : PvmSysErr;
}

void pvm__call_left(void)
{
	struct task *t = &pvm__task;

	if (t->engine.enroller == &pvm__self) {
		t->engine.enroller = NULL;
		pvm__disconnect();
		pvm__wake(WAKE_STATE);
	}
	if (t->engine.reader == &pvm__self)
		t->engine.reader = NULL;
	pvm__sleep_left();
	t->sending = 0;
	pvm__writes_left();
	pvm__handler_left();
}

/* ---- leaving ------------------------------------------------------------- */

bool pvm__last_words(void)
{
	bool any = pvm__routes_drain();

	while (pvm__take_listed())
		any = true;
	return any;
}

void pvm__disconnect(void)
{
	struct task *t = &pvm__task;

	pvm__freeze_forget();
	t->engine.daemon_lost = false;
	t->session++;
	pvm__wake_all();
	/* What went to this task goes nowhere, or, of its children, where its own output goes. */
	if (pvmtrc.outtid == pvmmytid)
		set_output(0, 0, 0);
	else if (pvmctrc.outtid == pvmmytid)
		set_output(pvmtrc.outtid, pvmtrc.outctx, pvmtrc.outtag);
	pvm__share_forget();
	if (t->daemon) {
		pvm__routes_close();
		pvm__stream_free(t->daemon);
	}
	t->daemon = NULL;
	t->engine.short_of_memory = false;
	t->engine.incomplete = false;
	t->engine.owed = 0;
	t->transport.exact = false;
	t->capabilities = 0;
	pvm__watch_end();
	pvm__output_forget();
	pvm__notices_forget();
	t->ptid = 0;
	t->option.noreset = 0;
	t->schedtid = 0;
	pvmmytid = -1;
	pvm__set_tracer(0);
}

void pvm__hang_up(void)
{
	pvm__disconnect();
	pvm__task.engine.daemon_lost = true;
	pvm__task.daemon_addr[0] = '\0'; /* the next is another */
}

/* Take in what waits, and run its handlers; with a bound for a flood. */
static void take_in_rest(void)
{
	for (int i = 0; i < PASSES_MAX && pvm__engine_wait_until(WHILE_THERE) > 0; i++)
		;
}

/* Leave in order: notices and output first, then the daemon, then what is left here. */
int pvm__leave(void)
{
	struct task *t = &pvm__task;
	struct message *req, *reply;
	int code;

	if (t->sending)
		return PvmNotImpl;
	if (pvmmytid == -1) {
		code = t->engine.daemon_lost ? PvmSysErr : 0;
		t->engine.daemon_lost = t->engine.unreported = false;
		return code;
	}
	pvm__trace_flush();
	pvm__output_wait_children();
	pvm__notice_self_exit();
	pvm__share_leave(); /* what is sent from now on comes by streams */
	take_in_rest();
	pvm__share_part();
	fflush(stdout);
	fflush(stderr);
	req = t->daemon ? pvm__message_new(WIRE_ENC_XDR) : NULL;
	code = req ? pvm__request(TM_EXIT, req, &reply) : PvmSysErr;
	if (code >= 0)
		pvm__message_unref(reply);
	pvm__handlers_clear();
	pvm__disconnect();
	pvm__discard_received();
	if (t->rbuf)
		pvm__message_retire(t->rbuf);
	t->engine.unreported = false;
	return code;
}

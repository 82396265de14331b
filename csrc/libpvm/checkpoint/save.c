/* SPDX-License-Identifier: MIT */
/* Writing the image, and the first steps after a restart. */
#define _GNU_SOURCE 1
#include "checkpoint/checkpoint.h"
#include "checkpoint/inside.h"

#ifdef IMAGE_POSSIBLE
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "crc32c.h"

/* ---- writing ---------------------------------------------------------------------- */

static int gather(struct job *job)
{
	if (pvm__image_condition(job) < 0 || pvm__image_process_gather(job) < 0 ||
		pvm__image_files_check(job) < 0)
		return -1;
	return pvm__image_areas_gather(job);
}

static bool put(struct job *job, uint32_t type, const void *at, size_t length)
{
	return pvm__image_record(job, type, (struct piece){ at, length },
		(struct piece){ NULL, 0 });
}

/* The auxiliary vector that the kernel tells, as long as it is. */
static bool write_auxv(struct job *job)
{
	long n, fd = raw(SYS_openat, AT_FDCWD, "/proc/self/auxv", O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		pvm__image_refuse(job, WHY_NO_PROC, -fd, "/proc/self/auxv");
		return false;
	}
	n = raw(SYS_read, fd, job->part, PART);
	raw(SYS_close, fd);
	return put(job, IMAGE_AUXV, job->part, n > 0 ? (size_t)n : 0);
}

static bool write_header(struct job *job)
{
	const struct image_area *vdso = &job->process.system[IMAGE_VDSO];

	job->process.vdso_crc = crc32c(0, (const void *)vdso->start, vdso->length);
	job->head.crc = crc32c(0, &job->head, sizeof job->head);
	return pvm__image_write(job, &(struct piece){ &job->head, sizeof job->head }, 1);
}

static bool write_extras(struct job *job)
{
	const struct image_order *order = job->order;

	for (size_t i = 0; i < order->extras; i++)
		if (!put(job, order->extra[i].type, order->extra[i].data, order->extra[i].length))
			return false;
	return true;
}

/* All but the memory. What it says of files must be said before the process goes on. */
static bool write_state(struct job *job)
{
	return write_header(job) && put(job, IMAGE_PROCESS, &job->process, sizeof job->process) &&
		write_auxv(job) && put(job, IMAGE_LIMIT, job->limits, sizeof job->limits) &&
		put(job, IMAGE_SIGACTION, job->actions, sizeof job->actions) &&
		put(job, IMAGE_TIMER, job->timers, sizeof job->timers) &&
		put(job, IMAGE_PENDING, job->waiting, job->n_waiting * sizeof *job->waiting) &&
		put(job, IMAGE_CWD, job->cwd, pvm__image_length(job->cwd) + 1) &&
		pvm__image_areas_write(job) && pvm__image_files_write(job) == 0 &&
		pvm__image_base_write(job) && write_extras(job) &&
		pvm__image_unlinked_write(job) == 0;
}

static bool write_memory(struct job *job)
{
	struct image_end end;

	if (!pvm__image_kept_write(job) || !pvm__image_pages_write(job) ||
		!pvm__image_wiped_write(job))
		return false;
	end = (struct image_end){ job->records + 1, job->bytes };
	return put(job, IMAGE_END, &end, sizeof end);
}

/* A child that has no signal at its end, so that the program's wait does not see it. */
static long fork_writer(unsigned how)
{
	return raw(SYS_clone, how & IMAGE_ORPHAN ? CLONE_PARENT : 0, 0, 0, 0, 0);
}

/* Say how it has ended. */
static void tell(const struct image_order *order, const struct image_report *report)
{
	struct image_outcome outcome = { report->reason,
		(uint32_t)(report->reason ? report->detail : report->base), report->bytes };

	raw(SYS_sendto, order->outcome, &outcome, sizeof outcome, MSG_NOSIGNAL, 0, 0);
}

/* Others come first while memory is written that costs nothing to keep. */
static void step_back(void)
{
	enum { NICE = 5 };
	const struct sched_param none = { 0 };

	raw(SYS_sched_setscheduler, 0, SCHED_OTHER, &none);
	raw(SYS_setpriority, 0 /* PRIO_PROCESS */, 0, NICE);
}

/* The child's part: the memory, and what is said of it. */
_Noreturn static void write_and_end(struct job *job)
{
	bool told = job->order->how & IMAGE_TOLD;
	bool written;

	step_back();
	written = write_memory(job);
	if (written && told) {
		long rc = raw(SYS_fsync, job->order->fd);

		written = !raw_failed(rc);
		job->error = written ? 0 : (int)-rc;
	}
	job->report->bytes = job->bytes;
	if (!written && !job->report->reason)
		pvm__image_refuse(job, WHY_WRITE, job->error, NULL);
	if (told)
		tell(job->order, job->report);
	for (;;)
		raw(SYS_exit_group, written ? 0 : 1);
}

/* Write; with IMAGE_SNAPSHOT a child writes the memory. 0, or refused. */
static int write_image(struct job *job)
{
	bool written;
	long child = 0;

	pvm__image_changes_find(job);
	written = write_state(job);
	if (written && job->order->how & IMAGE_SNAPSHOT) {
		pvm__image_changes_copy(job);
		pvm__image_spare(job, true);
		child = fork_writer(job->order->how);
		if (!child)
			write_and_end(job);
		pvm__image_spare(job, false);
		if (child < 0)
			return pvm__image_refuse(job, WHY_SYSTEM, -child, "clone");
		job->report->writer = (int)child;
		return 0;
	}
	written = written && write_memory(job);
	job->report->bytes = job->bytes;
	if (!written && !job->report->reason)
		pvm__image_refuse(job, WHY_WRITE, job->error, NULL);
	return written ? 0 : -1;
}

/* ---- after the restart ------------------------------------------------------------ */

/* Copy the caller's records to memory of their own, for the restarter's goes. */
static void keep_extra(const struct image_handover *handover, struct image_report *report)
{
	const char *from = (const char *)handover->extra;
	long at;

	report->extra = NULL;
	report->extra_length = 0;
	if (!handover->extra_length)
		return;
	at = raw(SYS_mmap, 0, handover->extra_length, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (raw_failed(at))
		return;
	for (size_t i = 0; i < handover->extra_length; i++)
		((char *)at)[i] = from[i];
	report->extra = (const void *)at;
	report->extra_length = handover->extra_length;
}

/*
 * C libraries keep the number of the thread. With it, glibc marks locks as its own: one that is
 * held now could never be given back by another number, so the old one stays; raise() does not use
 * it. musl does, where the thread's block is, and would kill whoever has the number now.
 */
static void renumber(const struct image_handover *handover)
{
	enum { MUSL_NUMBER = 48 };
	const int *glibc = (const int *)handover->tid_address;
	int *musl = (int *)(handover->thread + MUSL_NUMBER);

	if (handover->thread && !(glibc && *glibc == handover->old_pid) &&
		*musl == handover->old_pid)
		*musl = (int)raw(SYS_getpid);
}

static int resume(const struct image_handover *handover, struct image_report *report)
{
	*report = (struct image_report){ 0 };
	keep_extra(handover, report);
	renumber(handover);
	raw(SYS_munmap, handover->memory, handover->memory_length);
	return 1;
}

/* ---- the call --------------------------------------------------------------------- */

/* Gather and write; the part that has two ends. */
static int take(struct job *job, struct image_report *report)
{
	const struct image_handover *handover;
	int rc;

	if (gather(job) < 0)
		return -1;
	if (job->order->how & IMAGE_CHECK)
		return 0;
	if (pvm__image_waiting_take(job) < 0)
		return -1;
	handover = pvm__image_mark(&job->process.mark);
	if (handover)
		return resume(handover, report);
	rc = write_image(job);
	pvm__image_changes_settle(job, rc == 0);
	return rc;
}

int pvm__image_save(const struct image_order *order, struct image_report *report)
{
	uint64_t all = ~0ULL, before;
	struct job *job;
	int rc = -1;

	*report = (struct image_report){ 0 };
	raw(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, SIGNALS_BYTES);
	job = pvm__image_make_job(order, report);
	if (job) {
		rc = take(job, report);
		/* The restarted process has no scratch. */
		if (rc <= 0) {
			pvm__image_waiting_return(job);
			pvm__image_end_job(job);
		}
	}
	raw(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, SIGNALS_BYTES);
	return rc;
}

#else

int pvm__image_save(const struct image_order *order, struct image_report *report)
{
	(void)order;
	*report = (struct image_report){ .reason = WHY_MACHINE };
	return -1;
}
#endif

const void *pvm__image_extra(const struct image_report *report, uint32_t type, size_t *length)
{
	const char *at = report->extra;
	size_t left = report->extra_length;

	while (left >= sizeof(struct image_record)) {
		struct image_record record;

		__builtin_memcpy(&record, at, sizeof record);
		at += sizeof record;
		*length = (size_t)record.length;
		if (record.type == type)
			return at;
		at += *length;
		left -= sizeof record + *length;
	}
	return NULL;
}

void pvm__image_forget(struct image_report *report)
{
#ifdef IMAGE_POSSIBLE
	if (report->extra)
		raw(SYS_munmap, report->extra, report->extra_length);
#endif
	report->extra = NULL;
	report->extra_length = 0;
}

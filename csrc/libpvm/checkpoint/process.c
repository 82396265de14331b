/* SPDX-License-Identifier: MIT */
/* What the kernel keeps for a process besides memory and files. */
#define _GNU_SOURCE 1
#include "checkpoint/inside.h"

#ifdef IMAGE_POSSIBLE
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

#include "image_cpu.h"

/* Of rseq: the value that glibc registers with, and the length of before it had a larger one. */
enum { RSEQ_SIGNATURE = 0x53053053, RSEQ_LENGTH = 32 };

#ifndef PR_GET_TID_ADDRESS
#define PR_GET_TID_ADDRESS 40
#endif

/* Fields of /proc/self/stat by number, as in proc(5), and where they go. */
static const struct {
	unsigned field;
	unsigned offset;
} stat_fields[] = {
	{ 26, offsetof(struct image_layout, start_code) },
	{ 27, offsetof(struct image_layout, end_code) },
	{ 28, offsetof(struct image_layout, start_stack) },
	{ 45, offsetof(struct image_layout, start_data) },
	{ 46, offsetof(struct image_layout, end_data) },
	{ 47, offsetof(struct image_layout, start_brk) },
	{ 48, offsetof(struct image_layout, arg_start) },
	{ 49, offsetof(struct image_layout, arg_end) },
	{ 50, offsetof(struct image_layout, env_start) },
	{ 51, offsetof(struct image_layout, env_end) },
};

/* What begins with field 4, behind the name in brackets, which may contain anything, and the state. */
static const char *fourth_field(const char *line)
{
	const char *found = NULL;

	for (; *line; line++)
		if (line[0] == ')' && line[1] == ' ' && line[2] && line[3] == ' ')
			found = line + 4;
	return found;
}

static int gather_layout(struct job *job)
{
	struct image_layout *layout = &job->process.layout;
	struct lines lines;
	const char *at;
	char *line;
	unsigned next = 0;

	if (!pvm__image_lines_open(&lines, "/proc/self/stat", job->part))
		return pvm__image_refuse(job, WHY_NO_PROC, -lines.fd, "/proc/self/stat");
	line = pvm__image_lines_next(&lines);
	at = line ? fourth_field(line) : NULL;
	for (unsigned field = 4; at && next < sizeof stat_fields / sizeof *stat_fields; field++) {
		uint64_t value;

		at += *at == '-';
		value = pvm__image_number(&at, 10);
		if (field == stat_fields[next].field)
			*(uint64_t *)((char *)layout + stat_fields[next++].offset) = value;
	}
	pvm__image_lines_close(&lines);
	layout->brk = (uint64_t)raw(SYS_brk, 0);
	return at ? 0 : pvm__image_refuse(job, WHY_NO_PROC, 0, "/proc/self/stat");
}

/*
 * Where glibc has registered for restartable sequences, of 2.35 and later. The kernel knows it,
 * and says so by the error with which it refuses another registration.
 */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

static void gather_rseq(struct image_process *process)
{
	uint64_t at;

	if (!&__rseq_offset || !&__rseq_size || !__rseq_size)
		return;
	at = process->fs + (uint64_t)__rseq_offset;
	for (uint32_t length = RSEQ_LENGTH; length <= 1024; length += 32)
		if (raw(SYS_rseq, at, length, 0, RSEQ_SIGNATURE) == -EBUSY) {
			process->rseq = at;
			process->rseq_length = length;
			process->rseq_signature = RSEQ_SIGNATURE;
			return;
		}
}

static void gather_thread(struct image_process *process)
{
	raw(SYS_arch_prctl, RAW_GET_FS, &process->fs);
	raw(SYS_arch_prctl, RAW_GET_GS, &process->gs);
	raw(SYS_prctl, PR_GET_TID_ADDRESS, &process->tid_address);
	raw(SYS_get_robust_list, 0, &process->robust, &process->robust_length);
	raw(SYS_prctl, PR_GET_NAME, process->name);
	process->pid = (int32_t)raw(SYS_getpid);
	gather_rseq(process);
}

static void gather_signals(struct job *job)
{
	stack_t stack = { .ss_flags = SS_DISABLE };

	raw(SYS_sigaltstack, 0, &stack);
	job->process.altstack = (uint64_t)stack.ss_sp;
	job->process.altstack_size = stack.ss_size;
	job->process.altstack_flags = (uint32_t)stack.ss_flags & ~(uint32_t)SS_ONSTACK;
	for (unsigned i = 0; i < IMAGE_SIGNALS; i++)
		raw(SYS_rt_sigaction, i + 1, 0, &job->actions[i], SIGNALS_BYTES);
	for (unsigned i = 0; i < IMAGE_TIMERS; i++)
		raw(SYS_getitimer, i, &job->timers[i]);
}

static int gather_cwd(struct job *job)
{
	long n;

	job->cwd = pvm__image_room(job, IMAGE_PATH_MAX);
	n = job->cwd ? raw(SYS_getcwd, job->cwd, IMAGE_PATH_MAX) : -ENOMEM;
	return raw_failed(n) ? pvm__image_refuse(job, WHY_SYSTEM, -n, "getcwd") : 0;
}

static void gather_head(struct job *job)
{
	struct image_header *head = &job->head;
	struct utsname *name = (struct utsname *)job->part;
	unsigned i;

	for (i = 0; i < sizeof head->magic; i++)
		head->magic[i] = IMAGE_MAGIC[i];
	head->version = IMAGE_VERSION;
	head->length = sizeof *head;
	head->arch = IMAGE_ARCH_X86_64;
	head->page = IMAGE_PAGE;
	head->tid = job->order->tid;
	head->job = job->order->job;
	head->epoch = job->order->epoch;
	image_cpu(head);
	image_cpu_limit(head, job->order->level);
	raw(SYS_uname, name);
	for (i = 0; i < sizeof head->kernel - 1 && name->release[i]; i++)
		head->kernel[i] = name->release[i];
}

int pvm__image_process_gather(struct job *job)
{
	enum { UNCHANGED = 0xffffffff };
	struct image_process *process = &job->process;

	gather_head(job);
	gather_thread(process);
	gather_signals(job);
	for (unsigned i = 0; i < IMAGE_LIMITS; i++)
		raw(SYS_prlimit64, 0, i, 0, &job->limits[i]);
	process->personality = (uint32_t)raw(SYS_personality, UNCHANGED);
	process->umask = (uint32_t)raw(SYS_umask, 0);
	raw(SYS_umask, process->umask);
	if (gather_layout(job) < 0)
		return -1;
	return gather_cwd(job);
}

/* ---- signals that wait ------------------------------------------------------------ */

int pvm__image_waiting_take(struct job *job)
{
	uint64_t all = ~0ULL;
	struct timespec now = { 0, 0 };

	job->waiting = pvm__image_room(job, WAITING_MAX * sizeof *job->waiting);
	if (!job->waiting)
		return pvm__image_refuse(job, WHY_SYSTEM, ENOMEM, "mmap");
	while (job->n_waiting < WAITING_MAX) {
		siginfo_t *signal = &job->waiting[job->n_waiting];

		if (raw(SYS_rt_sigtimedwait, &all, signal, &now, SIGNALS_BYTES) <= 0)
			return 0;
		job->n_waiting++;
	}
	return pvm__image_refuse(job, WHY_TOO_MANY_SIGNALS, WAITING_MAX, NULL);
}

void pvm__image_waiting_return(struct job *job)
{
	long pid = raw(SYS_getpid);

	for (unsigned i = 0; i < job->n_waiting; i++)
		raw(SYS_rt_sigqueueinfo, pid, job->waiting[i].si_signo, &job->waiting[i]);
	job->n_waiting = 0;
}
#endif

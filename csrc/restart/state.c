/* SPDX-License-Identifier: MIT */
/* What the kernel keeps for a process besides memory and files; the jump. */
#define _GNU_SOURCE 1
#include <signal.h>
#include <sys/prctl.h>

#include "restart.h"

/* ---- the process ------------------------------------------------------------------------ */

static void restore_layout(struct restart *r)
{
	const struct image_layout *from = &r->process->layout;
	struct prctl_mm_map map = {
		.start_code = from->start_code,
		.end_code = from->end_code,
		.start_data = from->start_data,
		.end_data = from->end_data,
		.start_brk = from->start_brk,
		.brk = from->brk,
		.start_stack = from->start_stack,
		.arg_start = from->arg_start,
		.arg_end = from->arg_end,
		.env_start = from->env_start,
		.env_end = from->env_end,
		.auxv = (void *)r->auxv,
		.auxv_size = (uint32_t)r->auxv_length,
		.exe_fd = (uint32_t)-1,
	};
	long rc = r->low ? 0 : raw(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map);

	if (rc)
		refuse(r, "the kernel does not take the layout of the program: error %u", -rc);
}

/* As much as this process may. */
static void restore_limits(struct restart *r)
{
	for (unsigned i = 0; i < IMAGE_LIMITS; i++) {
		struct image_limit here, wanted = r->limits[i];

		if (!raw_failed(raw(SYS_prlimit64, 0, i, &wanted, 0)))
			continue;
		raw(SYS_prlimit64, 0, i, 0, &here);
		if (wanted.hard > here.hard)
			wanted.hard = here.hard;
		if (wanted.soft > wanted.hard)
			wanted.soft = wanted.hard;
		raw(SYS_prlimit64, 0, i, &wanted, 0);
	}
}

/* ---- signals ---------------------------------------------------------------------------- */

static void restore_actions(struct restart *r)
{
	for (int i = 0; i < IMAGE_SIGNALS; i++) {
		long rc = raw(SYS_rt_sigaction, i + 1, &r->actions[i], 0, SIGNALS_BYTES);

		if (rc && i + 1 != SIGKILL && i + 1 != SIGSTOP)
			refuse(r, "the action of signal %u is refused: error %u", (uint64_t)(i + 1),
				-rc);
	}
}

static void restore_waiting(struct restart *r)
{
	long pid = raw(SYS_getpid);

	for (uint64_t i = 0; i < r->n_waiting; i++) {
		siginfo_t info;
		long rc;

		memcpy(&info, r->waiting + i * SIGNAL_INFO, sizeof info);
		rc = raw(SYS_rt_sigqueueinfo, pid, info.si_signo, &info);
		if (rc)
			refuse(r, "signal %u, which waited, is refused: error %u",
				(uint64_t)(uint32_t)info.si_signo, -rc);
	}
}

static void restore_signals(struct restart *r)
{
	stack_t stack = {
		.ss_sp = (void *)r->process->altstack,
		.ss_size = r->process->altstack_size,
		.ss_flags = (int)r->process->altstack_flags,
	};
	long rc = raw(SYS_sigaltstack, &stack, 0);

	if (rc)
		refuse(r, "the alternate stack is refused: error %u", -rc);
	restore_actions(r);
	restore_waiting(r);
	for (unsigned i = 0; i < IMAGE_TIMERS; i++)
		raw(SYS_setitimer, i, &r->timers[i], 0);
}

/* ---- the thread, and the end ------------------------------------------------------------ */

static void restore_thread(struct restart *r)
{
	const struct image_process *p = r->process;
	long rc = 0;

	raw(SYS_set_tid_address, p->tid_address);
	if (p->robust_length)
		rc = raw(SYS_set_robust_list, p->robust, p->robust_length);
	if (!rc && p->rseq)
		rc = raw(SYS_rseq, p->rseq, p->rseq_length, 0, p->rseq_signature);
	if (!rc)
		rc = raw(SYS_arch_prctl, RAW_SET_GS, p->gs);
	if (!rc)
		rc = raw(SYS_arch_prctl, RAW_SET_FS, p->fs);
	if (rc)
		refuse(r, "the state of the thread is refused: error %u", -rc);
}

void restore(struct restart *r)
{
	restore_layout(r);
	raw(SYS_umask, r->process->umask);
	raw(SYS_personality, r->process->personality);
	raw(SYS_prctl, PR_SET_NAME, r->process->name);
	restore_signals(r);
	restore_limits(r);
	restore_thread(r);
}

/* Load the registers of a mark, as its function returns a second time. */
__attribute__((naked, noreturn)) static void jump(const struct image_mark *mark
	__attribute__((unused)),
	const struct image_handover *handover __attribute__((unused)))
{
	__asm__("mov %rsi, %rax\n\t"
		"mov 0(%rdi), %rbx\n\t"
		"mov 8(%rdi), %rbp\n\t"
		"mov 16(%rdi), %r12\n\t"
		"mov 24(%rdi), %r13\n\t"
		"mov 32(%rdi), %r14\n\t"
		"mov 40(%rdi), %r15\n\t"
		"ldmxcsr 64(%rdi)\n\t"
		"fldcw 68(%rdi)\n\t"
		"mov 48(%rdi), %rsp\n\t"
		"jmp *56(%rdi)");
}

void leave(struct restart *r)
{
	static struct image_handover handover;

	handover = (struct image_handover){
		.memory = r->memory,
		.memory_length = r->memory_end - r->memory,
		.extra = (uint64_t)r->extra,
		.extra_length = r->extra_length,
		.tid_address = r->process->tid_address,
		.thread = r->process->fs,
		.old_pid = r->process->pid,
	};
	tell(r, "ready");
	raw(SYS_close, r->image.fd);
	raw(SYS_close, r->report);
	jump(&r->process->mark, &handover);
}

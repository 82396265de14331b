/* SPDX-License-Identifier: MIT */
/* The point to which the restarted process returns. */
#define _GNU_SOURCE 1
#include "checkpoint/inside.h"

#ifdef IMAGE_POSSIBLE
/* Callers must not learn, by way of link-time optimisation, which registers it leaves alone. */
#if __has_attribute(noipa)
#define OPAQUE noipa
#else
#define OPAQUE noinline
#endif

/*
 * Registers that functions preserve, the stack as it is after the return, and where that leads.
 * No prologue may come before: rsp points at the return address.
 */
__attribute__((naked, OPAQUE, no_instrument_function, no_profile_instrument_function))
const struct image_handover *
pvm__image_mark(struct image_mark *mark __attribute__((unused)))
{
	__asm__("mov %rbx, 0(%rdi)\n\t"
		"mov %rbp, 8(%rdi)\n\t"
		"mov %r12, 16(%rdi)\n\t"
		"mov %r13, 24(%rdi)\n\t"
		"mov %r14, 32(%rdi)\n\t"
		"mov %r15, 40(%rdi)\n\t"
		"lea 8(%rsp), %rax\n\t"
		"mov %rax, 48(%rdi)\n\t"
		"mov (%rsp), %rax\n\t"
		"mov %rax, 56(%rdi)\n\t"
		"stmxcsr 64(%rdi)\n\t"
		"fnstcw 68(%rdi)\n\t"
		"xor %eax, %eax\n\t"
		"ret");
}
#endif

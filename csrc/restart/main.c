/* SPDX-License-Identifier: MIT */
/* The steps of a restart: restart.h says how it is called. */
#define _GNU_SOURCE 1
#include <sys/personality.h>
#include <sys/prctl.h>

#include "restart.h"

enum { STACK = 64 << 10 };

/* What the kernel has left on the first stack. */
struct call {
	long count;
	char **words, **environment;
};

_Noreturn void restart_main(long *first);

/* On a stack of our own, for the first one goes. */
__attribute__((used, aligned(16))) static char stack[STACK];

__asm__(".globl _start\n"
	".type _start, @function\n"
	"_start:\n\t"
	"xor %ebp, %ebp\n\t"
	"mov %rsp, %rdi\n\t"
	"lea stack(%rip), %rsp\n\t"
	"add $65536, %rsp\n\t"
	"call restart_main\n\t"
	"hlt\n");

/* ---- the twin ------------------------------------------------------------------------- */

/* Run another program in place of this one, at addresses that are not random. */
static void run_instead(const struct restart *r, const char *path, const struct call *call)
{
	long rc;

	raw(SYS_personality, raw(SYS_personality, 0xffffffffUL) | ADDR_NO_RANDOMIZE);
	rc = raw(SYS_execve, path, call->words, call->environment);
	refuse(r, "%s cannot be run: error %u", path, -rc);
}

/* The kernel must take the layout of a program; else the twin can do it, which must not be moved. */
static void choose_twin(struct restart *r, const struct call *call)
{
	static const char ending[] = "-low";
	char path[IMAGE_PATH_MAX + sizeof ending];
	uint32_t size;
	long n;

	if (r->low) {
		if (!(raw(SYS_personality, 0xffffffffUL) & ADDR_NO_RANDOMIZE))
			run_instead(r, "/proc/self/exe", call);
		return;
	}
	if (!raw(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP_SIZE, &size))
		return;
	n = raw(SYS_readlink, "/proc/self/exe", path, IMAGE_PATH_MAX);
	if (n < 0)
		refuse(r, "/proc cannot be read: error %u", -n);
	memcpy(path + n, ending, sizeof ending);
	run_instead(r, path, call);
}

/* ---- the call ------------------------------------------------------------------------- */

static void show_version(void)
{
	static const char version[] = "pvmrestart (pvm3py " PVM3PY_VERSION ")\n";

	raw(SYS_write, 1, version, sizeof version - 1);
	raw(SYS_exit_group, 0);
}

static void show_usage(int fd, int status)
{
	static const char usage[] =
		"usage: pvmrestart [-c] [-b BASE]... IMAGE [REPORT [STREAM]]\n"
		"       pvmrestart -h | --help | --version\n"
		"\n"
		"Make a process of the image that descriptor IMAGE reads. REPORT is a descriptor, too:\n"
		"what is wrong comes there, or that the process is ready. STREAM is one that takes the place\n"
		"of the connection of the image's task.\n"
		"\n"
		"  -b BASE     a descriptor of a file, on which the image or the next base builds\n"
		"  -c          only check the image\n"
		"  -h, --help  show this\n";

	raw(SYS_write, fd, usage, sizeof usage - 1);
	raw(SYS_exit_group, status);
}

static void wrong_call(void)
{
	show_usage(2, WRONG_CALL);
}

static int descriptor(const char *word)
{
	const char *at = word;
	uint64_t number = take_number(&at, 10);

	if (at == word || *at || at - word > 9)
		wrong_call();
	return (int)number;
}

static void read_call(struct restart *r, const struct call *call)
{
	char **word = call->words + 1;

	r->report = 2;
	r->from = &r->image;
	if (*word && (same_text(*word, "-h") || same_text(*word, "--help")))
		show_usage(1, 0);
	if (*word && same_text(*word, "--version"))
		show_version();
	if (*word && same_text(*word, "-c")) {
		r->check_only = true;
		word++;
	}
	for (; *word && same_text(*word, "-b") && word[1]; word += 2) {
		if (r->n_bases == IMAGE_BASES_MAX)
			wrong_call();
		r->bases[r->n_bases++].fd = descriptor(word[1]);
	}
	if (!*word)
		wrong_call();
	r->image.fd = descriptor(*word++);
	if (*word) {
		r->report = descriptor(*word++);
		r->told = true;
	}
	r->stream = *word ? descriptor(*word++) : -1;
	if (*word || r->image.fd == r->report || r->stream == r->image.fd || r->stream == r->report)
		wrong_call();
}

/* ---- all steps ------------------------------------------------------------------------- */

static void check(struct restart *r)
{
	take_header(r);
	stage_rounds(r);
	collect(r);
	check_kept(r);
	if (r->from->regular || r->check_only)
		check_rest(r);
	check_bases(r);
	check_machine(r);
	check_files(r);
}

void restart_main(long *first)
{
	static struct restart state;
	struct restart *r = &state;
	struct call call = { first[0], (char **)first + 1, (char **)first + 2 + first[0] };
	uint64_t all = ~0ULL;

	raw(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, &all, 0, SIGNALS_BYTES);
	read_call(r, &call);
	make_arena(r);
	choose_twin(r, &call);
	look_at(r, &r->image);
	close_others(r);
	check(r);
	if (r->check_only) {
		tell(r, "right", 0);
		raw(SYS_exit_group, 0);
	}
	stage_bases(r);
	open_files(r);
	rebuild(r);
	finish_files(r);
	restore(r);
	leave(r);
}

/* SPDX-License-Identifier: MIT */
/* Whether an image can be rebuilt: by what it says, and by what this machine is. */
#include "crc32c.h"
#include "image_cpu.h"
#include "restart.h"

enum { PROT_KNOWN = 7, READABLE = 1, WRITABLE = 2, EXECUTABLE = 4 };

/* ---- what it says ------------------------------------------------------------------ */

static bool overlap(uint64_t start, uint64_t end, uint64_t from, uint64_t to)
{
	return start < to && from < end;
}

static void check_area(const struct restart *r, const struct image_vma *area, uint64_t before)
{
	bool shared = area->flags & IMAGE_SHARED, stack = area->flags & IMAGE_STACK;

	if ((area->start | area->end | area->offset) % IMAGE_PAGE || area->start >= area->end ||
		area->end > USER_END || area->start < before)
		refuse(r, "the area at 0x%x is not where one can be", area->start);
	if (area->protection & ~(uint32_t)PROT_KNOWN || area->flags & ~(uint32_t)IMAGE_VMA_FLAGS ||
		area->file > r->from->n_files || area->reserved)
		refuse(r, "the area at 0x%x is of an unknown kind", area->start);
	if ((shared && !area->file) || (stack && (area->file || shared)))
		refuse(r, "the area at 0x%x is a contradiction", area->start);
	if (overlap(area->start, area->end, r->memory, r->memory_end))
		refuse(r, "the area at 0x%x is where the restarter itself is", area->start);
}

struct image_vma *area_of(struct restart *r, uint64_t address)
{
	uint64_t low = 0, high = r->from->n_areas;

	if (r->at_area < r->from->n_areas && address >= r->from->areas[r->at_area].start &&
		address < r->from->areas[r->at_area].end)
		return &r->from->areas[r->at_area];
	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if (address < r->from->areas[middle].start)
			high = middle;
		else if (address >= r->from->areas[middle].end)
			low = middle + 1;
		else
			return &r->from->areas[r->at_area = middle];
	}
	return NULL;
}

/* Where the kernel's areas are to go there is nothing else. */
static void check_system(struct restart *r)
{
	for (unsigned i = 0; i < IMAGE_SYSTEM_AREAS; i++) {
		const struct image_area *area = &r->process->system[i];
		uint64_t end = area->start + area->length;

		if (!area->start && !area->length)
			continue;
		if ((area->start | area->length) % IMAGE_PAGE || end <= area->start ||
			end > USER_END || overlap(area->start, end, r->memory, r->memory_end))
			refuse(r, "the kernel's area at 0x%x is not where one can be", area->start);
		for (uint64_t k = 0; k < r->from->n_areas; k++)
			if (overlap(area->start, end, r->from->areas[k].start,
				    r->from->areas[k].end))
				refuse(r, "the kernel's area at 0x%x is the program's, too",
					area->start);
	}
}

static void check_address(struct restart *r, uint64_t address, unsigned need, const char *what)
{
	const struct image_vma *area = area_of(r, address);

	if (!area || (area->protection & need) != need)
		refuse(r, "the %s, 0x%x, is in no memory that it can be in", what, address);
}

static void check_process(struct restart *r)
{
	const struct image_process *p = r->process;

	check_address(r, p->mark.rip, EXECUTABLE, "next instruction");
	check_address(r, p->mark.rsp, READABLE | WRITABLE, "stack pointer");
	if (p->fs)
		check_address(r, p->fs, READABLE, "thread's block");
	if (p->tid_address)
		check_address(r, p->tid_address, READABLE, "thread's number");
	check_system(r);
}

static void check_fd(struct restart *r, const struct image_fd *fd, int before)
{
	bool same = fd->kind != IMAGE_FD_SAME;

	if (fd->fd <= before || fd->kind > IMAGE_FD_INHERITED || fd->reserved ||
		(fd->kind == IMAGE_FD_INHERITED && fd->fd > 2) || fd->offset >> 63 ||
		fd->size >> 63)
		refuse(r, "descriptor %u is described wrongly", (uint64_t)(uint32_t)fd->fd);
	for (unsigned i = 0; i < r->n_fds && !same; i++)
		same = r->fds[i]->fd == fd->same && fd->same < fd->fd &&
			r->fds[i]->kind != IMAGE_FD_SAME;
	if (!same)
		refuse(r, "descriptor %u is the same as one that is not there",
			(uint64_t)(uint32_t)fd->fd);
}

void check_areas(const struct restart *r)
{
	uint64_t before = 0;

	for (uint64_t i = 0; i < r->from->n_areas; i++) {
		check_area(r, &r->from->areas[i], before);
		before = r->from->areas[i].end;
	}
}

void check_kept(struct restart *r)
{
	int fd = -1;

	if (!r->process || !r->auxv || !r->limits || !r->actions || !r->timers || !r->waiting ||
		!r->cwd || !r->from->areas)
		refuse(r, "the image does not describe a whole process");
	check_areas(r);
	check_process(r);
	for (unsigned i = 0; i < r->n_fds; i++) {
		check_fd(r, r->fds[i], fd);
		fd = r->fds[i]->fd;
	}
}

/* ---- what this machine is ----------------------------------------------------------- */

/* Features that people know by name. */
static const struct {
	unsigned word, bit;
	const char *name;
} feature_names[] = {
	{ 0, 0, "sse3" },
	{ 0, 9, "ssse3" },
	{ 0, 12, "fma" },
	{ 0, 19, "sse4.1" },
	{ 0, 20, "sse4.2" },
	{ 0, 22, "movbe" },
	{ 0, 23, "popcnt" },
	{ 0, 26, "xsave" },
	{ 0, 28, "avx" },
	{ 2, 3, "bmi1" },
	{ 2, 5, "avx2" },
	{ 2, 8, "bmi2" },
	{ 2, 9, "erms" },
	{ 2, 11, "rtm" },
	{ 2, 16, "avx512f" },
	{ 2, 17, "avx512dq" },
	{ 2, 30, "avx512bw" },
	{ 2, 31, "avx512vl" },
	{ 4, 22, "amx-bf16" },
	{ 4, 4, "fsrm" },
	{ 6, 5, "lzcnt" },
	{ 7, 1, "xsavec" },
};

static const char *feature_name(unsigned word, unsigned bit)
{
	for (unsigned i = 0; i < sizeof feature_names / sizeof *feature_names; i++)
		if (feature_names[i].word == word && feature_names[i].bit == bit)
			return feature_names[i].name;
	return "number";
}

static void check_cpu(struct restart *r)
{
	struct image_header here;

	image_cpu(&here);
	for (unsigned i = 0; i < IMAGE_CPU_WORDS; i++) {
		uint32_t missing = r->from->head.cpu[i] & ~here.cpu[i];
		unsigned bit = missing ? (unsigned)__builtin_ctz(missing) : 0;

		if (missing)
			refuse(r, "the processor here lacks a feature: %s (%u.%u)",
				feature_name(i, bit), (uint64_t)i, (uint64_t)bit);
	}
	if (!image_state_fits(&r->from->head, &here))
		refuse(r, "the vector state here is another: 0x%x, not 0x%x", here.xcr0,
			r->from->head.xcr0);
}

/* Read a file of /proc into the buffer; its length. */
static size_t read_proc(struct restart *r, const char *path)
{
	long got, fd = raw(SYS_openat, -1, path, 0);
	size_t n = 0;

	if (fd < 0)
		refuse(r, "%s cannot be read: error %u", path, -fd);
	while (n < BUFFER - 1 && (got = raw(SYS_read, fd, r->buffer + n, BUFFER - 1 - n)) > 0)
		n += (size_t)got;
	raw(SYS_close, fd);
	r->buffer[n] = 0;
	return n;
}

/* The area in a line of maps that has this name at its end. */
static struct image_area system_area(const struct restart *r, size_t n, const char *name)
{
	const char *at = find_behind(r->buffer, n, name);
	struct image_area area = { 0, 0 };

	if (!at)
		return area;
	/* From the end of this line to that of the one before. */
	do
		at--;
	while (at > r->buffer && at[-1] != '\n');
	area.start = take_number(&at, 16);
	at++;
	area.length = take_number(&at, 16) - area.start;
	return area;
}

static void check_vdso(struct restart *r)
{
	static const char *const names[IMAGE_SYSTEM_AREAS] = {
		[IMAGE_VVAR] = " [vvar]\n",
		[IMAGE_VVAR_VCLOCK] = " [vvar_vclock]\n",
		[IMAGE_VDSO] = " [vdso]\n",
	};
	const struct image_area *vdso = &r->system[IMAGE_VDSO];
	size_t n = read_proc(r, "/proc/self/maps");
	uint64_t all = 0;

	for (unsigned i = 0; i < IMAGE_SYSTEM_AREAS; i++) {
		r->system[i] = system_area(r, n, names[i]);
		all += r->system[i].length;
		if (r->system[i].length != r->process->system[i].length || all > PARKING)
			refuse(r, "the kernel here, not %s, has other areas", r->from->head.kernel);
	}
	if (crc32c(0, (const void *)vdso->start, vdso->length) != r->process->vdso_crc)
		refuse(r, "the kernel here, not %s, has another vdso", r->from->head.kernel);
}

/* A program that was kept from system calls must not be free of that. */
static void check_filters(struct restart *r)
{
	size_t n = read_proc(r, "/proc/self/status");
	const char *at = find_behind(r->buffer, n, "Seccomp_filters:\t");
	uint64_t here = at ? take_number(&at, 10) : 0;

	if (here < r->process->filters)
		refuse(r, "the process had %u filters of system calls, here are %u",
			(uint64_t)r->process->filters, here);
}

void check_machine(struct restart *r)
{
	r->from->head.kernel[sizeof r->from->head.kernel - 1] = 0;
	check_cpu(r);
	check_vdso(r);
	check_filters(r);
}

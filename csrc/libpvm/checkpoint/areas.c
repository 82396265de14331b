/* SPDX-License-Identifier: MIT */
/* The areas of memory, and the files that are mapped there. */
#define _GNU_SOURCE 1
#include "checkpoint/inside.h"

#ifdef IMAGE_POSSIBLE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "image_identity.h"

enum { HUGETLBFS = 0x958458f6 };

/* Paths that are no files, by their beginnings, in the order in which they are tried. */
static const struct {
	const char *beginning;
	enum image_reason reason;
	bool if_shared; /* refused only if the area is shared */
} special_paths[] = {
	{ "/anon_hugepage", WHY_HUGE_PAGES, false },
	{ "/SYSV", WHY_SHARED_MEMORY, false },
	{ "/dev/zero", WHY_SHARED_MEMORY, true },
	{ "/dev/shm/", WHY_SHARED_MEMORY, true },
	{ "/memfd:", WHY_SHARED_MEMORY, true },
	{ "/[aio]", WHY_ASYNC_IO, false },
	{ "anon_inode:", WHY_DEVICE_MEMORY, false },
	{ "socket:", WHY_DEVICE_MEMORY, false },
};

/* Areas of the kernel's own. */
static const char *const system_names[IMAGE_SYSTEM_AREAS] = {
	[IMAGE_VVAR] = "[vvar]",
	[IMAGE_VVAR_VCLOCK] = "[vvar_vclock]",
	[IMAGE_VDSO] = "[vdso]",
};

static bool same_text(const char *a, const char *b)
{
	const char *behind = pvm__image_behind(a, b);

	return behind && !*behind;
}

/* Is the area the kernel's, or our scratch? The kernel's are noted; scratch is cut off others. */
static bool left_out(struct job *job, struct area *area)
{
	if (area->start >= job->scratch && area->end <= job->scratch_end)
		return true;
	if (area->start < job->scratch && area->end > job->scratch)
		area->end = job->scratch;
	if (area->start < job->scratch_end && area->end > job->scratch_end)
		area->start = job->scratch_end;
	for (unsigned i = 0; i < IMAGE_SYSTEM_AREAS; i++)
		if (same_text(area->path, system_names[i])) {
			job->process.system[i].start = area->start;
			job->process.system[i].length = area->end - area->start;
			return true;
		}
	return same_text(area->path, "[vsyscall]") || same_text(area->path, "[uprobes]");
}

static int check_special(struct job *job, const struct area *area)
{
	for (unsigned i = 0; i < sizeof special_paths / sizeof *special_paths; i++)
		if (pvm__image_behind(area->path, special_paths[i].beginning) &&
			(area->shared || !special_paths[i].if_shared))
			return pvm__image_refuse(job, special_paths[i].reason, 0, area->path);
	return 0;
}

/* Is the file that is mapped still there under its name, and for us to read? */
static bool file_is_there(const struct area *area, struct stat *st)
{
	int fd = (int)raw(SYS_openat, AT_FDCWD, area->path,
		O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool there = fd >= 0 && !raw_failed(raw(SYS_fstat, fd, st)) && st->st_ino == area->inode &&
		S_ISREG(st->st_mode);

	if (fd >= 0)
		raw(SYS_close, fd);
	return there;
}

/* Does the area before map the same file, to be known by the same? */
static const struct area *like_before(const struct job *job, const struct area *area)
{
	const struct area *before = job->n_areas ? area - 1 : NULL;

	return before && before->path == area->path && before->inode == area->inode &&
			before->shared == area->shared ?
		before :
		NULL;
}

/* Find out how the area of a file comes back. */
static int place_file(struct job *job, struct area *area, unsigned *files)
{
	const struct area *before = like_before(job, area);
	struct statfs fs = { .f_type = 0 };
	struct stat st = { .st_mode = 0 };
	bool there;

	if (before && (before->file || before->whole)) {
		area->file = before->file;
		area->whole = before->whole;
		return 0;
	}
	there = file_is_there(area, &st);
	raw(SYS_statfs, area->path, &fs);
	if (there && (unsigned)fs.f_type == HUGETLBFS)
		return pvm__image_refuse(job, WHY_HUGE_PAGES, 0, area->path);
	if (!raw_failed(raw(SYS_stat, area->path, &st)) && S_ISCHR(st.st_mode) &&
		!pvm__image_behind(area->path, "/dev/zero"))
		return pvm__image_refuse(job, WHY_DEVICE_MEMORY, 0, area->path);
	if (!there && area->shared)
		return pvm__image_refuse(job, WHY_SHARED_MEMORY, 0, area->path);
	area->whole = !there || (job->order->how & IMAGE_INLINE && !area->shared);
	if (!area->whole)
		area->file = ++*files;
	return 0;
}

static uint32_t protection(const char *letters)
{
	return (letters[0] == 'r' ? PROT_READ : 0U) | (letters[1] == 'w' ? PROT_WRITE : 0U) |
		(letters[2] == 'x' ? PROT_EXEC : 0U);
}

/* The path, kept; equal ones that follow each other are one. NULL: no room. */
static const char *keep_path(struct job *job, const struct area *area, const char *path)
{
	size_t length = 0;
	char *kept;

	if (job->n_areas && same_text(path, area[-1].path))
		return area[-1].path;
	while (path[length++]) {}
	kept = pvm__image_room(job, length);
	for (size_t i = 0; kept && i < length; i++)
		kept[i] = path[i];
	return kept;
}

/* Is it private memory that has no file, and no stack? */
static bool is_nameless(const struct area *area)
{
	const char *path = area->path;

	return !area->shared && (!path[0] || path[0] == '[') && !same_text(path, "[stack]");
}

/* One line: start-end rwxp offset major:minor inode path. */
static int take_line(struct job *job, const char *line, unsigned *files)
{
	struct area *area = &job->areas[job->n_areas];

	if (job->n_areas == job->max_areas)
		return pvm__image_refuse(job, WHY_AREAS, (long)job->max_areas, NULL);
	*area = (struct area){ .start = pvm__image_number(&line, 16) };
	area->end = pvm__image_number(&line, 16);
	area->protection = protection(line);
	area->shared = line[3] == 's';
	line += 5;
	area->offset = pvm__image_number(&line, 16);
	pvm__image_number(&line, 16);
	pvm__image_number(&line, 16);
	area->inode = pvm__image_number(&line, 10);
	while (*line == ' ')
		line++;
	area->path = keep_path(job, area, line);
	if (!area->path)
		return pvm__image_refuse(job, WHY_AREAS, 0, NULL);
	if (left_out(job, area) || (job->order->how & IMAGE_ROUND && !is_nameless(area)))
		return 0;
	area->stack = same_text(area->path, "[stack]");
	if (check_special(job, area) < 0)
		return -1;
	if (area->path[0] == '/' && place_file(job, area, files) < 0)
		return -1;
	job->n_areas++;
	return 0;
}

int pvm__image_areas_gather(struct job *job)
{
	struct lines lines;
	const char *line;
	unsigned files = 0;

	if (!pvm__image_lines_open(&lines, "/proc/self/maps", job->part))
		return pvm__image_refuse(job, WHY_NO_PROC, -lines.fd, "/proc/self/maps");
	while ((line = pvm__image_lines_next(&lines)))
		if (take_line(job, line, &files) < 0) {
			pvm__image_lines_close(&lines);
			return -1;
		}
	return 0;
}

/* ---- writing ---------------------------------------------------------------------- */

static bool write_file(struct job *job, const struct area *area)
{
	struct image_file file = { .identity.kind = IMAGE_ANY };
	struct stat st;
	int fd = (int)raw(SYS_openat, AT_FDCWD, area->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || raw_failed(raw(SYS_fstat, fd, &st))) {
		job->error = -fd;
		return false;
	}
	file.size = (uint64_t)st.st_size;
	if (!area->shared || !(area->protection & PROT_WRITE))
		image_identify(fd, job->part, &file.identity);
	raw(SYS_close, fd);
	return pvm__image_record(job, IMAGE_FILE, (struct piece){ &file, sizeof file },
		(struct piece){ area->path, pvm__image_length(area->path) + 1 });
}

static bool write_files(struct job *job)
{
	uint32_t written = 0;

	for (unsigned i = 0; i < job->n_areas; i++)
		if (job->areas[i].file > written) {
			if (!write_file(job, &job->areas[i]))
				return false;
			written = job->areas[i].file;
		}
	return true;
}

static struct image_vma vma_of(const struct area *area)
{
	return (struct image_vma){
		.start = area->start,
		.end = area->end,
		.offset = area->file ? area->offset : 0,
		.protection = area->protection,
		.flags = (area->shared ? IMAGE_SHARED : 0U) | (area->stack ? IMAGE_STACK : 0U),
		.file = area->file,
	};
}

bool pvm__image_areas_write(struct job *job)
{
	struct image_vma *table = pvm__image_room(job, job->n_areas * sizeof *table);

	if (!table) {
		pvm__image_refuse(job, WHY_AREAS, job->n_areas, NULL);
		return false;
	}
	for (unsigned i = 0; i < job->n_areas; i++)
		table[i] = vma_of(&job->areas[i]);
	return write_files(job) &&
		pvm__image_record(job, IMAGE_VMA,
			(struct piece){ table, job->n_areas * sizeof *table },
			(struct piece){ NULL, 0 });
}
#endif

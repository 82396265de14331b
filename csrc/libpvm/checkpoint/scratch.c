/* SPDX-License-Identifier: MIT */
/* The memory in which an image is put together. */
#define _GNU_SOURCE 1
#include "checkpoint/inside.h"

#ifdef IMAGE_POSSIBLE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

enum {
	MORE_AREAS = 64, /* areas that come up while they are counted */
	COUNT_PART = 1024,
	PER_AREA = sizeof(struct area) + sizeof(struct image_vma),
	FIXED = sizeof(struct job) + PART + IMAGE_PATH_MAX + WAITING_MAX * sizeof(siginfo_t) +
		IMAGE_DESCRIPTORS_MAX * sizeof(struct seen) + 16 * IMAGE_PAGE,
};

void *pvm__image_room(struct job *job, size_t length)
{
	char *at = job->room;

	length = (length + 15) & ~(size_t)15;
	if (length > (size_t)(job->room_end - at))
		return NULL;
	job->room += length;
	return at;
}

/* Bytes of /proc/self/maps, and its lines; false if it cannot be read. */
static bool count_areas(size_t *bytes, size_t *lines)
{
	char part[COUNT_PART];
	long n, fd = raw(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);

	*bytes = *lines = 0;
	if (fd < 0)
		return false;
	while ((n = raw(SYS_read, fd, part, sizeof part)) > 0) {
		*bytes += (size_t)n;
		for (long i = 0; i < n; i++)
			*lines += part[i] == '\n';
	}
	raw(SYS_close, fd);
	return n == 0;
}

/* Make the memory of a job; its address, or a negative error number. */
static long make_scratch(size_t *length, size_t *lines)
{
	size_t bytes;
	long at;

	if (!count_areas(&bytes, lines))
		return -EACCES;
	*lines += MORE_AREAS;
	*length = FIXED + bytes + *lines * PER_AREA;
	*length = (*length + 2 * IMAGE_PAGE + IMAGE_PAGE - 1) & ~(size_t)(IMAGE_PAGE - 1);
	at = raw(SYS_mmap, 0, *length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!raw_failed(at))
		raw(SYS_mprotect, at + IMAGE_PAGE, *length - 2 * IMAGE_PAGE,
			PROT_READ | PROT_WRITE);
	return at;
}

struct job *pvm__image_make_job(const struct image_order *order, struct image_report *report)
{
	struct job refused = { .report = report };
	size_t length, lines;
	long at = make_scratch(&length, &lines);
	struct job *job = (struct job *)(at + IMAGE_PAGE);

	if (raw_failed(at)) {
		pvm__image_refuse(&refused, at == -EACCES ? WHY_NO_PROC : WHY_SYSTEM, -at, "mmap");
		return NULL;
	}
	job->order = order;
	job->report = report;
	job->scratch = (uint64_t)at;
	job->scratch_end = (uint64_t)at + length;
	job->room = (char *)(((uintptr_t)(job + 1) + 15) & ~(uintptr_t)15);
	job->room_end = (char *)job->scratch_end - IMAGE_PAGE;
	job->part = pvm__image_room(job, PART);
	job->max_areas = (unsigned)lines;
	job->areas = pvm__image_room(job, lines * sizeof *job->areas);
	return job;
}

void pvm__image_end_job(struct job *job)
{
	pvm__image_changes_end(job);
	raw(SYS_munmap, job->scratch, job->scratch_end - job->scratch);
}
#endif

/* SPDX-License-Identifier: MIT */
/* What a process may not be if it is to be imaged. */
#define _GNU_SOURCE 1
#include "checkpoint/inside.h"

#ifdef IMAGE_POSSIBLE
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Of arch_prctl: which parts of a shadow stack are in use. */
enum { SHADOW_STATUS = 0x5005 };

static int check_children(struct job *job)
{
	siginfo_t child;
	long rc = raw(SYS_waitid, P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT | __WALL, 0);

	return rc == -ECHILD ? 0 : pvm__image_refuse(job, WHY_CHILDREN, 0, NULL);
}

static int check_rights(struct job *job)
{
	long status = 0;

	if (raw(SYS_prctl, PR_GET_DUMPABLE) != 1)
		return pvm__image_refuse(job, WHY_SET_ID, 0, NULL);
	if (raw(SYS_arch_prctl, SHADOW_STATUS, &status) == 0 && status)
		return pvm__image_refuse(job, WHY_SHADOW_STACK, 0, NULL);
	/* A table that was never made has no bytes. */
	if (raw(SYS_modify_ldt, 0, job->part, PART) > 0)
		return pvm__image_refuse(job, WHY_SEGMENTS, 0, NULL);
	return 0;
}

/* Lines of /proc/self/status that must be 0. */
static const struct {
	const char *name;
	enum image_reason reason;
} zero_lines[] = {
	{ "TracerPid:\t", WHY_TRACED },
	{ "VmLck:\t", WHY_LOCKED_MEMORY },
};

static int check_line(struct job *job, const char *line)
{
	const char *value = pvm__image_behind(line, "Threads:\t");

	if (value && pvm__image_number(&value, 10) != 1) {
		value = pvm__image_behind(line, "Threads:\t");
		return pvm__image_refuse(job, WHY_THREADS, (long)pvm__image_number(&value, 10),
			NULL);
	}
	value = pvm__image_behind(line, "Seccomp_filters:\t");
	if (value)
		job->process.filters = (uint32_t)pvm__image_number(&value, 10);
	for (unsigned i = 0; i < sizeof zero_lines / sizeof *zero_lines; i++) {
		value = pvm__image_behind(line, zero_lines[i].name);
		while (value && *value == ' ')
			value++;
		if (value && pvm__image_number(&value, 10) != 0)
			return pvm__image_refuse(job, zero_lines[i].reason, 0, NULL);
	}
	return 0;
}

static int check_status(struct job *job)
{
	struct lines lines;
	char *line;

	if (!pvm__image_lines_open(&lines, "/proc/self/status", job->part))
		return pvm__image_refuse(job, WHY_NO_PROC, -lines.fd, "/proc/self/status");
	while ((line = pvm__image_lines_next(&lines)))
		if (check_line(job, line) < 0) {
			pvm__image_lines_close(&lines);
			return -1;
		}
	return 0;
}

/* The list is only there where the kernel can restore processes; elsewhere nobody can know. */
static int check_posix_timers(struct job *job)
{
	struct lines lines;

	if (!pvm__image_lines_open(&lines, "/proc/self/timers", job->part))
		return 0;
	if (!pvm__image_lines_next(&lines))
		return 0;
	pvm__image_lines_close(&lines);
	return pvm__image_refuse(job, WHY_POSIX_TIMER, 0, NULL);
}

int pvm__image_condition(struct job *job)
{
	if (check_children(job) < 0 || check_rights(job) < 0 || check_status(job) < 0)
		return -1;
	return check_posix_timers(job);
}
#endif

/* SPDX-License-Identifier: MIT */
/*
 * The restarter: makes a process of an image, in its own place.
 *
 *   pvmrestart [-c] [-b BASE]... IMAGE [REPORT [STREAM]]
 *
 * IMAGE, REPORT and STREAM are numbers of open descriptors. With -c the image is only checked. An
 * image that builds on others needs them: each BASE is the file of one, the oldest first. On REPORT,
 * by default standard error, comes one line with the reason if it cannot be; if REPORT is given,
 * "ready" comes there when the process is about to run, or, with -c, when the image is right. STREAM
 * takes the place of the connection that the image's task had to its daemon. The exit
 * status is 1 if nothing had been changed, 3 if the memory of this process was gone already,
 * 2 for a wrong call. Descriptors 0 to 2 are the new process's, where the image says so.
 *
 * It runs without libc, at addresses that programs do not use: all else is the image's. Its twin
 * pvmrestart-low is linked at the lowest addresses instead, for kernels that do not let a program
 * say where its heap is: there the kernel then refuses to make the heap larger, as it should.
 *
 * Files, the lowest first: text, report, source, collect, check, walk, bases, files, memory, state, main.
 */
#ifndef PVM3PY_RESTART_H
#define PVM3PY_RESTART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"
#include "raw.h"

enum {
	FILES_MAX = 4096, /* that are mapped, and descriptors */
	BUFFER = 64 << 10,
	PARKING = 128 << 10, /* for the kernel's areas */
	SIGNALS_BYTES = 8,   /* of the kernel's signal sets */
	SIGNAL_INFO = 128,   /* bytes of a siginfo_t */
	HIGH_ARENA = 32 << 20,
	LOW_END = 4 << 20, /* programs that are not position-independent begin here */
};
#define USER_END 0x7ffffffff000ULL

enum { REFUSED = 1, WRONG_CALL = 2, TOO_LATE = 3 };

/* An image that is read. */
struct source {
	int fd;
	bool regular; /* it is a file, which can be read twice */
	/* As far as it was read. */
	uint64_t bytes, records;
	uint32_t last_type;
	struct image_record record; /* the one at hand */
	uint32_t crc;               /* of it so far */
	uint64_t kept;              /* up to here it is known which memory is as in the base */
	struct image_header head;
	struct image_base base; /* epoch 0: there is none */
	struct image_vma *areas;
	uint64_t n_areas;
	unsigned n_files; /* that are mapped */
};

/* The restart: what was read, and where it goes. */
struct restart {
	struct source image;
	struct source bases[IMAGE_BASES_MAX]; /* the oldest first */
	unsigned n_bases;
	struct source *from; /* the one of these that is read */
	int report;          /* a descriptor */
	int stream;          /* the same; -1: none was given */
	bool told;           /* REPORT was given */
	bool check_only;
	bool low;  /* this is the twin */
	bool gone; /* the memory of this process */
	/* All memory that is ours, and its parts behind the program. */
	uint64_t memory, memory_end;
	uint64_t parking;
	char *buffer;
	char *kept, *kept_end; /* room for what is kept of the image */
	/* What is kept of the image. */
	struct image_process *process;
	const void *auxv;
	uint64_t auxv_length;
	const struct image_limit *limits;
	const struct image_action *actions;
	const struct image_timer *timers;
	const char *waiting; /* siginfo_t each */
	uint64_t n_waiting;
	const char *cwd;
	uint64_t at_area; /* the last one that was found */
	const struct image_file *files[FILES_MAX];
	const struct image_fd *fds[FILES_MAX];
	unsigned n_fds;
	const char *extra; /* the caller's records, as they are in the image */
	uint64_t extra_length;
	struct image_area system[IMAGE_SYSTEM_AREAS]; /* the kernel's areas here */
};

/* ---- text.c ------------------------------------------------------------------------ */

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

size_t text_length(const char *text);
bool same_text(const char *a, const char *b);
/* The place in n bytes behind the first one that begins so; NULL: there is none. */
const char *find_behind(const char *at, size_t n, const char *beginning);
/* The number at *at, which then is behind it. */
uint64_t take_number(const char **at, unsigned base);
/* "/proc/self/fd/" with a number, 40 bytes. */
void descriptor_path(char *path, int fd);
/* The path behind a struct in a record. */
#define PATH_BEHIND(it) ((const char *)((it) + 1))

/* ---- report.c ---------------------------------------------------------------------- */

/* Say why, with %s, %u and %x (64 bits), and end. */
_Noreturn void refuse(const struct restart *r, const char *format, ...);
/* Say a line if somebody wants to hear it. */
void tell(const struct restart *r, const char *line);

/* ---- source.c ---------------------------------------------------------------------- */

/* Read the next bytes of the image, of the record at hand. */
void take(struct restart *r, void *to, size_t n);
/* Read header or beginning of a record, and check what can be; then all its content was taken. */
void take_header(struct restart *r);
void begin_record(struct restart *r);
void end_record(struct restart *r);
/* Pass over what is left of it, n bytes. */
void skip(struct restart *r, uint64_t n);

/* Say what kind of file a descriptor leads to. */
void look_at(struct restart *r, struct source *source);

/* ---- collect.c, check.c, walk.c ---------------------------------------------------- */

/* Read and keep all records before the first large one, which is then at hand. */
void collect(struct restart *r);
/* The same of a base: only its memory matters. */
void collect_memory(struct restart *r);
/* Is all that was kept possible, and on this machine? */
void check_kept(struct restart *r);
void check_areas(const struct restart *r);
void check_machine(struct restart *r);
/* The area of an address, or NULL. */
struct image_vma *area_of(struct restart *r, uint64_t address);
/* What is done with the content of large records, which is to be taken. */
struct sink {
	void (*run)(struct restart *r, struct image_vma *area, uint64_t address, uint64_t n);
	void (*data)(struct restart *r, const struct image_data *data, uint64_t n);
	/* Memory from one address to another is as in the base; none is from r->from->kept to there. */
	void (*kept)(struct restart *r, uint64_t start, uint64_t end);
	void (*wiped)(struct restart *r, const struct image_vma *area,
		const struct image_wiped *wiped);
};
/* Read the large records to the end, and check them. */
void walk(struct restart *r, const struct sink *sink);
/* The same without doing anything; an image that is a file can then be read again from here. */
void check_rest(struct restart *r);

/* ---- bases.c --------------------------------------------------------------------------- */

/* Are all images there on which the image builds, each the right one and whole? */
void check_bases(struct restart *r);

/* ---- files.c ----------------------------------------------------------------------- */

/* Close what was inherited by chance. */
void close_others(const struct restart *r);
/* Are the files that are mapped here, and the same? */
void check_files(struct restart *r);
/* Open all descriptors under their numbers; go to the working directory. */
void open_files(struct restart *r);
void put_data(struct restart *r, const struct image_data *data, uint64_t n);
/* Give files without a name the way of opening that they had. */
void finish_files(struct restart *r);

/* ---- memory.c ---------------------------------------------------------------------- */

/* Make room behind the program. */
void make_arena(struct restart *r);
/* Build up the memory of the bases, if there are any, and close them. */
void stage_bases(struct restart *r);
/* Unmap all but ourselves, map the areas, fill them, give them their protection. */
void rebuild(struct restart *r);

/* ---- state.c ----------------------------------------------------------------------- */

/* Signals, limits, timers and what else the kernel keeps; the last steps, without return. */
void restore(struct restart *r);
_Noreturn void leave(struct restart *r);

#endif

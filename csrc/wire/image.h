/* SPDX-License-Identifier: MIT */
/*
 * The image of a process, as libpvm writes it and pvmrestart reads it; the same bytes in a file
 * and on a socket.
 *
 *   struct image_header, then records: struct image_record, followed by `length` bytes
 *
 * The types of records are in the order in which they come; END is the last.  All numbers are in
 * the order of the machine, which `arch` names.  Times are in what the kernel's calls use.
 */
#ifndef PVM3PY_WIRE_IMAGE_H
#define PVM3PY_WIRE_IMAGE_H

#include <stdint.h>

/* Processes can be imaged here: the machine is known, and no sanitizer keeps shadows of memory. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IMAGE_SHADOWED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IMAGE_SHADOWED 1
#endif
#if defined(__x86_64__) && defined(__LP64__) && defined(__linux__) && !defined(IMAGE_SHADOWED)
#define IMAGE_POSSIBLE 1
#endif

#define IMAGE_MAGIC "pvmimage"

enum {
	IMAGE_VERSION = 1,
	IMAGE_ARCH_X86_64 = 62, /* as in ELF */
	IMAGE_PAGE = 4096,
	IMAGE_RUN_MAX = 256 << 10,     /* bytes of memory in a record */
	IMAGE_UNLINKED_MAX = 64 << 20, /* bytes of a file that has no name any more */
	IMAGE_PATH_MAX = 4096,         /* with its NUL */
	IMAGE_BASES_MAX = 8,           /* images that build on each other, but the last */
	IMAGE_CPU_WORDS = 8,
	IMAGE_SIGNALS = 64,
	IMAGE_LIMITS = 16,
	IMAGE_TIMERS = 3,
	IMAGE_SYSTEM_AREAS = 3,
};

/* What the image says of itself. */
struct image_header {
	char magic[8];
	uint32_t version;
	uint32_t length; /* of this header, bytes */
	uint32_t crc;    /* CRC-32C of this header, this being 0 */
	uint32_t arch;
	uint32_t page; /* bytes */
	int32_t tid, job, epoch;
	uint64_t xcr0;  /* parts of the vector state that the system saves */
	uint32_t xsave; /* its size, bytes */
	uint32_t level; /* of x86-64 that the process keeps to, 1 to 4; 0: all it finds */
	uint32_t cpu[IMAGE_CPU_WORDS]; /* features of the processor: image_cpu.h */
	char kernel[64];               /* release, for people */
};

/* A record whose type the reader does not know ends the reading if this is in its flags. */
enum { IMAGE_MUST = 1 };

struct image_record {
	uint32_t type;
	uint32_t flags;
	uint64_t length; /* of what follows, bytes */
	uint32_t crc;    /* CRC-32C of this struct, this being 0, and what follows */
	uint32_t reserved;
};

enum image_type {
	IMAGE_PROCESS = 1, /* struct image_process */
	IMAGE_AUXV,        /* the auxiliary vector, bytes */
	IMAGE_LIMIT,       /* IMAGE_LIMITS of struct image_limit */
	IMAGE_SIGACTION,   /* IMAGE_SIGNALS of struct image_action */
	IMAGE_TIMER,       /* IMAGE_TIMERS of struct image_timer */
	IMAGE_PENDING,     /* signals that wait: siginfo_t each */
	IMAGE_CWD,         /* path, NUL */
	IMAGE_FILE,        /* struct image_file, path, NUL: a file that is mapped */
	IMAGE_VMA,         /* struct image_vma each, by address */
	IMAGE_FD,          /* struct image_fd, path, NUL */
	IMAGE_BASE,        /* struct image_base: the image builds on another */
	/* What the caller adds, and gets back after the restart: types IMAGE_PVM to IMAGE_EXTRA_LAST. */
	IMAGE_PVM = 32, /* struct image_pvm */
	IMAGE_STASH,
	IMAGE_EXTRA_LAST = 63,
	/* From here on what is too large to be kept. */
	IMAGE_DATA = 200,  /* struct image_data, bytes: content of a file that has no name */
	IMAGE_RUN,         /* struct image_run, whole pages */
	IMAGE_KEPT,        /* struct image_kept each, by address; before the first RUN */
	IMAGE_WIPED = 240, /* struct image_wiped; behind all memory */
	IMAGE_END = 255,   /* struct image_end */
};

/* Registers that a function preserves, and where it returns to. */
struct image_mark {
	uint64_t rbx, rbp, r12, r13, r14, r15, rsp, rip;
	uint32_t mxcsr;
	uint16_t fcw, reserved;
};

/* An area that the kernel provides. */
struct image_area {
	uint64_t start, length; /* 0: there is none */
};
enum { IMAGE_VVAR, IMAGE_VVAR_VCLOCK, IMAGE_VDSO };

/* Where the kernel believes the parts of a program to be, in the order of its struct prctl_mm_map. */
struct image_layout {
	uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
	uint64_t arg_start, arg_end, env_start, env_end;
};

struct image_process {
	struct image_mark mark;
	struct image_layout layout;
	uint64_t fs, gs;
	uint64_t tid_address; /* the kernel clears it at the end of the thread; 0: none */
	uint64_t robust, robust_length;
	uint64_t rseq; /* 0: not registered */
	uint32_t rseq_length, rseq_signature;
	uint64_t altstack, altstack_size;
	uint32_t altstack_flags; /* SS_DISABLE, SS_AUTODISARM */
	uint32_t vdso_crc;       /* of its content: another kernel has other functions there */
	struct image_area system[IMAGE_SYSTEM_AREAS];
	uint32_t umask, personality;
	int32_t pid;
	uint32_t filters; /* of system calls */
	char name[16];
};

struct image_limit {
	uint64_t soft, hard;
};

/* As the kernel's rt_sigaction has it; entry k is signal k + 1. */
struct image_action {
	uint64_t handler, flags, restorer, mask;
};

/* As setitimer has it; entry k is timer k. */
struct image_timer {
	int64_t interval[2], value[2]; /* seconds, microseconds */
};

/* By what a file is known to be the same. */
enum image_identity_kind {
	IMAGE_ANY,      /* it may have changed, but not become shorter */
	IMAGE_BUILD_ID, /* of the linker */
	IMAGE_HEAD,     /* size and CRC-32C of what it begins with */
};
struct image_identity {
	uint32_t kind;
	uint32_t length;
	uint8_t bytes[32];
};

struct image_file {
	struct image_identity identity;
	uint64_t size;
};

enum image_vma_flag {
	IMAGE_SHARED = 1, /* with the file */
	IMAGE_STACK = 2,  /* grows down */
	IMAGE_VMA_FLAGS = IMAGE_SHARED | IMAGE_STACK,
};
struct image_vma {
	uint64_t start, end, offset;
	uint32_t protection, flags;
	uint32_t file; /* number of the FILE record, from 1; 0: anonymous */
	uint32_t reserved;
};

enum image_fd_kind {
	IMAGE_FD_PATH,      /* a regular file, a directory or a harmless device, opened by name */
	IMAGE_FD_UNLINKED,  /* a regular file without a name, whose content comes in DATA */
	IMAGE_FD_SAME,      /* the same open file as descriptor `same` */
	IMAGE_FD_INHERITED, /* 0, 1 or 2, which whoever restarts provides */
};
struct image_fd {
	int32_t fd, same;
	uint32_t kind;
	uint32_t flags; /* of open, with O_CLOEXEC */
	uint32_t mode;  /* of stat */
	uint32_t reserved;
	uint64_t offset, size; /* bytes */
	uint64_t device;       /* number, of a device */
};

/* The content of IMAGE_PVM, of a task. */
struct image_pvm {
	int32_t stream; /* the descriptor of its connection to the daemon */
	int32_t epoch;  /* of the move */
};

struct image_data {
	int32_t fd;
	uint32_t reserved;
	uint64_t offset;
};

struct image_run {
	uint64_t address;
};

/*
 * The image on which this one builds. Of its private memory without a file, the pages in KEPT are as
 * they were there; all others are zero unless they come in a RUN.
 */
struct image_base {
	int32_t epoch; /* of that image, which is of the same task */
	uint32_t reserved;
};

struct image_kept {
	uint64_t start, end;
};

/* Private memory without a file that children do not get. */
struct image_wiped {
	uint64_t start, end;
	uint32_t flags; /* IMAGE_WIPED_IN_CHILD, or also IMAGE_DROPPABLE */
	uint32_t reserved;
};
enum {
	IMAGE_WIPED_IN_CHILD = 1, /* they see zeros there */
	IMAGE_DROPPABLE = 2,      /* so may the process at any time, and after a restart it does */
};

struct image_end {
	uint64_t records; /* this one, too */
	uint64_t bytes;   /* of the image before this record */
};

/* How the child that writes an image has ended; reason 0: all of it is on the disk. */
struct image_outcome {
	uint32_t reason;
	uint32_t
		detail; /* as in libpvm/checkpoint/checkpoint.h; without a reason the epoch of its base */
	uint64_t bytes;
};

/* What the restarter leaves behind in its memory, whose address image_mark's second return gives. */
struct image_handover {
	uint64_t memory, memory_length; /* all that is the restarter's: to be unmapped */
	uint64_t extra, extra_length;   /* the caller's records, as they are in the image */
	uint64_t tid_address, thread;   /* where the old number of the thread may stand */
	int32_t old_pid;                /* that number */
	int32_t reserved;
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * HPVM: a program whose pieces run on the hosts of a virtual machine, whatever these are.
 *
 * The program, called the parent, names blocks of its memory (hpvm_share) and has a function of
 * its own, kernel_main, run many times on all hosts (hpvm_spawn). A kernel asks for the blocks by
 * their names (hpvm_get_share) and gives results back (hpvm_merge_share).
 *
 * Functions return HPVM_OK, or a negative code of which hpvm_error() says the reason in words.
 * Parents are linked with -lhpvm -lpvm3. docs/hpvm.md says what may be relied on.
 */
#ifndef HPVM_H
#define HPVM_H

#include <stdlib.h>

/* Results. */
#define HPVM_OK        0
#define HPVM_BADARG    (-1)  /* an argument makes no sense */
#define HPVM_NOMEM     (-2)  /* not enough memory, here or on a host */
#define HPVM_NOSHARE   (-3)  /* no share has this name */
#define HPVM_EXISTS    (-4)  /* a share has this name already */
#define HPVM_BUSY      (-5)  /* a spawn is at work */
#define HPVM_RANGE     (-6)  /* the share has no such items */
#define HPVM_TYPE      (-7)  /* the share has items of another kind */
#define HPVM_OVERFLOW  (-8)  /* a value does not fit on the other kind of machine */
#define HPVM_NOTREE    (-9)  /* there is no such tree of kernels */
#define HPVM_BADTREE   (-10) /* the tree of kernels is damaged */
#define HPVM_NOKERNEL  (-11) /* no host can run a kernel of the tree */
#define HPVM_NOHOST    (-12) /* no host has hpvmc */
#define HPVM_BADHOSTS  (-13) /* the file of hosts is wrong */
#define HPVM_FAILED    (-14) /* some tasks failed: hpvm_failed */
#define HPVM_CANCELLED (-15) /* the program cancelled the spawn */
#define HPVM_LOST      (-16) /* all hosts were lost */
#define HPVM_PVM       (-17) /* an error of PVM */
#define HPVM_PLACE     (-18) /* a call that belongs into the parent, or into a kernel */

/* Types of items. The macros below take them from the pointer that is given. */
#define HPVM_UNTYPED 0 /* bytes that only equal machines can exchange */
#define HPVM_BYTE    1 /* bytes that mean the same on all machines */
#define HPVM_SHORT   2
#define HPVM_USHORT  3
#define HPVM_INT     4
#define HPVM_UINT    5
#define HPVM_LONG    6
#define HPVM_ULONG   7
#define HPVM_LLONG   8
#define HPVM_ULLONG  9
#define HPVM_FLOAT   10
#define HPVM_DOUBLE  11
#define HPVM_CPLX    12 /* two floats */
#define HPVM_DCPLX   13 /* two doubles */
#define HPVM_TYPES   14

/*
 * "HPVM_BYTES_ARGS;" in a kernel's source: the arguments are bytes which the kernel converts
 * itself, whatever the pointer of kernel_main says. So hosts of all kinds get them.
 */
#ifdef __cplusplus
#define HPVM_BYTES_ARGS \
	extern "C" { \
	extern const char hpvm_bytes_args __attribute__((visibility("default"))); \
	} \
	const char hpvm_bytes_args = 1
#else
#define HPVM_BYTES_ARGS \
	extern const char hpvm_bytes_args __attribute__((visibility("default"))); \
	const char hpvm_bytes_args = 1
#endif

/* Options of hpvm_setopt. */
#define HPVM_AUTOERR     1 /* 1: each error is a line on standard error, which is the default */
#define HPVM_KEEP_BLOCKS 2 /* 1: blocks of the callback stay the caller's, and are copied */

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Name a block of the parent's memory, so that kernels can ask for it. Parent only.
 *
 * The block stays where it is and must live until hpvm_unshare. The macro of this name takes the
 * type of the items from the pointer; the function shares untyped bytes.
 *
 * @sharename: up to 255 bytes without control characters
 * @share: the block
 * @sharesize: its size in bytes
 * Returns HPVM_OK.
 * HPVM_BADARG: the name, pointer or size makes no sense.
 * HPVM_EXISTS: there is a share of this name.
 * HPVM_NOMEM: there are 4,096 shares, or no memory is left.
 */
int hpvm_share(const char *sharename, void *share, long sharesize);

/*
 * Share a block whose type is given. Parent only.
 *
 * @bytes: size of the block, a multiple of the size of an item
 * @type: HPVM_UNTYPED to HPVM_DCPLX
 * @flags: 0
 * Returns as hpvm_share does.
 */
int hpvm_share_typed(const char *sharename, void *share, long bytes, int type, int flags);

/*
 * End the sharing of a block, which stays as it is. Parent only.
 *
 * Returns HPVM_OK.
 * HPVM_NOSHARE: there is no such share.
 * HPVM_BUSY: a spawn is at work.
 */
int hpvm_unshare(const char *sharename);

/*
 * Run a kernel on all hosts of the machine, and wait for all of its tasks. Parent only.
 *
 * Tasks are numbered from 0. For each of them, in this order, `callproc` is called in the calling
 * thread when a host has room for it: it returns a block from malloc as the task's arguments, or
 * NULL, and stores the size of the block in bytes. The block is freed afterwards.
 *
 * @kerneltree: directory or file that hpvm-build made
 * @nofprocs: number of tasks
 * @callproc: the callback; NULL: no task has arguments
 * Returns HPVM_OK if all tasks did what they should.
 * HPVM_FAILED: some did not; all others are done.
 * HPVM_BADARG: an argument, or what the callback gave, makes no sense.
 * HPVM_NOTREE, HPVM_BADTREE, HPVM_NOKERNEL: there is no kernel to run.
 * HPVM_NOHOST: no host has a client.
 * HPVM_LOST: all hosts were lost.
 * HPVM_BUSY: a spawn is at work.
 * HPVM_PVM: there is no virtual machine.
 */
int hpvm_spawn(const char *kerneltree, long nofprocs, void *(*callproc)(long id, long *size));

/*
 * The whole block of a share: in a kernel the copy of its host, in the parent its own pointer.
 *
 * A host gets its copy once in each spawn, when a kernel first asks. Kernels of one host see what
 * others of that host write to the copy; what is to reach the parent must be merged.
 *
 * Returns the block; NULL: there is no such share, or no memory for a copy.
 */
void *hpvm_get_share(const char *sharename);

/*
 * Give items of a share back to the parent. Kernel only.
 *
 * Items `start` to `end`, which is excluded, are taken from the array that begins at `share`, as
 * they are at this moment. They reach the parent when the task has returned HPVM_OK, together
 * with all else that it merged. The macro of this name counts items of the pointer's type, the
 * function those of the share's type, or bytes if it has none.
 *
 * Returns HPVM_OK.
 * HPVM_NOSHARE: there is no such share.
 * HPVM_RANGE: it has no such items.
 * HPVM_TYPE: items of the pointer and of the share have not the same size.
 * HPVM_NOMEM: no room is left for merges.
 */
int hpvm_merge_share(const char *sharename, void *share, long start, long end);

/*
 * Merge items of a given size and type. Kernel only.
 *
 * @size: bytes of an item
 * @type: HPVM_UNTYPED to HPVM_DCPLX
 * Returns as hpvm_merge_share does.
 */
int hpvm_merge_items(const char *sharename, const void *share, long start, long end, int size,
	int type);

/*
 * Tasks of the last spawn that failed. Parent only.
 *
 * @ids: their numbers are stored here; may be NULL
 * @codes: their codes: what kernel_main returned, or HPVM_FAILED; may be NULL
 * @room: how many are stored at most
 * Returns how many there are.
 */
long hpvm_failed(long *ids, int *codes, long room);

/*
 * Set an option.
 *
 * @option: HPVM_AUTOERR or HPVM_KEEP_BLOCKS
 * Returns HPVM_OK.
 * HPVM_BADARG: there is no such option or value.
 */
int hpvm_setopt(int option, long value);

/* The code of the last call of this library; HPVM_OK after a good one. */
int hpvm_errno(void);

/* The reason of the last error, with names and numbers; "" if there was none. */
const char *hpvm_error(void);

#ifdef __cplusplus
}
#endif

/* ---- The type of items comes from the pointer ---- */

#ifdef __cplusplus

#define HPVM__TYPE(t, type) \
	inline int hpvm__type_of(const t *) \
	{ \
		return type; \
	}
HPVM__TYPE(void, HPVM_UNTYPED)
HPVM__TYPE(char, HPVM_BYTE)
HPVM__TYPE(signed char, HPVM_BYTE)
HPVM__TYPE(unsigned char, HPVM_BYTE)
HPVM__TYPE(short, HPVM_SHORT)
HPVM__TYPE(unsigned short, HPVM_USHORT)
HPVM__TYPE(int, HPVM_INT)
HPVM__TYPE(unsigned int, HPVM_UINT)
HPVM__TYPE(long, HPVM_LONG)
HPVM__TYPE(unsigned long, HPVM_ULONG)
HPVM__TYPE(float, HPVM_FLOAT)
HPVM__TYPE(double, HPVM_DOUBLE)
#if __cplusplus >= 201103L
HPVM__TYPE(long long, HPVM_LLONG)
HPVM__TYPE(unsigned long long, HPVM_ULLONG)
#endif
#undef HPVM__TYPE

template <class T> inline int hpvm__size_of(const T *)
{
	return (int)sizeof(T);
}

inline int hpvm__size_of(const void *)
{
	return 1;
}

#define HPVM_TYPE_OF(pointer) hpvm__type_of(pointer)
#define HPVM_SIZE_OF(pointer) hpvm__size_of(pointer)

#elif defined(__GNUC__) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L)

#ifdef __GNUC__
#define HPVM__EXTENSION __extension__
#define HPVM__COMPLEX(t) t __complex__
#else
#define HPVM__EXTENSION
#define HPVM__COMPLEX(t) t _Complex
#endif

#define HPVM__BOTH(t, type) t * : type, const t * : type
/* HPVM_BYTE to HPVM_DCPLX, or HPVM_UNTYPED: the type of what a pointer points to. */
#define HPVM_TYPE_OF(pointer) \
	(HPVM__EXTENSION _Generic((pointer), HPVM__BOTH(char, HPVM_BYTE), \
		HPVM__BOTH(signed char, HPVM_BYTE), HPVM__BOTH(unsigned char, HPVM_BYTE), \
		HPVM__BOTH(short, HPVM_SHORT), HPVM__BOTH(unsigned short, HPVM_USHORT), \
		HPVM__BOTH(int, HPVM_INT), HPVM__BOTH(unsigned int, HPVM_UINT), \
		HPVM__BOTH(long, HPVM_LONG), HPVM__BOTH(unsigned long, HPVM_ULONG), \
		HPVM__BOTH(long long, HPVM_LLONG), HPVM__BOTH(unsigned long long, HPVM_ULLONG), \
		HPVM__BOTH(float, HPVM_FLOAT), HPVM__BOTH(double, HPVM_DOUBLE), \
		HPVM__BOTH(HPVM__COMPLEX(float), HPVM_CPLX), \
		HPVM__BOTH(HPVM__COMPLEX(double), HPVM_DCPLX), default: HPVM_UNTYPED))
/* Bytes of what a pointer points to; 1 of void. */
#define HPVM_SIZE_OF(pointer) \
	((int)sizeof(*HPVM__EXTENSION _Generic((pointer), void *: (char *)0, \
		const void *: (const char *)0, default: (pointer))))

#endif

#ifdef HPVM_TYPE_OF
#define hpvm_share(name, pointer, bytes) \
	hpvm_share_typed((name), (pointer), (bytes), HPVM_TYPE_OF(pointer), 0)
#define hpvm_merge_share(name, pointer, start, end) \
	hpvm_merge_items((name), (pointer), (start), (end), HPVM_SIZE_OF(pointer), \
		HPVM_TYPE_OF(pointer))
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What functions return when there is no memory: from a moment on every allocation of this
 * process fails. The program's own malloc takes the place of the C library's for that.
 */
#include <stdlib.h>

#include "check.h"

enum { MANY = 100000, TAG = 5 };

static bool exhausted;

/* The sanitizer has its own malloc, which stays. */
#ifndef __SANITIZE_ADDRESS__
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size)
{
	return exhausted ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return exhausted ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return exhausted ? NULL : __libc_realloc(p, size);
}
#endif

/* Is memory exhausted when this program says so? Not if a checker of memory has taken it over. */
static bool memory_can_be_exhausted(void)
{
	void *volatile some;

	exhausted = true;
	some = malloc(1);
	exhausted = false;
	free(some);
	return !some;
}

/* The call ends in PvmNoMem while there is no memory. */
#define NO_MEMORY(call) OUT_OF_MEMORY(#call, call)
#define OUT_OF_MEMORY(text, call) \
	do { \
		int result; \
\
		exhausted = true; \
		result = (call); \
		exhausted = false; \
		CHECK_CODE(text, result, PvmNoMem); \
	} while (0)

static char bytes[MANY];
static short shorts[MANY];
static int ints[MANY];
static long longs[MANY];
static float floats[2 * MANY];
static double doubles[2 * MANY];
static char text[MANY];

static void buffers(void)
{
	/* What is left of freed buffers goes first. */
	pvm_setsbuf(0);
	exhausted = true;
	while (pvm_mkbuf(PvmDataDefault) > 0)
		;
	exhausted = false;
	NO_MEMORY(pvm_mkbuf(PvmDataDefault));
	NO_MEMORY(pvm_initsend(PvmDataDefault));
}

static void packing(void)
{
	pvm_initsend(PvmDataDefault);
	NO_MEMORY(pvm_pkbyte(bytes, MANY, 1));
	NO_MEMORY(pvm_pkshort(shorts, MANY, 1));
	NO_MEMORY(pvm_pkushort((unsigned short *)shorts, MANY, 1));
	NO_MEMORY(pvm_pkint(ints, MANY, 1));
	NO_MEMORY(pvm_pkuint((unsigned *)ints, MANY, 1));
	NO_MEMORY(pvm_pklong(longs, MANY, 1));
	NO_MEMORY(pvm_pkulong((unsigned long *)longs, MANY, 1));
	NO_MEMORY(pvm_pkfloat(floats, MANY, 1));
	NO_MEMORY(pvm_pkdouble(doubles, MANY, 1));
	NO_MEMORY(pvm_pkcplx(floats, MANY, 1));
	NO_MEMORY(pvm_pkdcplx(doubles, MANY, 1));
	memset(text, 'x', MANY - 1);
	NO_MEMORY(pvm_pkstr(text));
	NO_MEMORY(pvm_packf("%s", text));
}

/* The body is not copied; what is full in the end is the list of fragments. */
static int pack_body_often(int inner)
{
	int code = 0;

	for (int i = 0; i < 1000 && code == 0; i++)
		code = pvm_pkmesgbody(inner);
	return code;
}

static void nesting(void)
{
	int inner = pvm_mkbuf(PvmDataDefault);

	pvm_setsbuf(inner);
	pvm_pkbyte(bytes, MANY, 1);
	pvm_setsbuf(pvm_mkbuf(PvmDataDefault));
	NO_MEMORY(pvm_pkmesg(inner));
	pvm_initsend(PvmDataDefault);
	OUT_OF_MEMORY("pvm_pkmesgbody() often", pack_body_often(inner));
	pvm_initsend(PvmDataDefault);
	pvm_pkmesg(inner);
	pvm_send(pvm_mytid(), TAG);
	pvm_recv(-1, TAG);
	NO_MEMORY(pvm_upkmesg());
}

static void requests(void)
{
	int tid, record = pvm_initsend(PvmDataDefault);

	pvm_pkbyte(bytes, MANY, 1);
	NO_MEMORY(pvm_putinfo("no memory", record, PvmMboxDefault));
	NO_MEMORY(pvm_spawn("/bin/true", NULL, PvmTaskDefault, "", 1, &tid));
}

static void all(void)
{
	packing();
	/* 3.4.6 keeps a stock of free buffers, and does not survive the rest. */
	if (check_ours("library")) {
		buffers();
		nesting();
		requests();
	}
}

int main(void)
{
	check_start();
	CHECK(pvm_mytid() > 0);
	if (memory_can_be_exhausted())
		all();
	pvm_exit();
	return check_done();
}

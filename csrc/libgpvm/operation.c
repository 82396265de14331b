/* SPDX-License-Identifier: MIT */
/*
 * Functions for pvm_reduce: x = x op y for *n items of *type.  *info becomes 0, or
 * PvmBadParam for a type that the function does not have.
 */
#include "group.h"

/* The macros below are tables of functions, one a line. */
/* clang-format off */

/* Complex numbers are compared by the square of their absolute value. */
#define CPLX_FUNCTIONS(name, part) \
	struct name { part re, im; }; \
	static inline part name##_square(struct name z) { return z.re * z.re + z.im * z.im; } \
	static inline struct name name##_max(struct name x, struct name y) \
	{ return name##_square(y) > name##_square(x) ? y : x; } \
	static inline struct name name##_min(struct name x, struct name y) \
	{ return name##_square(y) < name##_square(x) ? y : x; } \
	static inline struct name name##_sum(struct name x, struct name y) \
	{ return (struct name){ x.re + y.re, x.im + y.im }; } \
	static inline struct name name##_product(struct name x, struct name y) \
	{ return (struct name){ x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re }; }

CPLX_FUNCTIONS(cplx, float)
CPLX_FUNCTIONS(dcplx, double)

/*
 * The operations on numbers; ints and longs wrap around instead of overflowing,
 * shorts are computed as ints anyway.
 */
#define MAX(type, x, y) ((y) > (x) ? (y) : (x))
#define MIN(type, x, y) ((y) < (x) ? (y) : (x))
#define SUM(type, x, y) ((type)((x) + (y)))
#define PRODUCT(type, x, y) ((type)((x) * (y)))
#define WRAPPING(op, type, x, y) ((type)op(unsigned type, (unsigned type)(x), (unsigned type)(y)))
#define WRAP_SUM(type, x, y) WRAPPING(SUM, type, x, y)
#define WRAP_PRODUCT(type, x, y) WRAPPING(PRODUCT, type, x, y)

/* x[i] = expression of x[i] and y[i], for all i. */
#define EACH(type, expression) do { \
	type *a = x, *b = y; \
	for (int i = 0; i < *n; i++) \
		a[i] = (expression); \
	} while (0)

/*
 * One public function: `integer` and `real` are macros of the operation, `complex` is the
 * ending of the functions above.
 */
#define OPERATION(name, integer, real, complex, bytes) \
void name(int *type, void *x, void *y, int *n, int *info) \
{ \
	*info = PvmOk; \
	switch (*type) { \
	bytes \
	case PVM_SHORT: EACH(short, real(short, a[i], b[i])); break; \
	case PVM_INT: EACH(int, integer(int, a[i], b[i])); break; \
	case PVM_LONG: EACH(long, integer(long, a[i], b[i])); break; \
	case PVM_FLOAT: EACH(float, real(float, a[i], b[i])); break; \
	case PVM_DOUBLE: EACH(double, real(double, a[i], b[i])); break; \
	case PVM_CPLX: EACH(struct cplx, cplx_##complex(a[i], b[i])); break; \
	case PVM_DCPLX: EACH(struct dcplx, dcplx_##complex(a[i], b[i])); break; \
	default: *info = PvmBadParam; break; \
	} \
}

#define BYTES(op) case PVM_BYTE: EACH(signed char, op(signed char, a[i], b[i])); break;

/* The larger and the smaller of both; of equal ones x stays. */
OPERATION(PvmMax, MAX, MAX, max, BYTES(MAX))
OPERATION(PvmMin, MIN, MIN, min, BYTES(MIN))
/* Sum and product, not of bytes. */
OPERATION(PvmSum, WRAP_SUM, SUM, sum, )
OPERATION(PvmProduct, WRAP_PRODUCT, PRODUCT, product, )

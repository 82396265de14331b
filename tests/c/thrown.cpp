/* SPDX-License-Identifier: MIT */
/* A message handler that throws a C++ exception, out of calls of libpvm3 and of libgpvm3. */
#include <cstdio>
#include <stdexcept>

#include "pvm3.h"

enum { TAG_HANDLED = 60, TAG_PLAIN, ROUNDS = 20 };

static int failed, destroyed;
static char group[] = "thrown";

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			failed++; \
			std::printf("FAIL line %d: %s\n", __LINE__, #condition); \
		} \
	} while (0)

struct Guard {
	~Guard() { destroyed++; }
};

static int throwing(int)
{
	int value = -1;

	pvm_upkint(&value, 1, 1);
	throw value;
}

static void send_int(int tag, int value)
{
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&value, 1, 1);
	pvm_send(pvm_mytid(), tag);
}

static void receive()
{
	pvm_recv(-1, TAG_PLAIN);
}

static void ask()
{
	pvm_pstat(pvm_mytid());
}

static void ask_group()
{
	pvm_gsize(group);
}

/* The exception arrives, and the library is as if nothing had been. */
static void out_of(void (*call)())
{
	int value = -1;

	for (int i = 0; i < ROUNDS; i++) {
		destroyed = 0;
		try {
			Guard guard;
			send_int(TAG_HANDLED, i);
			for (;;)
				call();
		} catch (int thrown) {
			CHECK(thrown == i);
		}
		CHECK(destroyed == 1);
	}
	send_int(TAG_PLAIN, 7);
	CHECK(pvm_recv(-1, TAG_PLAIN) > 0 && pvm_upkint(&value, 1, 1) == 0 && value == 7);
	CHECK(pvm_getcontext() == 0);
	CHECK(pvm_gsize(group) == 1);
}

int main()
{
	CHECK(pvm_mytid() > 0);
	CHECK(pvm_joingroup(group) == 0);
	CHECK(pvm_addmhf(-1, TAG_HANDLED, -1, throwing) >= 0);
	out_of(receive);
	out_of(ask);
	out_of(ask_group);
	pvm_exit();
	return failed != 0;
}

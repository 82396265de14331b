/* SPDX-License-Identifier: MIT */
/*
 * What tests/c/moved.c does with the messages of its peer, in C++, by direct routes: what is in a
 * message comes to the top by an exception, and what is known is in containers.
 */
#include <cstdio>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "pvm3.h"

namespace
{
enum { TAG_DONE = 2, TAG_END = 3 };

thread_local int next_number = 1;

struct Message : std::runtime_error {
	Message(int number, const std::string &text) : std::runtime_error(text), number(number) {}
	int number;
};

/* The message in the receive buffer, thrown from a depth. */
[[noreturn]] void take(int depth)
{
	int number = 0, length = 0, sum = 0;
	std::string kept(100, static_cast<char>('a' + depth));

	if (depth)
		take(depth - 1);
	pvm_upkint(&number, 1, 1);
	pvm_upkint(&length, 1, 1);
	pvm_upkint(&sum, 1, 1);
	std::vector<unsigned char> bytes(static_cast<std::size_t>(length) + 1);
	pvm_upkbyte(reinterpret_cast<char *>(bytes.data()), length, 1);
	if (std::accumulate(bytes.begin(), bytes.end() - 1, 0) != sum)
		throw std::logic_error("sum");
	throw Message(number, std::to_string(number) + kept);
}
}

int main()
{
	std::map<std::string, int> taken;

	pvm_mytid();
	pvm_setopt(PvmRoute, PvmRouteDirect);
	for (;;) {
		int tag = 0, tid = 0;

		pvm_bufinfo(pvm_recv(-1, -1), nullptr, &tag, &tid);
		if (tag == TAG_END)
			break;
		try {
			take(10);
		} catch (const Message &message) {
			if (message.number != next_number++)
				return 3;
			taken[message.what()] = message.number;
			pvm_initsend(PvmDataDefault);
			pvm_pkint(&taken[message.what()], 1, 1);
			pvm_send(tid, TAG_DONE);
		}
	}
	pvm_exit();
	return static_cast<int>(taken.size()) == next_number - 1 ? 0 : 4;
}

/* SPDX-License-Identifier: MIT */
/* As image_worker.c, in C++: exceptions, thread_local, containers. */
#include "imager.h"

#include <csignal>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

static volatile std::sig_atomic_t told;
static thread_local long units;

static void tell(int)
{
	told = 1;
}

static long deep(long n)
{
	std::string kept(100, static_cast<char>('a' + n % 26));

	if (n == 0)
		throw std::runtime_error(std::to_string(units));
	return deep(n - 1) + static_cast<long>(kept.size());
}

static bool unit(std::map<std::string, std::vector<long>> &table)
{
	try {
		deep(20);
	} catch (const std::runtime_error &error) {
		table[error.what()].push_back(units);
		if (table.size() > 100)
			table.erase(table.begin());
		return std::stol(error.what()) == units;
	}
	return false;
}

int main()
{
	std::map<std::string, std::vector<long>> table;
	bool right = true;

	std::signal(SIGUSR1, tell);
	while (!told || units < 50) {
		units++;
		right = unit(table) && right;
	}
	for (const auto &[name, list] : table)
		right = right && list.size() == 1 && std::to_string(list[0]) == name;
	std::printf("%s, restarted %d\n", right ? "right" : "wrong", imager_restarts());
	return right ? 0 : 1;
}

/* SPDX-License-Identifier: MIT */
/* Compiling a tree's source on this host, in a directory that is gone afterwards. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cache.h"
#include "libhpvm/arch.h"
#include "libhpvm/archive.h"
#include "source.h"

enum { WORDS = 200, RECIPE = 32 << 10, FILES = 1000 };
#define RECIPE_NAME "hpvm.source"
#define OUTPUT "kernel.so"
#define MESSAGES "messages"

/* How to compile: lists of words, which lie in `text`. */
struct recipe {
	char text[RECIPE];
	bool is_cxx;
	const char *flags[WORDS], *units[WORDS], *libraries[WORDS];
	int n_flags, n_units, n_libraries;
};

/* A compilation. */
struct work {
	struct recipe recipe;
	const struct hpvm_traits *traits;
	char directory[PATH_MAX];
	int at; /* that directory */
	char *why;
	size_t room;
};

static bool refuse(const struct work *work, const char *what, const char *reason)
{
	snprintf(work->why, work->room, "source: %s: %s", what, reason);
	return false;
}

/* ---- the recipe -------------------------------------------------------------------- */

/* Does a line begin with this word? Its value lies behind then. */
static const char *value_of(const char *line, const char *word)
{
	size_t n = strlen(word);

	return strncmp(line, word, n) == 0 && line[n] == ' ' ? line + n + 1 : NULL;
}

/* A flag's line for this architecture; NULL if it is none. */
static const char *flag_of(const char *line, const char *arch)
{
	char word[sizeof "flag@" + HPVM_LEVEL_NAME];

	snprintf(word, sizeof word, "flag@%s", arch);
	return value_of(line, "flag") ? value_of(line, "flag") : value_of(line, word);
}

/* Add a word to a list; false if there is no room. */
static bool add(const char **list, int *n, const char *word)
{
	if (*n == WORDS)
		return false;
	list[(*n)++] = word;
	return true;
}

/* Take a line; false if it makes no sense. A line for another architecture does. */
static bool take_line(struct recipe *recipe, const char *line, const char *arch)
{
	const char *value = flag_of(line, arch);

	if (value)
		return add(recipe->flags, &recipe->n_flags, value);
	value = value_of(line, "unit");
	if (value)
		return *value != '-' && add(recipe->units, &recipe->n_units, value);
	value = value_of(line, "library");
	if (value)
		return add(recipe->libraries, &recipe->n_libraries, value);
	if (strcmp(line, "language c++") == 0)
		recipe->is_cxx = true;
	return !*line || value_of(line, "language") || strncmp(line, "flag@", 5) == 0;
}

static bool take_recipe(struct work *work, const struct hpvm_member *member)
{
	struct recipe *recipe = &work->recipe;
	char *line, *next = recipe->text;

	if (member->size >= sizeof recipe->text)
		return refuse(work, RECIPE_NAME, "is too long");
	memcpy(recipe->text, member->bytes, member->size);
	recipe->text[member->size] = 0;
	line = strsep(&next, "\n");
	if (strcmp(line, RECIPE_NAME " 1") != 0)
		return refuse(work, RECIPE_NAME, "another version of hpvm-build made it");
	while ((line = strsep(&next, "\n")))
		if (!take_line(recipe, line, work->traits->arch))
			return refuse(work, RECIPE_NAME, line);
	return recipe->n_units > 0 || refuse(work, RECIPE_NAME, "names no unit");
}

/* ---- its files --------------------------------------------------------------------- */

/* Make the directories above a file, as far as they are missing. */
static void make_above(int at, char *name)
{
	for (char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdirat(at, name, 0700);
		*slash = '/';
	}
}

static bool write_member(struct work *work, struct hpvm_member *member)
{
	size_t done = 0;
	ssize_t n = 1;
	int fd;

	make_above(work->at, member->name);
	fd = openat(work->at, member->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return refuse(work, member->name, strerror(errno));
	while (done < member->size && n > 0) {
		n = write(fd, member->bytes + done, member->size - done);
		done += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return done == member->size || refuse(work, member->name, strerror(errno));
}

static bool unpack(struct work *work, const void *source, size_t size)
{
	struct hpvm_member member;
	const char *why;
	size_t at = 0;
	int rc, files = 0;

	while ((rc = hpvm_archive_next(source, size, &at, &member, &why)) > 0) {
		if (++files > FILES)
			return refuse(work, "archive", "holds too many files");
		if (strcmp(member.name, RECIPE_NAME) == 0 && !take_recipe(work, &member))
			return false;
		if (!write_member(work, &member))
			return false;
	}
	if (rc < 0)
		return refuse(work, "archive", why);
	return work->recipe.n_units > 0 || refuse(work, "archive", "holds no " RECIPE_NAME);
}

/* ---- the compiler ------------------------------------------------------------------ */

/* The compiler's option for a level. */
static const char *level_option(const char *arch)
{
	return strncmp(arch, "ppc", 3) == 0 ? "-mcpu=" : "-march=";
}

static const char *compiler_of(const struct recipe *recipe)
{
	const char *named = recipe->is_cxx ? getenv("HPVM_CXX") : getenv("HPVM_CC");

	if (named && *named)
		return named;
	return recipe->is_cxx ? "c++" : "cc";
}

/* In the child: become the compiler, which finds all files in the directory where it is. */
static void become_compiler(const struct work *work, const char *level)
{
	const struct recipe *recipe = &work->recipe;
	const char *arguments[3 * WORDS + 10];
	char option[sizeof "-march=" + HPVM_LEVEL_NAME];
	int n = 0, messages;

	arguments[n++] = compiler_of(recipe);
	for (int i = 0; i < recipe->n_flags; i++)
		arguments[n++] = recipe->flags[i];
	if (level) {
		snprintf(option, sizeof option, "%s%s", level_option(work->traits->arch), level);
		arguments[n++] = option;
	}
	arguments[n++] = "-shared";
	arguments[n++] = "-I.";
	arguments[n++] = "-o";
	arguments[n++] = OUTPUT;
	for (int i = 0; i < recipe->n_units; i++)
		arguments[n++] = recipe->units[i];
	for (int i = 0; i < recipe->n_libraries; i++)
		arguments[n++] = recipe->libraries[i];
	arguments[n] = NULL;
	if (fchdir(work->at) < 0)
		_exit(126);
	messages = open(MESSAGES, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(messages, 1);
	dup2(messages, 2);
	execvp(arguments[0], (char *const *)arguments);
	dprintf(2, "%s: %s\n", arguments[0], strerror(errno));
	_exit(127);
}

/* Run the compiler; did it make a kernel? */
static bool run_compiler(const struct work *work, const char *level)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		become_compiler(work, level);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && status == 0;
}

/* The line of the compiler's messages that says most. */
static void find_message(const struct work *work, char *line, size_t room)
{
	int fd = openat(work->at, MESSAGES, O_RDONLY | O_CLOEXEC);
	FILE *messages = fd < 0 ? NULL : fdopen(fd, "r");
	char next[300];

	snprintf(line, room, "the compiler failed");
	while (messages && fgets(next, sizeof next, messages)) {
		next[strcspn(next, "\n")] = 0;
		if (*next)
			snprintf(line, room, "%s", next);
		if (strstr(next, "error:"))
			break;
	}
	if (messages)
		fclose(messages);
}

static bool compile(const struct work *work)
{
	const struct hpvm_traits *traits = work->traits;
	char message[300];

	if (traits->n_levels && run_compiler(work, traits->levels[0]))
		return true;
	if (run_compiler(work, NULL))
		return true;
	find_message(work, message, sizeof message);
	return refuse(work, compiler_of(&work->recipe), message);
}

/* What the compiler made, in memory of malloc: NULL if it cannot be had or is nothing for us. */
static char *take_output(const struct work *work, size_t *size)
{
	int fd = openat(work->at, OUTPUT, O_RDONLY | O_CLOEXEC);
	struct stat what;
	char *bytes = NULL;
	const char *arch;

	if (fd >= 0 && fstat(fd, &what) == 0 && what.st_size > 0 &&
		what.st_size <= HPVM_KERNEL_SIZE) {
		*size = (size_t)what.st_size;
		bytes = malloc(*size);
	}
	if (bytes && read(fd, bytes, *size) != (ssize_t)*size) {
		free(bytes);
		bytes = NULL;
	}
	if (fd >= 0)
		close(fd);
	arch = bytes ? hpvm_arch_of(bytes, *size) : NULL;
	if (arch && strcmp(arch, work->traits->arch) == 0)
		return bytes;
	free(bytes);
	refuse(work, compiler_of(&work->recipe), "made no kernel for this host");
	return NULL;
}

/* ---- a compilation ------------------------------------------------------------------ */

/* Make the directory in which all happens. */
static bool begin(struct work *work)
{
	const char *base = getenv("TMPDIR");

	snprintf(work->directory, sizeof work->directory, "%s/hpvmXXXXXX",
		base && *base == '/' ? base : "/tmp");
	if (!mkdtemp(work->directory))
		return refuse(work, work->directory, strerror(errno));
	work->at = open(work->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return work->at >= 0 || refuse(work, work->directory, strerror(errno));
}

/* Remove what the archive brought, what the compiler made, and the directory. */
static void end(struct work *work, const void *source, size_t size)
{
	struct hpvm_member member;
	const char *why;
	size_t at = 0;

	while (work->at >= 0 && hpvm_archive_next(source, size, &at, &member, &why) > 0) {
		char *slash;

		unlinkat(work->at, member.name, 0);
		while ((slash = strrchr(member.name, '/'))) {
			*slash = 0;
			unlinkat(work->at, member.name, AT_REMOVEDIR);
		}
	}
	if (work->at >= 0) {
		unlinkat(work->at, OUTPUT, 0);
		unlinkat(work->at, MESSAGES, 0);
		close(work->at);
	}
	rmdir(work->directory);
}

/* What names the result: the source's hash holds its flags, so architecture and level are left. */
static void make_key(const void *source, size_t size, const struct hpvm_traits *traits,
	unsigned char key[HPVM_HASH])
{
	char text[HPVM_HASH_TEXT + 3 * HPVM_LEVEL_NAME];

	hpvm_sha256(source, size, key);
	hpvm_hash_text(key, text);
	snprintf(text + HPVM_HASH_TEXT - 1, sizeof text - HPVM_HASH_TEXT + 1, " %s %s %s",
		traits->arch, traits->os, traits->n_levels ? traits->levels[0] : HPVM_GENERIC);
	hpvm_sha256(text, strlen(text), key);
}

int hpvmc_compile(const void *source, size_t size, const struct hpvm_traits *traits, int *memfd,
	char *why, size_t room)
{
	unsigned char key[HPVM_HASH];
	struct work *work;
	char *made = NULL;
	size_t made_size;

	make_key(source, size, traits, key);
	if (hpvmc_cache_get_made(key, memfd) == 0)
		return 0;
	snprintf(why, room, "source: no memory");
	*memfd = -1;
	work = calloc(1, sizeof *work);
	if (!work)
		return -1;
	*work = (struct work){ .traits = traits, .at = -1, .why = why, .room = room };
	if (begin(work) && unpack(work, source, size) && compile(work))
		made = take_output(work, &made_size);
	end(work, source, size);
	free(work);
	if (made) {
		hpvmc_cache_put_made(key, made, made_size);
		*memfd = hpvmc_memory_file(made, made_size);
	}
	free(made);
	return *memfd < 0 ? -1 : 0;
}

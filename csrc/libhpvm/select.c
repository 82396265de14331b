/* SPDX-License-Identifier: MIT */
/* The choice of a kernel: nearest ancestor of what the processor is. */
#include <stdio.h>
#include <string.h>
#include "select.h"

/* The kernel of this host's architecture and system with a level; NULL if the tree has none. */
static const struct hpvm_kernel *find(const struct hpvm_tree *tree,
	const struct hpvm_traits *traits, const char *level)
{
	for (int i = 0; i < hpvm_tree_count(tree); i++) {
		const struct hpvm_kernel *kernel = hpvm_tree_kernel(tree, i);

		if (strcmp(kernel->arch, traits->arch) == 0 &&
			strcmp(kernel->os, traits->os) == 0 && strcmp(kernel->level, level) == 0)
			return kernel;
	}
	return NULL;
}

static const struct hpvm_kernel *find_source(const struct hpvm_tree *tree)
{
	for (int i = 0; i < hpvm_tree_count(tree); i++)
		if (strcmp(hpvm_tree_kernel(tree, i)->arch, HPVM_SOURCE) == 0)
			return hpvm_tree_kernel(tree, i);
	return NULL;
}

/* What a host may try, in order: its levels, generic, the source. NULL if the tree has not it. */
static const struct hpvm_kernel *candidate(const struct hpvm_tree *tree,
	const struct hpvm_traits *traits, int i)
{
	if (i < traits->n_levels)
		return find(tree, traits, traits->levels[i]);
	return i == traits->n_levels ? find(tree, traits, HPVM_GENERIC) : find_source(tree);
}

const struct hpvm_kernel *hpvm_select(const struct hpvm_tree *tree,
	const struct hpvm_traits *traits, int nth)
{
	for (int i = 0; i <= traits->n_levels + 1; i++) {
		const struct hpvm_kernel *kernel = candidate(tree, traits, i);

		if (kernel && nth-- == 0)
			return kernel;
	}
	return NULL;
}

/* Add a word to a list; `separator` before it if it is not the first. */
static void add_word(char *text, size_t room, const char *separator, const char *word)
{
	size_t n = strlen(text);

	snprintf(text + n, room - n, "%s%s", n ? separator : "", word);
}

static bool has_level(const struct hpvm_traits *traits, const char *level)
{
	for (int i = 0; i < traits->n_levels; i++)
		if (strcmp(traits->levels[i], level) == 0)
			return true;
	return strcmp(level, HPVM_GENERIC) == 0;
}

/* Levels of the tree that the processor has not. */
static void list_lacking(const struct hpvm_tree *tree, const struct hpvm_traits *traits, char *text,
	size_t room)
{
	text[0] = 0;
	for (int i = 0; i < hpvm_tree_count(tree); i++) {
		const struct hpvm_kernel *kernel = hpvm_tree_kernel(tree, i);

		if (strcmp(kernel->arch, traits->arch) == 0 &&
			strcmp(kernel->os, traits->os) == 0 && !has_level(traits, kernel->level))
			add_word(text, room, ", ", kernel->level);
	}
}

/* Levels of the processor that are better than the choice and that the tree has not. */
static void list_missing(const struct hpvm_tree *tree, const struct hpvm_traits *traits,
	const struct hpvm_kernel *chosen, char *text, size_t room)
{
	text[0] = 0;
	for (int i = 0; i < traits->n_levels; i++) {
		if (strcmp(traits->levels[i], chosen->level) == 0)
			break;
		if (!find(tree, traits, traits->levels[i]))
			add_word(text, room, ", ", traits->levels[i]);
	}
}

void hpvm_select_why(const struct hpvm_tree *tree, const struct hpvm_traits *traits, int nth,
	char *text, size_t room)
{
	const struct hpvm_kernel *kernel = hpvm_select(tree, traits, nth);
	char lacking[300], missing[300];

	if (!kernel) {
		snprintf(text, room,
			nth ? "no other kernel for %s %s" : "no kernel for %s %s, and no source",
			traits->arch, traits->os);
		return;
	}
	if (strcmp(kernel->arch, HPVM_SOURCE) == 0) {
		snprintf(text, room, "source: no kernel for %s %s", traits->arch, traits->os);
		return;
	}
	list_lacking(tree, traits, lacking, sizeof lacking);
	list_missing(tree, traits, kernel, missing, sizeof missing);
	text[0] = 0;
	add_word(text, room, "", kernel->level);
	if (*lacking) {
		add_word(text, room, ": ", "the processor lacks ");
		add_word(text, room, "", lacking);
	}
	if (*missing) {
		add_word(text, room, *lacking ? "; " : ": ", "the tree lacks ");
		add_word(text, room, "", missing);
	}
}

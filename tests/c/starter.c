/* SPDX-License-Identifier: MIT */
/*
 * A system task as a user writes it: starts what the daemon asks it to start.
 *
 *   starter tasker     the tasks of this host
 *   starter hoster     the daemons of hosts that are added, by $PVM_RSH
 */
#include <pvm3.h>
#include <pvmproto.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* 3.4.6 exports these and declares them nowhere. */
int pvmendtask(void);
int pvmputenv(char *setting);

enum { TEXT_MAX = 4096, WORDS_MAX = 1000, CHILDREN_MAX = 100 };

static struct {
	int tid;
	pid_t pid;
} children[CHILDREN_MAX];
static int child_count;

static char *unpacked_text(void)
{
	char text[TEXT_MAX];

	return pvm_upkstr(text) == 0 ? strdup(text) : NULL;
}

/* A list of words, which a NULL ends. */
static char **unpacked_words(void)
{
	static char *none[1];
	char **words;
	int count;

	if (pvm_upkint(&count, 1, 1) != 0 || count < 0 || count > WORDS_MAX)
		return none;
	words = calloc(count + 1, sizeof *words);
	for (int i = 0; words && i < count; i++)
		words[i] = unpacked_text();
	return words ? words : none;
}

static void tell_end(int tid, int status)
{
	pvm_packf("%+ %d %d %d %d %d %d", PvmDataDefault, tid, status, 0, 0, 0, 0);
	pvm_send((int)0x80000000, SM_TASKX); /* the daemon */
}

/* SM_STTASK {tid, flags, path, arguments, environment}; more may follow. */
static void start_task(void)
{
	int tid, flags;
	char path[TEXT_MAX], **arguments, **environment;
	pid_t pid;

	if (pvm_unpackf("%d %d %s", &tid, &flags, path) != 0)
		return;
	arguments = unpacked_words();
	environment = unpacked_words();
	pid = child_count < CHILDREN_MAX ? fork() : -1;
	if (pid == 0) {
		pvmendtask();
		for (int i = 0; environment[i]; i++)
			pvmputenv(environment[i]);
		execv(path, arguments);
		_exit(127);
	}
	if (pid < 0) {
		tell_end(tid, 0);
		return;
	}
	children[child_count].tid = tid;
	children[child_count++].pid = pid;
	printf("started %x %s\n", tid, path);
}

static void bury_children(void)
{
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < child_count; i++)
			if (children[i].pid == pid) {
				tell_end(children[i].tid, status);
				printf("ended %x %d\n", children[i].tid, status);
			}
}

/* What the daemon of a host printed; its text begins with that of a greeting. */
static void start_daemon(const char *login, const char *command, char *result)
{
	char line[3 * TEXT_MAX];
	FILE *shell;

	snprintf(line, sizeof line, "exec %s %s '%s' </dev/null", getenv("PVM_RSH"), login,
		command);
	strcpy(result, "PvmCantStart");
	shell = popen(line, "r");
	if (shell && fgets(result, TEXT_MAX, shell))
		result[strcspn(result, "\n")] = '\0';
	if (shell)
		pclose(shell);
}

/* SM_STHOST {count, {tid, options, login, command, other command, vmid}...}. */
static void start_hosts(int from)
{
	char options[TEXT_MAX], login[TEXT_MAX], command[TEXT_MAX], other[TEXT_MAX];
	char vmid[TEXT_MAX], result[TEXT_MAX];
	struct pvmminfo info;
	int count, tid, wid;

	pvm_getminfo(pvm_getrbuf(), &info);
	wid = info.wid;
	pvm_upkint(&count, 1, 1);
	pvm_packf("%+ %d", PvmDataDefault, count);
	while (count-- > 0) {
		pvm_unpackf("%d %s %s %s %s %s", &tid, options, login, command, other, vmid);
		start_daemon(login, command, result);
		printf("started %x %s\n", tid, login);
		pvm_packf("%d %s", tid, result);
	}
	pvm_getminfo(pvm_getsbuf(), &info);
	info.wid = wid;
	pvm_setminfo(pvm_getsbuf(), &info);
	pvm_send(from, SM_STHOSTACK);
}

int main(int argc, char **argv)
{
	bool tasker = argc == 2 && strcmp(argv[1], "tasker") == 0;
	struct timeval moment = { 0, 10000 };
	int id, tag, from;

	setvbuf(stdout, NULL, _IOLBF, 0);
	pvm_mytid();
	pvm_setopt(PvmResvTids, 1);
	printf("registered %d\n", tasker ? pvm_reg_tasker() : pvm_reg_hoster());
	while ((id = pvm_trecv(-1, -1, &moment)) >= 0) {
		bury_children();
		if (id == 0)
			continue;
		pvm_bufinfo(id, NULL, &tag, &from);
		if (tag == SM_STTASK)
			start_task();
		else if (tag == SM_STHOST)
			start_hosts(from);
	}
	pvm_exit();
	return 0;
}

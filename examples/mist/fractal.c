/* SPDX-License-Identifier: MIT */
/*
 * Draws the Mandelbrot set with workers that know nothing of being moved: fractal SECONDS WORKERS.
 *
 * Started by hand it is the master: it gives each worker a row after the other, and the rows of a
 * worker that has died to others. For each picture it prints a line "picture N of R rows", then the
 * rows, each behind the tid of the host that has computed it. It computes some rows itself to see
 * whether they are right. At the end it prints a line "done" with what it has counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pvm3.h"

enum { ROWS = 30, COLUMNS = 78, DEPTH = 4000, WORKERS_MAX = 64, CHECKED = 7 };
enum { TAG_ROW = 1, TAG_DRAWN, TAG_EXIT };
/* Microseconds that a worker rests after a row: this is to be seen, not to heat the room. */
enum { REST = 20000 };

static const char shades[] = " .,:;-=+*#%@";

/* A row of picture n, as text. Each picture looks closer at the same point. */
static void draw(int n, int row, char *text)
{
	double size = 3.0;

	for (int i = 0; i < n % 40; i++)
		size *= 0.8;
	for (int x = 0; x < COLUMNS; x++) {
		double a = -0.7436439 + size * ((double)x / COLUMNS - 0.5);
		double b = 0.1318259 + size * 0.7 * ((double)row / ROWS - 0.5);
		double re = 0, im = 0;
		int i = 0;

		for (; i < DEPTH && re * re + im * im < 4; i++) {
			double next = re * re - im * im + a;

			im = 2 * re * im + b;
			re = next;
		}
		text[x] = i == DEPTH ? '@' : shades[i % 11];
	}
	text[COLUMNS] = 0;
}

/* ---- worker ---- */

/* The tid of the host where this task is now. */
static int place(void)
{
	struct pvmtaskinfo *task;
	int n;

	return pvm_tasks(pvm_mytid(), &n, &task) == PvmOk && n == 1 ? task->ti_host : 0;
}

static int work(int master)
{
	int order[2], host;
	char text[COLUMNS + 1];

	while (pvm_recv(master, TAG_ROW) >= 0 && pvm_upkint(order, 2, 1) >= 0 && order[1] >= 0) {
		draw(order[0], order[1], text);
		usleep(REST);
		host = place();
		pvm_initsend(PvmDataDefault);
		pvm_pkint(order, 2, 1);
		pvm_pkint(&host, 1, 1);
		pvm_pkstr(text);
		pvm_send(master, TAG_DRAWN);
	}
	pvm_exit();
	return 0;
}

/* ---- master ---- */

/* A row of the picture: whether it is there, who draws it (0: nobody yet), and where it was drawn. */
static struct {
	int there, worker, host;
	char text[COLUMNS + 1];
} picture[ROWS];

static int workers[WORKERS_MAX], n_workers;
static int pictures, rows, again, wrong, lost;

static void give(int worker)
{
	for (int row = 0; row < ROWS; row++) {
		int order[2] = { pictures, row };

		if (picture[row].there || picture[row].worker)
			continue;
		picture[row].worker = worker;
		pvm_initsend(PvmDataDefault);
		pvm_pkint(order, 2, 1);
		pvm_send(worker, TAG_ROW);
		return;
	}
}

/* Is a worker busy? */
static int busy(int worker)
{
	for (int row = 0; row < ROWS; row++)
		if (!picture[row].there && picture[row].worker == worker)
			return 1;
	return 0;
}

static void start(char *program, int count)
{
	int tids[WORKERS_MAX], n;

	if (count > WORKERS_MAX - n_workers)
		count = WORKERS_MAX - n_workers;
	n = count > 0 ? pvm_spawn(program, NULL, PvmTaskDefault, NULL, count, tids) : 0;
	if (n > 0)
		pvm_notify(PvmTaskExit, TAG_EXIT, n, tids);
	for (int i = 0; i < n; i++)
		workers[n_workers++] = tids[i];
}

static void take_row(void)
{
	int order[2], host;
	char text[COLUMNS + 1], right[COLUMNS + 1];

	pvm_upkint(order, 2, 1);
	pvm_upkint(&host, 1, 1);
	pvm_upkstr(text);
	if (order[0] != pictures || order[1] < 0 || order[1] >= ROWS || picture[order[1]].there) {
		wrong++;
		return;
	}
	rows++;
	if (rows % CHECKED == 0) {
		draw(order[0], order[1], right);
		wrong += strcmp(text, right) != 0;
	}
	picture[order[1]].there = 1;
	picture[order[1]].host = host;
	strcpy(picture[order[1]].text, text);
}

/* A worker has died: others draw what it had. */
static void bury(char *program)
{
	int dead;

	pvm_upkint(&dead, 1, 1);
	for (int i = 0; i < n_workers; i++)
		if (workers[i] == dead) {
			workers[i] = workers[--n_workers];
			lost++;
		}
	for (int row = 0; row < ROWS; row++)
		if (!picture[row].there && picture[row].worker == dead) {
			picture[row].worker = 0;
			again++;
		}
	start(program, 1);
}

static void draw_picture(char *program)
{
	memset(picture, 0, sizeof picture);
	for (int left = ROWS; left > 0;) {
		int tag, before = rows;

		for (int i = 0; i < n_workers; i++)
			if (!busy(workers[i]))
				give(workers[i]);
		if (n_workers == 0)
			start(program, 1);
		pvm_bufinfo(pvm_recv(-1, -1), NULL, &tag, NULL);
		if (tag == TAG_EXIT)
			bury(program);
		else if (tag == TAG_DRAWN)
			take_row();
		left -= rows - before;
	}
	printf("picture %d of %d rows\n", pictures, ROWS);
	for (int row = 0; row < ROWS; row++)
		printf("%x %s\n", (unsigned)picture[row].host, picture[row].text);
	fflush(stdout);
}

static int conduct(char *program, int seconds, int count)
{
	time_t end = time(NULL) + seconds;
	int none[2] = { 0, -1 };

	start(program, count);
	for (; time(NULL) < end; pictures++)
		draw_picture(program);
	pvm_initsend(PvmDataDefault);
	pvm_pkint(none, 2, 1);
	if (n_workers)
		pvm_mcast(workers, n_workers, TAG_ROW);
	printf("done: %d pictures, %d rows, %d wrong, %d workers lost, %d rows drawn again\n",
		pictures, rows, wrong, lost, again);
	pvm_exit();
	return wrong > 0;
}

int main(int argc, char **argv)
{
	int parent = pvm_parent();

	if (parent > 0)
		return work(parent);
	if (argc < 3) {
		fprintf(stderr, "usage: fractal SECONDS WORKERS\n");
		return 2;
	}
	return conduct(argv[0], atoi(argv[1]), atoi(argv[2]));
}

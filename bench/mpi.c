/* SPDX-License-Identifier: MIT */
/*
 * The same measurements with MPI. Usage, under mpiexec with as many processes as take part:
 *   mpi SECONDS roundtrip BYTES [together]   seconds, half round trip of two; on one processor
 *   mpi SECONDS ring [BUSY]                  seconds, one hop, beside processes that compute
 *   mpi SECONDS multicast BYTES              seconds until all others have answered
 * The first process prints the figure.
 */
#include <string.h>
#include <mpi.h>

#include "measure.h"

enum { TAG_DATA = 1, TAG_STOP };

static int rank, size;

static inline void give_up(void)
{
	MPI_Abort(MPI_COMM_WORLD, 1);
}

/* What is exchanged; `n` ints each. */
struct data {
	int n;
	int *out, *in;
};

static struct data data_of(int bytes)
{
	struct data d = { .n = bytes / (int)sizeof(int) };

	d.out = calloc((size_t)d.n, sizeof *d.out);
	d.in = calloc((size_t)d.n, sizeof *d.in);
	CHECK(d.out && d.in);
	return d;
}

static int next_rank(void)
{
	return (rank + 1) % size;
}

/* ---- round trips and rings ---------------------------------------------------------- */

/* Hand what comes on, until TAG_STOP. */
static void hand_on(struct data *d)
{
	MPI_Status status;

	for (;;) {
		MPI_Recv(d->in, d->n, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD,
			&status);
		if (status.MPI_TAG == TAG_STOP)
			return;
		memcpy(d->out, d->in, (size_t)d->n * sizeof *d->in);
		MPI_Send(d->out, d->n, MPI_INT, next_rank(), TAG_DATA, MPI_COMM_WORLD);
	}
}

static void pass_round(void *context)
{
	struct data *d = context;

	d->out[0]++;
	MPI_Send(d->out, d->n, MPI_INT, next_rank(), TAG_DATA, MPI_COMM_WORLD);
	MPI_Recv(d->in, d->n, MPI_INT, size - 1, TAG_DATA, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	CHECK(d->in[0] == d->out[0]);
}

/* Seconds a hop of so many bytes. */
static double measure_ring(int bytes, double seconds)
{
	struct data d = data_of(bytes);
	double took = 0;

	if (rank) {
		hand_on(&d);
		return 0;
	}
	took = time_operation(pass_round, &d, seconds) / size;
	for (int i = 1; i < size; i++)
		MPI_Send(d.out, 0, MPI_INT, i, TAG_STOP, MPI_COMM_WORLD);
	return took;
}

/* ---- multicast ------------------------------------------------------------------------ */

/* A broadcast that the others answer; of a negative item, which ends it, they do not. */
static int take_part(struct data *d)
{
	int ends[2];

	MPI_Bcast(d->out, d->n, MPI_INT, 0, MPI_COMM_WORLD);
	if (d->out[0] < 0)
		return 0;
	for (int i = 1; !rank && i < size; i++) {
		MPI_Recv(ends, 2, MPI_INT, MPI_ANY_SOURCE, TAG_DATA, MPI_COMM_WORLD,
			MPI_STATUS_IGNORE);
		CHECK(ends[0] == d->out[0] && ends[1] == d->out[d->n - 1]);
	}
	ends[0] = d->out[0];
	ends[1] = d->out[d->n - 1];
	if (rank)
		MPI_Send(ends, 2, MPI_INT, 0, TAG_DATA, MPI_COMM_WORLD);
	return 1;
}

static void send_and_collect(void *context)
{
	struct data *d = context;

	d->out[0]++;
	take_part(d);
}

static double measure_multicast(int bytes, double seconds)
{
	struct data d = data_of(bytes);
	double took = 0;

	if (rank) {
		while (take_part(&d))
			;
		return 0;
	}
	took = time_operation(send_and_collect, &d, seconds);
	d.out[0] = -1;
	take_part(&d);
	return took;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "", *more = argc > 3 ? argv[3] : "0";
	pid_t loops[MAX_BUSY];
	double seconds, figure = -1;
	int busy;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	seconds = argc > 1 ? atof(argv[1]) : 0;
	busy = strcmp(what, "ring") == 0 && !rank ? atoi(more) : 0;
	start_busy(loops, busy);
	if (strcmp(what, "roundtrip") == 0) {
		pin_to(argc > 4 ? 0 : -1);
		figure = measure_ring(atoi(more), seconds);
	} else if (strcmp(what, "ring") == 0) {
		figure = measure_ring(sizeof(int), seconds);
	} else if (strcmp(what, "multicast") == 0) {
		figure = measure_multicast(atoi(more), seconds);
	}
	stop_busy(loops, busy);
	MPI_Finalize();
	if (!rank)
		printf("%.9g\n", figure);
	return 0;
}

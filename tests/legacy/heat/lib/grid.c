#include <stdio.h>
#include "grid.h"
char *malloc();

new_grid(n)
	int n;
{
	register i;

	grid.n = n;
	grid.cells = (double *)malloc(n * sizeof(double));
	if (!grid.cells) {
		fprintf(stderr, "no memory\n");
		return;
	}
	for (i = 0; i < n; i++)
		grid.cells[i] = i % 2;
	return 1;
}

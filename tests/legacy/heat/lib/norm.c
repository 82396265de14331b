#include "grid.h"

double
norm()
{
	double sum = 0, fabs();
	int i;

	for (i = 0; i < grid.n; i++)
		sum += fabs(grid.cells[i]);
	return sum;
}

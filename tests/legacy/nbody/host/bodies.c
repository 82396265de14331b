#include "bodies.h"

fill()
{
	for (nbody = 0; nbody < 100; nbody++)
		mass[nbody] = 0.25;
}

die(text)
	char *text;
{
	pvm_perror(text);
	exit(1);
}

#include <stdio.h>
#include "pvm3.h"
#include "bodies.h"

main()
{
	int node;

	pvm_mytid();
	fill();
	if (pvm_spawn("node", NULL, PvmTaskDefault, NULL, 1, &node) < 1)
		die("no node");
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&nbody, 1, 1);
	pvm_pkfloat(mass, nbody, 1);
	pvm_send(node, 1);
	pvm_recv(node, 2);
	pvm_upkfloat(mass, 1, 1);
	printf("total %g\n", mass[0]);
	pvm_exit();
	return 0;
}

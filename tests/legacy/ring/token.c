/*
 *	token.c
 */

#include "pvm3.h"
#include "token.h"

static hops;

announce()
{
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&ntask, 1, 1);
	pvm_pkint(tids, ntask, 1);
	pvm_mcast(tids + 1, ntask - 1, TOKENTAG);
}

listen_to(who)
{
	pvm_recv(who, TOKENTAG);
	pvm_upkint(&ntask, 1, 1);
	pvm_upkint(tids, ntask, 1);
}

pass(mytid, first)
{
	register i;
	int token = 1;

	for (i = 0; tids[i] != mytid; i++)
		;
	if (!first)
		token = take(tids[i - 1]);
	give(tids[(i + 1) % ntask], token + 1);
	if (first)
		hops = take(tids[ntask - 1]);
}

give(who, token)
{
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&token, 1, 1);
	pvm_send(who, TOKENTAG);
}

take(who)
{
	int token;

	pvm_recv(who, TOKENTAG);
	pvm_upkint(&token, 1, 1);
	return token;
}

double
count(tally)
{
	double sum, values[2];

	values[0] = 0.5;
	values[1] = hops;
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&ntask, 1, 1);
	pvm_pkdouble(values, 2, 1);
	pvm_send(tally, TALLYTAG);
	pvm_recv(tally, TALLYTAG);
	pvm_upkdouble(&sum, 1, 1);
	return sum;
}

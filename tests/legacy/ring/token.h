/* token.h */

#define MAXRING	32
#define TOKENTAG	7
#define TALLYTAG	8

int ntask;
int tids[MAXRING];

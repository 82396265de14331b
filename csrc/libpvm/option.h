/* SPDX-License-Identifier: MIT */
/* Own destinations of output and trace, as the daemon knows them (destination.c). */
#ifndef PVM3PY_OPTION_H
#define PVM3PY_OPTION_H

/*
 * Send own output or trace to a task (0: nobody), with the context and tag that
 * are set; the daemon is told. Children then get the same. 0 or an error code.
 */
int pvm__redirect_output(int tid);
int pvm__redirect_trace(int tid);
/* Change the tag of own output or trace. 0 or an error code. */
int pvm__set_output_tag(int tag);
int pvm__set_trace_tag(int tag);

#endif

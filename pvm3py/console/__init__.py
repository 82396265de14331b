# SPDX-License-Identifier: MIT
"""The console `pvm`: a plain task in which a user types commands about the virtual machine.

Files, each of which uses only those before it:

words      lines cut into words
output     what is printed, and tables
jobfile    files that jobs write
interrupts Ctrl-C
mail       messages by tag, waiting
tracelog   trace of a job as a trace file; tracemask: which events
jobs       tasks of a spawn, whose output is collected
machine    the daemon, settings of the console's task, hosts that come and go
session    all of that, which commands work on
table      commands as rows: name, operands, options, texts, function
tasktable  lines of tasks
launch     what `spawn` starts
probe      small tasks on the hosts
usage      what tasks use
screen     the whole terminal for one command
diagnosis  why a host could not be added
commands/  the rows, a file a family
interpreter  a line came, messages came
batch      commands that nobody types: the start-up file, -c, scripts
plain      reads lines from a pipe or a terminal without an editor
terminal/  the front ends with an editor, and what they print
manual     the manual page, made of the table
__main__   the command line
"""

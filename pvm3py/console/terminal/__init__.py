# SPDX-License-Identifier: MIT
"""The face of the console on a terminal: line editor, history, completion, tables, progress.

history     lines that were typed, in a file
libraries   where prompt_toolkit and rich are
completion  what may follow on a line
pretty      tables and progress
front       what front ends have in common
editor      the one with prompt_toolkit
lineedit    the one with readline
state       the terminal's settings
choice      which of them a terminal gets
"""

# SPDX-License-Identifier: MIT
"""The command `pvm3py bench`: how fast Python tasks are on this machine, beside multiprocessing.

Each measurement is a function of seconds in a process of its own; its result is one figure.
"""

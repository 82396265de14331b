# SPDX-License-Identifier: MIT
"""The program `tracer`: it writes what the tasks of the machine trace to a file.

collector  the registered tracer: takes events and output, and writes them
prompt     the commands that set what is traced
"""

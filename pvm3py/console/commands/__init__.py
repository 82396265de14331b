# SPDX-License-Identifier: MIT
"""The commands, a file a family; importing this fills the table."""

from . import hosts, jobs, machine, mail, settings, tasks, tracing, watching

__all__ = ["hosts", "jobs", "machine", "mail", "settings", "tasks", "tracing", "watching"]

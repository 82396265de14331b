# SPDX-License-Identifier: MIT
"""The commands, a file a family; importing this fills the table."""

from ..table import COMMANDS
from . import (
    checkpoints,
    holding,
    hosts,
    jobs,
    machine,
    mail,
    moving,
    settings,
    tasks,
    top,
    tracing,
    watching,
)

__all__ = [
    "COMMANDS",
    "checkpoints",
    "holding",
    "hosts",
    "jobs",
    "machine",
    "mail",
    "moving",
    "settings",
    "tasks",
    "top",
    "tracing",
    "watching",
]

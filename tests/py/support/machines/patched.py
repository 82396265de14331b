# SPDX-License-Identifier: MIT
"""Daemons of which something is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Patch = Callable[[str], Path]
"""Takes the code that such a daemon runs first; its path."""

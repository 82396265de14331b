# SPDX-License-Identifier: MIT
"""Checkpoints on disk: their directories and files, what is in them, and whether it is right."""

# SPDX-License-Identifier: MIT
"""Programs of checks and of groups: how each is run, and those in Python."""

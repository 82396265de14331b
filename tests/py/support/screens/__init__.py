# SPDX-License-Identifier: MIT
"""Consoles, terminals and windows, and what a user sees on them."""

# SPDX-License-Identifier: MIT
"""What the daemon does, a subject a file: its table, its messages, what it does on occasions."""

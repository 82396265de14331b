# SPDX-License-Identifier: MIT
"""What the daemon knows, as values and tables: nothing here waits, sends or decides."""

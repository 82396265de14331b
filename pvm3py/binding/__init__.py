# SPDX-License-Identifier: MIT
"""Between the C library and both Python faces: named numbers, errors, one C call for a message."""

# SPDX-License-Identifier: MIT
"""The same calls on 3.4.6 and on ours, and what is known to differ."""

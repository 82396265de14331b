# SPDX-License-Identifier: MIT
"""Images of processes: reading them, and restarting processes from them."""

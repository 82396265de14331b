# SPDX-License-Identifier: MIT
"""Virtual machines of one host and of several, and what they run on."""

# SPDX-License-Identifier: MIT
"""What was recorded of PVM 3.4.6, read, and made comparable."""

# SPDX-License-Identifier: MIT
"""Side-by-side benchmark of this project and PVM 3.4.6; run with ``python -m bench``."""

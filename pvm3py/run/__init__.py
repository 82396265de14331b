# SPDX-License-Identifier: MIT
"""The command `pvm3py run`: a Python script as several tasks."""

# SPDX-License-Identifier: MIT
"""What the tests share: virtual machines, compiled programs, comparison of outputs."""

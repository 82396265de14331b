# SPDX-License-Identifier: MIT
"""What a library call takes in: tasks driven call by call, and what they must tell."""

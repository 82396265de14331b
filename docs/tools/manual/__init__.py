# SPDX-License-Identifier: MIT
"""The reference: manual pages and pages of the site, made from what the sources say.

Functions come from the comments of the headers, Fortran names from csrc/libfpvm, commands from
what they answer to --help, and Python names from their docstrings.
"""

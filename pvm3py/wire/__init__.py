# SPDX-License-Identifier: MIT
"""The wire protocol in Python: constants, codecs, and the declared control messages."""

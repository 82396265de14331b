# SPDX-License-Identifier: MIT
"""What connects the daemon to the outside: the switch, the event loop over it, sockets."""

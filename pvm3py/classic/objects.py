# SPDX-License-Identifier: MIT
"""Python objects as messages, by pickle.

Unpickling runs code that the sender chooses. All tasks of a machine belong to one user, so
this gives a sender nothing it did not have; do not unpickle what came from elsewhere.
"""

from __future__ import annotations

import pickle
from typing import Any

from pvm3py.classic.buffers import MessageInfo, initsend, pkbytes, upkbytes
from pvm3py.binding.enums import Encoding
from pvm3py.classic.messages import ANY, recv, send


def send_obj(obj: object, tid: int, tag: int = 0) -> None:
    """Send any object that pickle takes; replaces the send buffer."""
    initsend(Encoding.RAW)
    pkbytes(pickle.dumps(obj, protocol=pickle.HIGHEST_PROTOCOL))
    send(tid, tag)


def recv_obj(tid: int = ANY, tag: int = ANY) -> tuple[Any, MessageInfo]:
    """Wait for a message of send_obj; return the object and the message's description."""
    message = recv(tid, tag)
    return pickle.loads(upkbytes(message.length)), message

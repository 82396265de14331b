# SPDX-License-Identifier: MIT
"""Python objects as messages, in the layout of pvm3py.binding.objects.

Unpickling runs code that the sender chooses. All tasks of a machine belong to one user, so
this gives a sender nothing it did not have; do not unpickle what came from elsewhere.
"""

from __future__ import annotations

from typing import Any

from pvm3py.binding import objects
from pvm3py.binding.enums import Code
from pvm3py.binding.errors import check
from pvm3py.binding.post import read_into, send_object
from pvm3py.classic.buffers import MessageInfo
from pvm3py.classic.messages import ANY, recv


def send_obj(obj: object, tid: int, tag: int = 0) -> None:
    """Send any object that pickle takes. TypeError: `tid` is no number."""
    if not isinstance(tid, int):
        raise TypeError(f"the receiver is a tid, not {type(tid).__name__}: send_obj(obj, tid, tag)")
    send_object([tid], tag, obj)


def recv_obj(tid: int = ANY, tag: int = ANY) -> tuple[Any, MessageInfo]:
    """Wait for a message of send_obj; return the object and the message's description.

    Raises BadMsg if it is no object: it is the receive buffer then, to be unpacked otherwise.
    """
    message = recv(tid, tag)
    try:
        return objects.load(
            message.length, lambda at, memory: read_into(message.bufid, at, memory)
        ), message
    except objects.Malformed:
        check("recv_obj", Code.BAD_MSG, f"from t{message.tid:x} (tag {message.tag})")
        raise

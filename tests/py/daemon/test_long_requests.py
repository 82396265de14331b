# SPDX-License-Identifier: MIT
"""Requests longer than the daemon takes: an error, and the connection stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.impostors.rawtask import RawTask, ints
from support.machines.vm import VirtualMachine

from pvm3py.wire import constants as c

LIMIT = 100_000
REQUESTS = (c.TM_DB, c.TM_SPAWN, c.TM_TICKLE, c.TM_ADDHOST, c.TM_DELHOST, c.TM_PSTAT, c.TM_CONFIG)


@pytest.fixture(scope="module")
def vm() -> Iterator[VirtualMachine]:
    with VirtualMachine("ours", env={"PVM_TEST_MESSAGE_MAX": str(LIMIT)}) as machine:
        yield machine


@pytest.mark.parametrize("tag", REQUESTS, ids=c.message_name)
def test_longer_request_gets_an_error_and_the_next_its_answer(task: RawTask, tag: int) -> None:
    assert task.request(tag, bytes(LIMIT + 1)).ints() == (c.PvmOutOfRes,)
    assert task.request(c.TM_PSTAT, ints(task.tid)).ints() == (c.PvmOk,)

# SPDX-License-Identifier: MIT
"""Trace messages and trace files: recorded ones are read, and written again, byte for byte."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.system import VECTORS

from pvm3py import trace
from pvm3py.trace import chrome, names
from pvm3py.trace.message import ItemTable, Mark, Part
from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError

TRACED = VECTORS / "trace" / "traced.trace"
# Vectors that are no trace messages: registration and output.
OTHERS = {"reg_tracer_mbox", "reg_tracer_request", "output_new"}
# Records, each with the vector that describes its event.
DESCRIBED_BY = {
    "endtask_record": "endtask_descriptor",
    "getopt_entry_record": "",
    "newtask_record": "newtask_descriptor",
    "newtask_record_spawned": "newtask_descriptor",
    "send_entry_record": "send_entry_descriptor",
}


def vector(name: str) -> dict[str, Any]:
    """A recorded message."""
    return json.loads((VECTORS / "trace" / f"{name}.json").read_text())  # type: ignore[no-any-return]


NAMES = sorted({p.stem for p in (VECTORS / "trace").glob("*.json")} - OTHERS)


def without(data: bytes, dontcare: list[list[int]]) -> bytes:
    """The bytes with those that mean nothing (padding) made 0."""
    cleaned = bytearray(data)
    for at, size in dontcare:
        cleaned[at : at + size] = bytes(size)
    return bytes(cleaned)


def decode(name: str) -> list[Part]:
    """The parts of a recorded message."""
    decoder = trace.Decoder()
    describer = DESCRIBED_BY.get(name)
    if describer == "":
        decoder.decode(bytes.fromhex(vector("buffered")["hex"]))
    elif describer:
        decoder.decode(bytes.fromhex(vector(describer)["hex"]))
    recorded = vector(name)
    return decoder.decode(bytes.fromhex(recorded["hex"]), int(recorded["fields"]["src"], 16))


@pytest.mark.parametrize("name", NAMES)
def test_recorded_message_is_encoded_again_byte_for_byte(name: str) -> None:
    recorded = vector(name)
    again = trace.encode(decode(name))
    dontcare = recorded["fields"].get("dontcare", [])
    assert without(again, dontcare) == without(bytes.fromhex(recorded["hex"]), dontcare)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("data_id_table", "user_event")])
def test_recorded_message_decodes_to_its_values(name: str) -> None:
    decoded = [part for part in decode(name) if isinstance(part, trace.Event)]
    expected = [part for part in vector(name)["fields"]["decoded"] if "event" in part]
    assert len(decoded) == len(expected) > 0
    for event, parts in zip(decoded, expected, strict=True):
        assert names.event_word(event.name, event.half) == parts["event"]
        recorded = parts["values"] if "values" in parts else [item[2] for item in parts["items"]]
        addresses = [item.kind == c.TEV_DATA_LONG for item in event.items]
        assert [item.value for item in event.items] == [
            value & 0xFFFFFFFF if address else value
            for address, value in zip(addresses, recorded, strict=True)
        ]
        if "items" in parts:
            assert [names.ITEMS[item[0]][0] for item in parts["items"]] == [
                item.name for item in event.items
            ]


def test_user_event_has_sender_time_and_typed_values() -> None:
    (event,) = decode("user_event")
    assert isinstance(event, trace.Event)
    assert event.tid == 0x40025
    values = {item.name: item.value for item in event.items[3:]}
    assert values == {"USR0": 42, "USR1": [1.5, 2.5], "USR2": "user", "USR3": "x"}


def test_buffer_begins_and_ends_with_its_marks() -> None:
    parts = decode("buffered")
    assert (parts[0], parts[-1]) == (Mark.BEGIN, Mark.END)


def test_table_of_items_is_the_recorded_one() -> None:
    assert decode("data_id_table") == [ItemTable()]


@pytest.mark.parametrize("name", NAMES)
def test_cut_message_is_refused_at_every_length(name: str) -> None:
    body = bytes.fromhex(vector(name)["hex"])
    for size in range(4, min(len(body), 400), 4):
        decoder = trace.Decoder()
        try:
            decoder.decode(body[:size])
        except WireError:
            continue
        assert name == "buffered"


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_decoded_or_refused(body: bytes) -> None:
    try:
        trace.Decoder().decode(body)
    except WireError:
        pass


# ---- files ------------------------------------------------------------------------------


def test_recorded_file_is_written_again_byte_for_byte() -> None:
    recorded = TRACED.read_bytes()
    date = recorded.split(b'"')[3].decode()
    out = BytesIO()
    writer = trace.Writer(out, time.mktime(time.strptime(date)))
    for event in trace.read(TRACED):
        writer.write(event)
    assert out.getvalue() == recorded


def text_file(tmp_path: Path, *events: trace.Event) -> Path:
    """A file with these events."""
    path = tmp_path / "events.trace"
    with open(path, "wb") as out:
        writer = trace.Writer(out)
        for event in events:
            writer.write(event)
    return path


HEAD = (
    trace.Item("TS", c.TEV_DATA_INT, 10),
    trace.Item("TU", c.TEV_DATA_INT, 20),
    trace.Item("TID", c.TEV_DATA_INT, 0x40001),
)
TEXT = st.text(st.characters(blacklist_characters='\0"', blacklist_categories=["Cs"]))
FILE_ITEMS = st.one_of(
    st.tuples(st.just(c.TEV_DATA_INT), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.just(c.TEV_DATA_INT | 0x80), st.lists(st.integers(-(2**31), 2**31 - 1))),
    st.tuples(st.just(c.TEV_DATA_DOUBLE), st.integers(-999, 999).map(float)),
    st.tuples(st.just(c.TEV_DATA_STRING), TEXT),
    st.tuples(st.just(c.TEV_DATA_STRING | 0x80), st.lists(TEXT)),
    st.tuples(st.just(c.TEV_DATA_BYTE), st.sampled_from('ax ,}"')),
)


@given(items=st.lists(FILE_ITEMS, max_size=5))
def test_what_is_written_to_a_file_is_read_from_it(
    tmp_path_factory: pytest.TempPathFactory, items: list[tuple[int, Any]]
) -> None:
    user = tuple(trace.Item(f"USR{i}", kind, value) for i, (kind, value) in enumerate(items))
    event = trace.Event("user_defined", "", HEAD + user)
    path = text_file(tmp_path_factory.getbasetemp(), event, event)
    assert list(trace.read(path)) == [event, event]


@pytest.mark.parametrize(
    "text", ["", "no trace", "/* */ ;;\nrubbish", '/* */ ;; "send(0.0)" { 1 };;']
)
def test_other_text_is_no_trace_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"expected|not a trace file"):
        list(trace.read(path))


def test_cut_file_is_refused(tmp_path: Path) -> None:
    text = TRACED.read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(text[: text.rindex(b"}") - 5])
    with pytest.raises(ValueError, match="line"):
        list(trace.read(path))


# ---- conversion -------------------------------------------------------------------------


def test_calls_become_bars_and_messages_become_arrows() -> None:
    events = list(trace.read(TRACED))
    entries = chrome.convert(events)["traceEvents"]
    calls = [e for e in events if e.half == "entry"]
    bars = [e for e in entries if e["ph"] == "X"]
    assert len(bars) == len(calls)
    assert all(bar["dur"] >= 0 for bar in bars)
    starts = {e["id"]: e for e in entries if e["ph"] == "s"}
    ends = {e["id"]: e for e in entries if e["ph"] == "f"}
    assert starts.keys() == ends.keys()
    assert [e["name"] for e in ends.values()] == ["tag 5", "tag 6", "tag 10"]
    assert all(starts[i]["ts"] <= ends[i]["ts"] for i in ends)


def convert(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "pvm3py", "trace", "convert", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd="/")


def test_command_writes_the_document(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    finished = convert(TRACED, "-o", out)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert json.loads(out.read_text()) == chrome.convert(trace.read(TRACED))


def test_command_says_what_is_wrong(tmp_path: Path) -> None:
    finished = convert(tmp_path / "nothing")
    assert finished.returncode == 1
    assert "No such file" in finished.stderr

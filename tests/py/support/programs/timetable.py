# SPDX-License-Identifier: MIT
"""A problem for Tablix: a school's timetable."""

from __future__ import annotations

CLASSES, TEACHERS, DAYS, PERIODS, ROOMS, LESSONS = 5, 5, 5, 5, 5, 4


def problem() -> str:
    """A school where every teacher gives each class some lessons a week."""

    def named(kind: str, count: int) -> str:
        names = "".join(f'<resource name="{kind[0]}{i}"/>' for i in range(count))
        return f'<resourcetype type="{kind}">{names}</resourcetype>'

    clash = "".join(
        '<module name="sametime" weight="60" mandatory="yes">'
        f'<option name="resourcetype">{kind}</option></module>'
        for kind in ("teacher", "class")
    )
    events = "".join(
        f'<event name="{t}-{k}" repeats="{LESSONS}">'
        f'<resource type="teacher" name="t{t}"/><resource type="class" name="c{k}"/></event>'
        for t in range(TEACHERS)
        for k in range(CLASSES)
    )
    return (
        '<?xml version="1.0" encoding="iso-8859-1"?><ttm version="0.2.0">'
        "<info><title>x</title><address>x</address><author>x</author></info>"
        f'<modules><module name="timeplace" weight="60" mandatory="yes"/>{clash}</modules>'
        f"<resources><constant>{named('teacher', TEACHERS)}{named('class', CLASSES)}</constant>"
        f'<variable>{named("room", ROOMS)}<resourcetype type="time">'
        f'<matrix width="{DAYS}" height="{PERIODS}"/></resourcetype></variable></resources>'
        f"<events>{events}</events></ttm>"
    )

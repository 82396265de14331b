# SPDX-License-Identifier: MIT
"""Lines of commands, cut into words.

White space separates words. Quotes of either kind group what is between them, as it is. Outside of
quotes `\\` takes the next character as it is, `$NAME` and `${NAME}` stand for an environment
variable, and `#` where a word would begin starts a comment. A variable that is not set stays as
it was written, since hosts have variables of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |'(?P<single>[^']*)' | "(?P<double>[^"]*)"
    |\\(?P<escaped>.)
    |\$(?P<brace>{)?(?P<name>[A-Za-z_]\w*)(?(brace)})
    |(?P<open>['"\\])
    |(?P<plain>[^\s'"\\$;\#]+|.)""",
    re.VERBOSE | re.DOTALL,
)


class UnmatchedQuote(ValueError):
    """A quote that nothing closes, or a `\\` before nothing; its argument is that character."""


def split(line: str, variables: Mapping[str, str]) -> list[str]:
    """Words of a line, without a comment. Raises UnmatchedQuote."""
    words: list[str] = []
    inside = False
    for token in _tokens(line):
        if token["space"] is not None:
            inside = False
            continue
        if not inside:
            words.append("")
            inside = True
        words[-1] += _value(token, variables)
    return words


def statements(text: str) -> Iterator[str]:
    """The commands of a text, which `;` and ends of lines separate. Raises UnmatchedQuote."""
    begin = 0
    for token in _tokens(text):
        end = token["plain"] == ";" or "\n" in (token["space"] or "")
        if end:
            yield text[begin : token.start()]
            begin = token.end()
    yield text[begin:]


def _tokens(text: str) -> Iterator[re.Match[str]]:
    """Pieces of a text, comments left out."""
    at, inside = 0, False
    while match := _TOKEN.match(text, at):
        at = match.end()
        if match["plain"] == "#" and not inside:
            line_end = text.find("\n", at)
            at = len(text) if line_end < 0 else line_end
            continue
        inside = match["space"] is None and match["plain"] != ";"
        yield match


def _value(token: re.Match[str], variables: Mapping[str, str]) -> str:
    """What a piece of a word stands for."""
    if token["open"]:
        raise UnmatchedQuote(token["open"])
    if token["name"]:
        return variables.get(token["name"], token[0])
    parts = (token["single"], token["double"], token["escaped"], token["plain"])
    return next(part for part in parts if part is not None)

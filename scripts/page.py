"""A page of documentation as a list of fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LANGUAGES = frozenset({"bash", "graphql", "js", "json", "mermaid", "python", "text", "toml", "yaml"})

_FENCE = re.compile(r"(?P<indent>\s*)(?P<marks>```+|~~~+)(?P<language>[^`]*)")
_DIRECTIVE = re.compile(r"\s*<!--\s*(?P<word>run|file|output)\s*(?::\s*(?P<rest>.*?)\s*)?-->\s*")


class PageError(Exception):
    """A page that cannot be read, or a block that does not do what it should."""


@dataclass(frozen=True)
class Directive:
    """`<!-- run: no, why -->`, `<!-- file: name -->` or `<!-- output -->` on the line before a block."""

    word: str = ""
    rest: str = ""


@dataclass(frozen=True)
class Block:
    """One fenced block. `line` is that of its first line of text, counted from 1."""

    language: str
    text: str
    line: int
    directive: Directive = Directive()


def blocks(name: str, text: str) -> Iterator[Block]:
    """The blocks of the page `name`.

    Raises:
        PageError: a fence without a language that is known or without an end; a directive that is not understood.
    """
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        fence = _FENCE.fullmatch(lines[number])
        if fence is None:
            number += 1
            continue
        end = _end(name, lines, number, fence["marks"])
        language = fence["language"].strip()
        if language not in LANGUAGES:
            known = ", ".join(sorted(LANGUAGES))
            raise PageError(
                f"{name}:{number + 1}: a block in {repr(language) if language else 'no language'}; there are {known}."
            )
        directive = _directive(name, lines, number - 1)
        inner = [line.removeprefix(fence["indent"]) for line in lines[number + 1 : end]]
        yield Block(language, "\n".join(inner) + "\n", number + 2, directive)
        number = end + 1


def _end(name: str, lines: list[str], start: int, marks: str) -> int:
    for number in range(start + 1, len(lines)):
        if lines[number].strip() == marks:
            return number
    raise PageError(f"{name}:{start + 1}: the block has no end.")


def _directive(name: str, lines: list[str], number: int) -> Directive:
    """That which stands before a block, a blank line between them or none."""
    while number >= 0 and not lines[number].strip():
        number -= 1
    found = _DIRECTIVE.fullmatch(lines[number]) if number >= 0 else None
    if found is None:
        if number >= 0 and re.match(r"\s*<!--\s*(run|file|output)\b", lines[number]):
            raise PageError(f"{name}:{number + 1}: {lines[number].strip()} is not understood.")
        return Directive()
    word, rest = found["word"], found["rest"] or ""
    if word == "run":
        answer, comma, reason = rest.partition(",")
        if answer.strip() != "no" or not comma or len(reason.strip()) < 8:
            raise PageError(f"{name}:{number + 1}: write <!-- run: no, and the reason why -->.")
    elif word == "file" and not re.fullmatch(r"[\w][\w.-]*", rest):
        raise PageError(f"{name}:{number + 1}: {rest!r} is no plain file name.")
    return Directive(word, rest)

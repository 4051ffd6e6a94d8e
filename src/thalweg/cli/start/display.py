"""Showing how a start comes along: a panel on a terminal, plain lines anywhere else, JSON for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from time import monotonic
from typing import Protocol

from thalweg.cli.output import print_json
from thalweg.cli.start.board import Board, location, phase_in_words
from thalweg.orchestration.member import News, Phase


class Display(Protocol):
    """What `serve` tells whoever watches. `tell` is called on another thread than the rest."""

    def tell(self, news: News) -> None: ...

    def ready(self, addresses: Sequence[str]) -> None: ...

    def close(self) -> None:
        """Nothing more is shown; the terminal is as it was."""
        ...


class PlainLines:
    """One line for each change of phase, and for each tenth of a start that tells how far it is: for logs, pipes and
    terminals that cannot move the cursor."""

    def __init__(self, board: Board) -> None:
        self._began = monotonic()
        self._board = board
        self._told: dict[str, tuple[str, int]] = {}
        """What was said last of each start: its message, and the tenths."""

    def tell(self, news: News) -> None:
        self._board.tell(news)
        title = self._board.row(news.name).title(news)
        if news.phase is Phase.LAUNCHED or not self._is_new(title, news):
            return
        done = "" if news.done is None else f" {news.done:.0%}"
        reason = f": {news.message}{done}" if news.message else ""
        _print(f"{title}: {phase_in_words(news.phase)}{reason}")

    def _is_new(self, title: str, news: News) -> bool:
        if news.phase is not Phase.STARTING or not news.message:
            return True
        said = (news.message, int((news.done or 0.0) * 10))
        if self._told.get(title) == said:
            return False
        self._told[title] = said
        return True

    def ready(self, addresses: Sequence[str]) -> None:
        for address in addresses:
            _print(f"listening: {location(address)}")
        _print(f"ready after {monotonic() - self._began:.2f} s; Ctrl-C stops")

    def close(self) -> None:
        _print("stopped")


class JsonLines:
    """An object on each line, with what it tells of in `event`: `process`, `ready` or `stopped`."""

    def __init__(self, board: Board) -> None:
        self._began = monotonic()
        self._board = board

    def tell(self, news: News) -> None:
        self._board.tell(news)
        told = {"event": "process", "process": self._board.row(news.name).title(news), "phase": news.phase.value}
        more = {"message": news.message or None, "done": news.done}
        print_json({**told, **{name: value for name, value in more.items() if value is not None}})

    def ready(self, addresses: Sequence[str]) -> None:
        seconds = round(monotonic() - self._began, 3)
        print_json({"event": "ready", "addresses": list(addresses), "seconds": seconds})

    def close(self) -> None:
        print_json({"event": "stopped"})


def _print(line: str) -> None:
    print(line, flush=True)


def display(board: Board, title: str, as_json: bool = False) -> Display:
    """The one that standard output can show, or JSON."""
    if as_json:
        return JsonLines(board)
    if sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb"):
        from thalweg.cli.start.panel import Panel

        return Panel(board, title)
    return PlainLines(board)

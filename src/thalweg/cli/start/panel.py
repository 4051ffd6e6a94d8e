"""The start of a Flow or a Deployment, drawn on a terminal and redrawn with each news."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel as Frame
from rich.table import Table
from rich.text import Text

from thalweg.cli.start.board import Board, Row, location, phase_in_words
from thalweg.orchestration.member import News, Phase

BAR = 12
"""Characters that show how far a start is."""


class Panel:
    """Redraws itself until everything is ready; later news are lines below it, so that what user code prints stays
    readable."""

    def __init__(self, board: Board, title: str) -> None:
        self._board = board
        self._title = title
        self._began = monotonic()
        self._addresses: Sequence[str] = ()
        self._took: float | None = None
        self._console = Console(highlight=False)
        self._live = Live(self._frame(), console=self._console, auto_refresh=False, redirect_stderr=False)
        self._live.start(refresh=True)

    def tell(self, news: News) -> None:
        self._board.tell(news)
        if self._took is None:
            self._live.update(self._frame(), refresh=True)
        elif news.phase in (Phase.WAITING, Phase.READY):
            title = self._board.row(news.name).title(news)
            self._console.print(f"{title}: {phase_in_words(news.phase)} {news.message}".rstrip(), markup=False)

    def ready(self, addresses: Sequence[str]) -> None:
        self._took = monotonic() - self._began
        self._addresses = addresses
        self._live.update(self._frame(), refresh=True)
        self._live.stop()

    def close(self) -> None:
        self._live.stop()

    def _frame(self) -> Frame:
        table = Table.grid(padding=(0, 3))
        for wraps in (False, False, True, False):
            table.add_column(no_wrap=not wraps)
        for row in self._board.rows:
            table.add_row(Text(row.name, "bold"), Text(row.code), Text(_reads(row), "dim"), _state(row))
        parts: list[Table | Text] = [table]
        if self._took is not None:
            parts += [Text(), *(Text(location(address), "cyan") for address in self._addresses)]
            parts += [Text(), Text(f"ready after {self._took:.2f} s; Ctrl-C stops", "dim")]
        return Frame(Group(*parts), title=Text(self._title), title_align="left", expand=False)


def _reads(row: Row) -> str:
    return f"reads {', '.join(row.reads)}" if row.reads else ""


def _state(row: Row) -> Text:
    many = f" x {len(row.steps)}" if len(row.steps) > 1 and " of " not in row.state else ""
    state = Text(f"{row.state}{many}", "green" if row.ready else "yellow")
    progress = row.progress
    if progress is not None and not row.ready:
        state.append(f"  {progress.message}", "dim")
        if progress.done is not None:
            full = round(progress.done * BAR)
            state.append(f"  {'━' * full}", "cyan").append("━" * (BAR - full), "dim").append(f" {progress.done:.0%}")
    return state

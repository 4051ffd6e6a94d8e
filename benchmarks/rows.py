"""The rows of the table: what is measured, in which unit, and what is to be reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Row:
    """One kind of work. A goal is a bound on Thalweg's figure divided by the peer's."""

    key: str
    title: str
    unit: str
    better: Literal["more", "less"]
    goals: Mapping[str, float] = field(default_factory=dict)
    digits: int = 0

    def reached(self, peer: str, ratio: float) -> bool | None:
        """Whether `ratio` is good enough against `peer`; None where nothing was asked for."""
        goal = self.goals.get(peer)
        if goal is None:
            return None
        return ratio >= goal if self.better == "more" else ratio <= goal

    def goal(self, peer: str) -> str:
        goal = self.goals.get(peer)
        return "" if goal is None else f"{'>=' if self.better == 'more' else '<='} {goal:g}"


ROWS = (
    Row(
        "one-32",
        "HTTP JSON, one typed document, one Executor behind a gateway, 32 connections",
        "requests/s",
        "more",
        {"mosec": 1.3, "jina": 15},
    ),
    Row("one-1", "the same, 1 connection", "requests/s", "more", {"mosec": 1.0, "jina": 8}),
    Row(
        "two-32", "HTTP JSON through two Executors in two processes, 32 connections", "requests/s", "more", {"jina": 15}
    ),
    Row("alone-32", "HTTP JSON, one Executor served alone, 32 connections", "requests/s", "more", {"fastapi": 1.3}),
    Row(
        "grpc-documents",
        "gRPC, Python client, 1 document a request, two Executors",
        "documents/s",
        "more",
        {"jina": 10},
    ),
    Row(
        "grpc-vectors",
        "gRPC, Python client, 100 documents with NdArray[384] a request, two Executors",
        "documents/s",
        "more",
        {"jina": 30},
    ),
    Row("start", "Flow of two Executors, from `with` to ready", "s", "less", {"jina": 0.4}, digits=3),
    Row("start-http", "the same with an HTTP gateway", "s", "less", digits=3),
    Row("import", "`import thalweg` against `import jina`", "s", "less", {"jina": 0.2}, digits=3),
    Row("import-names", "`from ... import Client, Executor, Flow`", "s", "less", digits=3),
    Row(
        "import-documents",
        "`from thalweg.docs import BaseDoc` against `from docarray import BaseDoc`",
        "s",
        "less",
        digits=3,
    ),
    Row("memory", "resident memory of an idle worker", "MB", "less", {"jina": 0.6}, digits=1),
    Row("memory-share", "the same, pages it shares counted by share (PSS)", "MB", "less", digits=1),
    Row("memory-own", "the same, only pages of its own (USS)", "MB", "less", digits=1),
    Row("memory-all", "all processes of a Flow of one Executor together (PSS)", "MB", "less", digits=1),
)
BY_KEY = {row.key: row for row in ROWS}

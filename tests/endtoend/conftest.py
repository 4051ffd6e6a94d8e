from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.endtoend.scripts import Script


@pytest.fixture(scope="session", autouse=True)
def _warm(warm: None) -> None:
    """Nearly every test of this folder starts processes."""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Script]]:
    """Run a script from a file, without a main guard; or with other arguments."""
    scripts: list[Script] = []

    def run(text: str = "", *, arguments: list[str] | None = None, stdin: str | None = None) -> Script:
        if arguments is None and stdin is None:
            path = tmp_path / "script.py"
            path.write_text(textwrap.dedent(text))
            arguments = [str(path)]
        given = None if stdin is None else textwrap.dedent(stdin).encode()
        scripts.append(Script(arguments or [], tmp_path, given))
        return scripts[-1]

    yield run
    for script in scripts:
        script.close()

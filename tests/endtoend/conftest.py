from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.endtoend.scripts import Script
from thalweg.client.portal import Portal
from thalweg.orchestration.directory import Directory
from thalweg.orchestration.launchers.forkserver import ForkServer


@pytest.fixture(scope="session", autouse=True)
def warm() -> Iterator[None]:
    """One fork server for all tests of this folder: without a Flow that runs it would end, and start with the next."""
    portal, server, directory = Portal.shared(), ForkServer.shared(), Directory()

    async def keep() -> None:
        server.keep(directory.path)

    portal.run(keep())
    yield
    portal.run(server.forget(directory.path))
    directory.close()


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

"""Do what a page of documentation says, block by block, in this process and its working directory.

    python -m scripts.documentation README.md
    python -m scripts.documentation --listen    for many pages; see `listen`

Python blocks share one `__main__`, as in a notebook. Of shell blocks, `thalweg serve` runs until the page ends, other
`thalweg` commands and `curl` are run to their end, and the rest (`make`, `pip`) is checked without being run. YAML that
describes a Flow or a Deployment is loaded. The ports that documentation uses become free ones.

A comment on the line before a block changes that:

    <!-- file: encoder.py -->          write the block there instead of running it
    <!-- output -->                    the block is what the one before it printed; the values of `id` may differ
    <!-- run: no, needs a GPU -->      leave it alone, for a reason
"""

from __future__ import annotations

import importlib
import io
import json
import linecache
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
import traceback
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from scripts.page import Block, PageError, blocks
from scripts.ports import vacant_port

if TYPE_CHECKING:
    from thalweg.orchestration.directory import Directory

ROOT = Path(__file__).resolve().parent.parent
PORTS = re.compile(r"\b(8080|8081|50051|50052)\b")
STARTS = re.compile(r"\b(Flow|Deployment)\(")
START_SECONDS = 60
STOP_SECONDS = 30
WARM = (
    "thalweg.docs.index",
    "thalweg.docs.typing",
    "thalweg.orchestration.deployment",
    "thalweg.orchestration.flow",
    "thalweg.cli.main",
)
"""What is loaded before pages are performed one after the other."""


class Session:
    """What the blocks of one page have made so far. `close` ends the servers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.printed = ""
        self._main = ModuleType("__main__")
        self._ports: dict[str, str] = {}
        self._servers: list[tuple[str, subprocess.Popen[str]]] = []
        self._kept: Directory | None = None
        sys.modules["__main__"] = self._main

    def take(self, block: Block) -> None:
        """Do what `block` asks for. Raises `PageError` where it does not come out."""
        text = PORTS.sub(self._port, block.text)
        if block.directive.word == "run":
            return
        if block.directive.word == "file":
            Path(block.directive.rest).write_text(text, "utf-8")
        elif block.directive.word == "output":
            self._compare(block, text)
        elif block.language == "python":
            self._python(block, text)
        elif block.language == "bash":
            self._shell(block, text)
        elif block.language == "yaml":
            self._yaml(block, text)
        elif block.language == "json":
            self._json(block, text)

    def close(self) -> None:
        """Stop the servers as a user would, and see that they end well."""
        for _, server in self._servers:
            server.send_signal(signal.SIGINT)
        for command, server in self._servers:
            output, _ = server.communicate(timeout=STOP_SECONDS)
            if server.returncode:
                raise PageError(f"{self.name}: {command} ended with {server.returncode}:\n{output}")
        if self._kept is not None:
            self._kept.close()

    def _keep(self) -> None:
        """Keep one fork server for all that the page starts: each would start its own, which takes longer than most of
        them. It ends with this process."""
        from thalweg.client.portal import Portal
        from thalweg.orchestration.directory import Directory
        from thalweg.orchestration.launchers.forkserver import ForkServer

        self._kept = directory = Directory()

        async def keep() -> None:
            ForkServer.shared().keep(directory.path)

        Portal.shared().run(keep())

    def _port(self, found: re.Match[str]) -> str:
        if found[0] not in self._ports:
            self._ports[found[0]] = str(vacant_port())
        return self._ports[found[0]]

    def _python(self, block: Block, text: str) -> None:
        file = f"{self.name}:{block.line}"
        padded = "\n" * (block.line - 1) + text
        linecache.cache[file] = (len(padded), None, padded.splitlines(keepends=True), file)
        printed = io.StringIO()
        if self._kept is None and STARTS.search(text):
            self._keep()
        try:
            with redirect_stdout(printed):
                exec(compile(padded, file, "exec"), vars(self._main))
        except BaseException as error:
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
            raise PageError(f"{file}:\n{printed.getvalue()}{''.join(traceback.format_exception(error))}") from None
        self.printed = printed.getvalue()

    def _yaml(self, block: Block, text: str) -> None:
        from thalweg.config.load import load_options

        if re.search(r"^(jtype: (Flow|Deployment)\b|executors:)", text, re.MULTILINE):
            try:
                load_options(text)
            except Exception as error:
                raise PageError(f"{self.name}:{block.line}: {error}") from error

    def _json(self, block: Block, text: str) -> None:
        try:
            json.loads(text)
        except ValueError as error:
            raise PageError(f"{self.name}:{block.line}: {error}") from error

    def _compare(self, block: Block, text: str) -> None:
        expected, given = text.strip(), self.printed.strip()
        if block.language == "json":
            same = _without_ids(json.loads(expected)) == _without_ids(json.loads(given))
        else:
            same = [line.rstrip() for line in expected.splitlines()] == [line.rstrip() for line in given.splitlines()]
        if not same:
            raise PageError(f"{self.name}:{block.line}: the block before it printed something else:\n{given}")

    def _shell(self, block: Block, text: str) -> None:
        self.printed = ""
        for number, command in _commands(text):
            try:
                self._command(shlex.split(command, comments=True))
            except PageError as error:
                raise PageError(f"{self.name}:{block.line + number}: {command}\n{error}") from None

    def _command(self, words: list[str]) -> None:
        if words[:2] == ["thalweg", "serve"]:
            self._serve(words)
        elif words[0] == "thalweg" or (words[0] == "curl" and shutil.which("curl")):
            self._run(words)
        elif words[0] == "make":
            _check_make(words)
        elif words[0] == "pip":
            _check_pip(words)
        elif words[0] not in ("cd", "curl", "git"):
            raise PageError(f"Nobody knows how to check '{words[0]}'; say <!-- run: no, why --> before the block.")

    def _run(self, words: list[str]) -> None:
        command = (
            [sys.executable, "-m", *words]
            if words[0] == "thalweg"
            else [*words, "--silent", "--show-error", "--fail-with-body"]
        )
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, check=False)
        if done.returncode:
            raise PageError(f"It ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        self.printed += done.stdout

    def _serve(self, words: list[str]) -> None:
        _check_thalweg(words)
        server = subprocess.Popen(
            [sys.executable, "-u", "-m", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert server.stdout is not None
        seen = []
        for line in server.stdout:
            seen.append(line)
            if line.startswith("ready"):
                self._servers.append((shlex.join(words), server))
                return
        server.wait(STOP_SECONDS)
        raise PageError(f"It did not start:\n{''.join(seen)}")


def _commands(text: str) -> Iterator[tuple[int, str]]:
    """Each command of a shell block, with how many lines stand before it. Quotes and backslashes carry over lines."""
    command, start = "", 0
    for number, line in enumerate(text.splitlines()):
        start = start if command else number
        command += line
        if command.endswith("\\"):
            command = command[:-1]
            continue
        try:
            words = shlex.split(command, comments=True)
        except ValueError:
            command += "\n"
            continue
        if words:
            yield start, command.strip()
        command = ""
    if command:
        raise PageError(f"The shell block ends inside of: {command}")


def _check_thalweg(words: list[str]) -> None:
    from thalweg.cli.main import main

    try:
        command = main.get_command(click.Context(main), words[1])
        if command is None:
            raise PageError(f"There is no command {words[1]!r}.")
        command.make_context(words[1], list(words[2:]))
    except click.ClickException as error:
        raise PageError(error.format_message()) from error


def _check_make(words: list[str]) -> None:
    targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    known = {target for line in targets for target in line.split()}
    for word in words[1:]:
        if "=" not in word and not word.startswith("-") and word not in known:
            raise PageError(f"The Makefile has no target {word!r}.")


def _check_pip(words: list[str]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for word in words:
        for extra in re.findall(r"\[(.*?)\]", word):
            if extra not in extras:
                raise PageError(f"There is no extra {extra!r}.")


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "" if key == "id" else _without_ids(item) for key, item in value.items()}
    return [_without_ids(item) for item in value] if isinstance(value, list) else value


def perform(path: Path, name: str) -> None:
    """Do what the page at `path` says; `name` is how messages call it. Raises `PageError` at the first failure."""
    session = Session(name)
    try:
        for block in blocks(name, path.read_text("utf-8")):
            session.take(block)
    finally:
        session.close()


def perform_or_exit(page: Path) -> None:
    sys.path.insert(0, os.getcwd())
    try:
        perform(page, os.path.relpath(page, ROOT) if page.is_relative_to(ROOT) else page.name)
    except PageError as error:
        sys.exit(str(error))


def listen() -> None:
    """Fork for each page, with what nearly all of them import loaded: that takes longer than many a page.

    In comes a line of JSON, `[page, folder, file]`; once the page is done, its exit code goes out. What it has to say is
    then in the file.
    """
    for name in WARM:
        importlib.import_module(name)
    for line in sys.stdin:
        page, folder, file = json.loads(line)
        child = os.fork()
        if not child:
            _become(folder, file)
            perform_or_exit(Path(page))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(folder: str, file: str) -> None:
    """A process as if it had been started in `folder`, with nothing to read, whose errors go to `file`."""
    os.chdir(folder)
    with open(os.devnull, "r+b") as nothing, open(file, "wb") as errors:
        for own, other in ((0, nothing), (1, nothing), (2, errors)):
            os.dup2(other.fileno(), own)
    sys.stdin = open(0)  # noqa: SIM115 - open as long as the process


if __name__ == "__main__":
    if sys.argv[1:] == ["--listen"]:
        listen()
    else:
        perform_or_exit(Path(sys.argv[1]).resolve())

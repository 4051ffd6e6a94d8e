"""`thalweg version`: of Thalweg, and of what it stands on."""

from __future__ import annotations

import os
import platform

import click

from thalweg.cli.output import json_option, print_json

COMPONENTS = (
    "pydantic",
    "numpy",
    "msgspec",
    "orjson",
    "grpcio",
    "protobuf",
    "uvloop",
    "httptools",
    "aiohttp",
    "websockets",
    "uvicorn",
    "PyYAML",
    "click",
    "rich",
    "pyarrow",
    "torch",
    "opentelemetry-api",
)
"""Packages whose version a report of a defect should name, those of extras too."""
SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD")


def versions() -> dict[str, str]:
    """Name -> version, Thalweg first; `-` for what is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    import thalweg

    told = {"thalweg": thalweg.__version__, "python": platform.python_version(), "platform": platform.platform()}
    for name in COMPONENTS:
        try:
            told[name] = version(name)
        except PackageNotFoundError:
            told[name] = "-"
    return told


def variables() -> dict[str, str]:
    """The variables of the environment that Thalweg may read, without what they hide."""
    found = {name: value for name, value in sorted(os.environ.items()) if name.startswith(("THALWEG_", "JINA_"))}
    return {name: "***" if any(word in name for word in SECRET) else value for name, value in found.items()}


@click.command("version")
@json_option
def version_command(as_json: bool) -> None:
    """Tell the versions of Thalweg and of what it stands on, and the variables that change it."""
    told, found = versions(), variables()
    if as_json:
        print_json({"versions": told, "environment": found})
        return
    click.echo("\n".join(f"{name} {value}" for name, value in told.items()))
    if found:
        click.echo("\n" + "\n".join(f"{name}={value}" for name, value in found.items()))

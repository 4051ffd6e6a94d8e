"""Install into an environment: by uv, which takes a quarter of pip's time, and by pip where uv cannot.

    .venv/bin/python -m scripts.install .venv/bin/python --constraint constraints.txt --editable '.[test]'

The first argument is the Python to install for; the rest is what `uv pip install` and `pip install` both understand. uv
itself is installed for the Python that runs this. It does not read what pip is configured with, such as another index, so
it is told; where pip has an option that is not known here, pip it is.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping

FOR_UV = {
    "cert": "SSL_CERT_FILE",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "index-url": "UV_DEFAULT_INDEX",
    "timeout": "UV_HTTP_TIMEOUT",
    "trusted-host": "UV_INSECURE_HOST",
}
"""Options of pip, and the environment variables that tell uv the same."""
BESIDE_THE_POINT = {
    "break-system-packages",
    "cache-dir",
    "disable-pip-version-check",
    "no-cache-dir",
    "no-color",
    "no-input",
    "no-warn-script-location",
    "prefer-binary",
    "progress-bar",
    "quiet",
    "require-virtualenv",
    "retries",
    "root-user-action",
    "verbose",
}
"""What changes nothing of what is installed."""
SECTIONS = ("global", "install", ":env:")
"""Where pip is configured for installing; later ones come first."""


class Unknown(Exception):
    """An option of pip that uv cannot be told."""


def environment(configuration: Iterable[str]) -> dict[str, str]:
    """The variables that tell uv what `pip config list` printed.

    Raises:
        Unknown: something of it cannot be told.
    """
    options: dict[str, str] = {}
    lines = [line.partition("=") for line in configuration if "=" in line]
    for section in SECTIONS:
        for key, _, value in lines:
            name = key.removeprefix(f"{section}.")
            if name != key:
                options[name] = str(ast.literal_eval(value))
    told = {}
    for name, value in options.items():
        if name in FOR_UV:
            several = "," if name == "find-links" else " "
            told[FOR_UV[name]] = several.join(value.split())
        elif name not in BESIDE_THE_POINT:
            raise Unknown(name)
    return told


def run(command: list[str], variables: Mapping[str, str] | None = None) -> bool:
    return subprocess.run(command, env={**(variables or {}), **os.environ}, check=False).returncode == 0


def by_uv(python: str, arguments: list[str]) -> bool:
    """Whether everything is installed now."""
    pip = [sys.executable, "-m", "pip"]
    shown = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False).stdout
    try:
        variables = environment(shown.splitlines())
    except Unknown as option:
        print(f"uv cannot be told pip's {option}.")
        return False
    if not run([*pip, "install", "--quiet", "uv"]):
        return False
    # As pip does: of all indexes the newest release, and not whatever the first one has.
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--index-strategy", "unsafe-best-match"]
    return run([*uv, "--python", python, *arguments], variables)


def main(python: str, *arguments: str) -> int:
    if by_uv(python, list(arguments)):
        return 0
    print("uv could not install it; pip does, and takes longer.")
    return 0 if run([python, "-m", "pip", "install", "--quiet", "--no-compile", *arguments]) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

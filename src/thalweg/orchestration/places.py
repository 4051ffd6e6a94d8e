"""Where the processes of an Executor run: beside the others, in containers, or in an environment of their own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from thalweg.config.containers import ContainerOptions, bind, image_of
from thalweg.config.workers import WorkerOptions
from thalweg.errors import ConfigurationError
from thalweg.executor.loading import PLACEHOLDER, YAML_SUFFIXES, Reference, check_reference, reference
from thalweg.executor.source import executor_class
from thalweg.service.contents import Present
from thalweg.service.control import WorkerSpec
from thalweg.service.foreign import foreign_content
from thalweg.service.placement import ContainerPlace, EnvironmentPlace

REQUIREMENTS = "requirements.txt"
CODE = ("uses", "uses_before", "uses_after")
"""Options that name an Executor."""
WORKSPACE = "/workspace"
"""Where the folder for an Executor's files is in its container."""


NOT_INLINE = (
    "env",
    "devices",
    "max_requests",
    "memory_limit",
    "install_requirements",
    "requirements",
    "reload",
    "autoscale",
)
"""Options that say something of a process."""


def referred(uses: Any, options: WorkerOptions) -> Reference | Present:
    """As `reference`; an image brings its Executor itself, and one that runs in this process is here.

    Raises:
        ConfigurationError: as `reference`, and where there is no such file or module.
    """
    if options.placement == "inline" and callable(uses):
        return Present(uses, f"uses={uses!r}")
    if image_of(uses) is not None:
        return Reference("nothing")
    found = reference(uses, options)
    # what is installed for it alone, or lies where its environment says, is not here
    own = options.install_requirements or options.requirements or "PYTHONPATH" in options.env
    check_reference(found, elsewhere=bool(own))
    return found


def check_code(options: WorkerOptions) -> None:
    """Check what is to be an Executor: `uses`, and what stands before and after the shards. Does not look for what is named.

    Raises:
        ConfigurationError: an object is none, or a text can name none; says what was given, and what is accepted.
    """
    for option in CODE:
        uses = getattr(options, option)
        if isinstance(uses, str):
            if image_of(uses) is None and PLACEHOLDER not in uses:
                reference(uses, options)
        elif uses is not None and not isinstance(uses, (Path, Mapping)):
            executor_class(uses, f"{option}={uses!r}")


def check_named_code(options: WorkerOptions) -> None:
    """Check that Executors which are named are there, as far as that is known without importing anything. Raises as
    `referred` does."""
    for option in CODE:
        uses = getattr(options, option)
        if isinstance(uses, (str, Path, Mapping)):
            referred(uses, options)


def placed(spec: WorkerSpec, options: WorkerOptions, variables: Mapping[str, str]) -> WorkerSpec:
    """`spec` of a worker, for the place that its options name. `variables` are those of its environment alone.

    Raises:
        ConfigurationError: they name none that there could be, or do not go together.
    """
    image = image_of(options.uses)
    if options.placement == "inline":
        if image is not None:
            raise ConfigurationError(
                f"placement: {options.uses!r} runs in a container, and cannot run in this process."
            )
        _only_of_use(options, NOT_INLINE, "for processes; with placement='inline' it runs in this one")
    if image is None:
        _only_of_use(options, ContainerOptions.model_fields.keys(), "with uses='docker://image' only")
        lines, files = _requirements(options)
        return replace(spec, place=EnvironmentPlace(lines, files)) if lines or files else spec
    _only_of_use(
        options,
        {"install_requirements", "requirements", "py_modules"},
        "not for an image, which has its code and its libraries in it",
    )
    volumes = [bind(volume, Path.cwd()) for volume in options.volumes]
    if options.workspace is not None and not options.disable_auto_volume:
        folder = Path(options.workspace).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        volumes.append(bind(f"{folder}:{WORKSPACE}", Path.cwd()))
        options = options.model_copy(update={"workspace": WORKSPACE})
    place = ContainerPlace(
        image,
        volumes,
        options.gpus,
        list(options.entrypoint),
        list(options.networks),
        options.pull,
        options.user,
        dict(options.docker_kwargs),
        dict(variables),
    )
    return replace(spec, place=place, foreign=True, content=foreign_content(options))


def _only_of_use(options: WorkerOptions, names: Any, when: str) -> None:
    given = [name for name in names if getattr(options, name) != WorkerOptions.model_fields[name].default]
    if given:
        whose = f"Executor {options.name!r}: " if options.name else ""
        raise ConfigurationError(f"{whose}{', '.join(sorted(given))}: of use {when}.")


def _requirements(options: WorkerOptions) -> tuple[list[str], list[str]]:
    """The lines and the files that say what its environment holds; nothing of both where it has none of its own."""
    if not options.install_requirements:
        return list(options.requirements), []
    looked = []
    for folder in dict.fromkeys(_folders(options)):
        file = folder / REQUIREMENTS
        if file.is_file():
            return list(options.requirements), [str(file)]
        looked.append(str(folder))
    raise ConfigurationError(
        f"install_requirements: there is no {REQUIREMENTS} beside {options.uses!r}; it was looked for in "
        f"{', '.join(looked) or 'no folder at all'}. Write one, or name them by requirements=[...]."
    )


def _folders(options: WorkerOptions) -> Iterator[Path]:
    """Where an Executor's files are, nearest first. Imports nothing."""
    uses = options.uses
    if isinstance(uses, (str, Path)):
        text = str(uses)
        where = text.rpartition(":")[0] if ":" in text else text.rpartition(".")[0]
        if text.endswith(YAML_SUFFIXES) and "\n" not in text:
            yield Path(text).expanduser().resolve().parent
        elif where.endswith(".py"):
            yield Path(where).expanduser().resolve().parent
        elif where and all(part.isidentifier() for part in where.split(".")):
            yield from _folders_of_module(where)
    elif callable(uses):
        file = getattr(sys.modules.get(uses.__module__), "__file__", None)
        if file:
            yield Path(file).resolve().parent
    for module in options.py_modules:
        if module.endswith(".py"):
            yield Path(module).expanduser().resolve().parent


def _folders_of_module(name: str) -> Iterator[Path]:
    """The folders from that of a module up to the one in which its package is."""
    top, *inner = name.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).resolve().parent
    if spec.submodule_search_locations is None:
        yield folder
        return
    nested = folder.joinpath(*inner)
    yield from (nested if nested.is_dir() else nested.parent, folder, folder.parent)

"""What `uses` means in Jina, as options of Thalweg."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from thalweg.compat.excepts import BadConfigSource
from thalweg.compat.yamls import YamlFile, is_yaml, read_yaml
from thalweg.config.objects import file_module, imported_module
from thalweg.executor import Executor

PASSTHROUGH = ("BaseExecutor", "Executor", "thalweg.compat.executor.JinaExecutor")
GONE = ("jinahub", "jinaai")


def source_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` with the YAML that its `uses` means laid out: the class, and what the YAML says under what is given beside.

    Raises:
        BadConfigSource: it is found nowhere.
    """
    uses, rest = given.get("uses"), {name: value for name, value in given.items() if name != "uses"}
    if uses is None or uses in PASSTHROUGH:
        return rest
    if isinstance(uses, str) and uses.partition("://")[0].partition("+")[0] in GONE:
        raise BadConfigSource(f"uses={uses!r}: Jina's hub is gone; name the class, a YAML file or a Python file.")
    if not is_yaml(uses):
        return {**rest, "uses": _named(uses, rest.get("py_modules"), Path.cwd())}
    described = read_yaml(uses, context=rest.pop("context", None))
    return _laid_out(described, rest)


def _laid_out(described: YamlFile, given: dict[str, Any]) -> dict[str, Any]:
    data, folder = described
    metas = dict(data.get("metas") or {})
    modules = [*_several(data.get("py_modules")), *_several(metas.pop("py_modules", None))]
    jtype = data.get("jtype") or data.get("uses")
    laid: dict[str, Any] = {
        "uses": _named(jtype, modules, folder) if jtype not in (None, *PASSTHROUGH) else None,
        "uses_with": {**(data.get("with") or {}), **(given.get("uses_with") or {})},
        "uses_metas": {**metas, **(given.get("uses_metas") or {})},
        "uses_requests": {**(data.get("requests") or {}), **(given.get("uses_requests") or {})},
        "uses_dynamic_batching": {
            **(data.get("dynamic_batching") or data.get("uses_dynamic_batching") or {}),
            **(given.get("uses_dynamic_batching") or {}),
        },
        "workspace": given.get("workspace") or data.get("workspace"),
    }
    return {**given, **{name: value for name, value in laid.items() if value}}


def _named(uses: Any, modules: Any, folder: Path) -> Any:
    """The class that is meant: a name is looked for in the modules, then among the Executors that are defined here."""
    if not isinstance(uses, str):
        return uses
    for module in _several(modules):
        path = folder / Path(module).expanduser()
        loaded = file_module(path) if path.suffix == ".py" else imported_module(module, module)
        if hasattr(loaded, uses):
            return getattr(loaded, uses)
    if "." in uses or ":" in uses:
        return uses
    found = next((cls for cls in _descendants(Executor) if cls.__name__ == uses), None)
    if found is None:
        raise BadConfigSource(
            f"uses={uses!r}: no Executor of that name is defined. Import its module, or name it in py_modules."
        )
    return found


def _descendants(cls: type[Executor]) -> Iterator[type[Executor]]:
    """The latest definition of a name first, as a notebook's cells would have it."""
    for child in reversed(cls.__subclasses__()):
        yield child
        yield from _descendants(child)


def _several(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def executor_of(source: Any, *, context: Mapping[str, Any] | None = None, **given: Any) -> Executor:
    """An Executor that is made here, of its YAML. Raises what `source_arguments` raises."""
    laid = source_arguments({**given, "uses": source, **({"context": context} if context else {})})
    cls = laid["uses"]
    return cls(  # type: ignore[no-any-return]
        **laid.get("uses_with", {}),
        metas=laid.get("uses_metas", {}),
        requests=laid.get("uses_requests", {}),
        workspace=laid.get("workspace"),
    )

"""What `uses` means in Jina, as options of Thalweg."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from thalweg.compat.excepts import BadConfigSource
from thalweg.compat.yamls import YamlFile, is_yaml, read_yaml
from thalweg.config.description import write_values
from thalweg.config.objects import file_module, imported_module, named_file
from thalweg.executor import Executor
from thalweg.executor.executor import INJECTED
from thalweg.executor.loading import reference

PASSTHROUGH = ("BaseExecutor", "Executor", "thalweg.compat.executor.JinaExecutor")
GONE = ("jinahub", "jinaai")
READ_HERE = ("uses", "allow_py_modules")


def source_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` with the YAML that its `uses` means laid out: the class, and what the YAML says under what is given beside.

    `allow_py_modules=False` among it means that nothing may be imported for it.

    Raises:
        BadConfigSource: it is found nowhere, or only by an import that is not allowed.
    """
    uses, rest = given.get("uses"), {name: value for name, value in given.items() if name not in READ_HERE}
    imports = bool(given.get("allow_py_modules", True))
    if uses is None or uses in PASSTHROUGH:
        return rest
    if isinstance(uses, str) and uses.partition("://")[0].partition("+")[0] in GONE:
        raise BadConfigSource(f"uses={uses!r}: Jina's hub is gone; name the class, a YAML file or a Python file.")
    if not is_yaml(uses):
        return {**rest, "uses": _named(uses, rest.get("py_modules"), Path.cwd(), imports)}
    described = read_yaml(uses, context=rest.pop("context", None))
    return _laid_out(described, rest, imports)


def _laid_out(described: YamlFile, given: dict[str, Any], imports: bool) -> dict[str, Any]:
    data, folder = described
    metas = dict(data.get("metas") or {})
    modules = [*_several(data.get("py_modules")), *_several(metas.pop("py_modules", None))]
    jtype = data.get("jtype") or data.get("uses")
    laid: dict[str, Any] = {
        "uses": _named(jtype, modules, folder, imports) if jtype not in (None, *PASSTHROUGH) else None,
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


def _named(uses: Any, modules: Any, folder: Path, imports: bool) -> Any:
    """The class that is meant: a name is looked for in the modules, then among the Executors that are defined here."""
    if not isinstance(uses, str):
        return uses
    for module in _several(modules) if imports else ():
        path = folder / Path(module).expanduser()
        loaded = file_module(path) if path.suffix == ".py" else imported_module(module, module)
        if hasattr(loaded, uses):
            return getattr(loaded, uses)
    qualified = "." in uses or ":" in uses
    if imports and qualified:
        return uses
    found = next((cls for cls in _descendants(Executor) if uses in _names(cls, qualified)), None)
    if found is None and not imports:
        raise BadConfigSource(f"uses={uses!r}: it is not imported, and allow_py_modules=False says not to.")
    if found is None:
        raise BadConfigSource(
            f"uses={uses!r}: no Executor of that name is defined. Import its module, or name it in py_modules."
        )
    return found


def _names(cls: type[Executor], qualified: bool) -> tuple[str, ...]:
    if qualified:
        return (f"{cls.__module__}.{cls.__qualname__}", f"{cls.__module__}:{cls.__qualname__}")
    return (cls.__name__,)


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
    cls = reference(laid["uses"]).resolve().executor
    return cls(
        **laid.get("uses_with", {}),
        metas=laid.get("uses_metas", {}),
        requests=laid.get("uses_requests", {}),
        workspace=laid.get("workspace"),
    )


def write_executor(executor: Executor, given: Mapping[str, Any], path: Path) -> None:
    """Write the YAML of an Executor whose constructor was `given` these arguments.

    Raises:
        ConfigurationError: as `write_values`.
    """
    named, module = named_file(type(executor)), type(executor).__module__
    described = {
        "jtype": type(executor).__name__,
        "py_modules": [named.rpartition(":")[0] if named else module] if module != "__main__" else [],
        "with": {name: value for name, value in given.items() if name not in INJECTED},
        "metas": given.get("metas") or {},
        "requests": given.get("requests") or {},
        "workspace": given.get("workspace") or "",
    }
    write_values({key: value for key, value in described.items() if value}, path)

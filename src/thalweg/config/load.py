"""Options from YAML, JSON, a mapping or keyword arguments, with errors that name the key and, in a file, the line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from thalweg.config.file import DeploymentFile, FlowFile
from thalweg.config.forms import EXECUTORS, OF_FLOW, YAML_SUFFIXES, deployment_form, flow_form, keyword_form
from thalweg.config.nodes import NodeOptions
from thalweg.config.options import Options
from thalweg.config.runnables import PROPAGATED, DeploymentOptions, FlowOptions, defaults_of
from thalweg.config.secrets import masked
from thalweg.config.servers import ServerOptions
from thalweg.config.source import ConfigSource, Source, is_text, read
from thalweg.config.variables import KeyPath
from thalweg.config.workers import WorkerOptions
from thalweg.errors import ConfigurationError

Model = TypeVar("Model", bound=Options)
Worker = TypeVar("Worker", bound=WorkerOptions)
Server = TypeVar("Server", bound=ServerOptions)

_FILE_WITH_NAME = re.compile(r"(?P<file>[^\n]+\.py):(?P<name>\w+)")


def load_flow(
    source: ConfigSource,
    *,
    context: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    substitute: bool = True,
) -> FlowOptions:
    """The options of the Flow that `source` describes.

    Placeholders are filled in as `thalweg.config.variables.Variables` says, unless `substitute` is false. The paths of
    Python and YAML files that `uses` and `py_modules` name are relative to the file they stand in, and come out absolute.
    Jina's forms and words are understood, and told with a DeprecationWarning.

    Raises:
        ConfigurationError: each finding with its place, such as `flow.yml:7: executors[1].replcas: ...`.
    """
    return _flow(read(source, context, environment, substitute))


def load_deployment(
    source: ConfigSource,
    *,
    context: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    substitute: bool = True,
) -> DeploymentOptions:
    """The options of the Deployment that `source` describes; see `load_flow`."""
    return _deployment(read(source, context, environment, substitute))


def load_options(
    source: ConfigSource, *, context: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> FlowOptions | DeploymentOptions:
    """Whatever `source` describes by its `jtype`: a Flow, a Deployment, or one Executor, which becomes a Deployment."""
    found = read(source, context, environment)
    kind = kind_of(found.data)
    if kind == "Flow":
        return _flow(found)
    if kind == "Deployment":
        return _deployment(found)
    if not kind:
        raise ConfigurationError(
            f"{found.name or 'The text'} does not say what it describes: "
            "begin it with 'jtype: Flow', 'jtype: Deployment', or the name of an Executor class."
        )
    if any(name in found.data for name in EXECUTORS):
        raise ConfigurationError(
            f"{found.place(('jtype',))}: {kind!r} has Executors, as only a Flow has; write 'jtype: Flow'."
        )
    return DeploymentOptions(uses=os.fspath(source) if isinstance(source, os.PathLike) else source)


def describes_flow(uses: Any) -> bool:
    """Whether `uses` is a Flow, its options, or YAML that says so."""
    if isinstance(uses, Mapping):
        return kind_of(uses) == "Flow"
    if isinstance(uses, str) and (is_text(uses) or Path(uses).suffix in YAML_SUFFIXES) and "://" not in uses:
        return (is_text(uses) or Path(uses).is_file()) and kind_of(read(uses, substitute=False).data) == "Flow"
    return isinstance(getattr(uses, "options", uses), FlowOptions)


def kind_of(data: Mapping[str, Any]) -> str:
    """What a description says that it is: `Flow`, `Deployment`, the name of a class, or nothing."""
    if "jtype" in data:
        return str(data["jtype"])
    if any(name in data for name in EXECUTORS):
        return "Flow"
    return "Deployment" if "with" in data else ""


def flow_options(values: Mapping[str, Any], where: str = "Flow") -> FlowOptions:
    """The options of a Flow without Executors from the keyword arguments of one: its own, its Gateway's, and those that
    every Executor is given.

    Raises:
        ConfigurationError: each finding with its key; an unknown key with the nearest that is known.
    """
    source = flow_form(Source({"with": dict(values)}, where, keywords=("with",)))
    return _validated(FlowFile, source).options()


def parse_options(model: type[Model], values: Mapping[str, Any], where: str = "") -> Model:
    """`values` as `model`; `where` says in errors who gave them, such as `Flow.add`.

    Raises:
        ConfigurationError: each finding with its key; an unknown key with the nearest that is known.
    """
    return _validated(model, keyword_form(values, model, where))


def _flow(source: Source) -> FlowOptions:
    source = flow_form(source)
    file = _validated(FlowFile, source)
    if file.twice():
        raise ConfigurationError(
            f"{source.place(('gateway', file.twice()[0]))}: stands in 'with' too; say it in one of them."
        )
    options = file.options()
    defaults = _anchored(options.defaults, source, ("defaults",))
    executors = (
        completed(_anchored(node, source, ("executors", index)), defaults, source.place(("executors", index)))
        for index, node in enumerate(options.executors)
    )
    gateway = _with_pages(options.gateway, source)
    return options.model_copy(update={"executors": tuple(executors), "gateway": gateway, "defaults": defaults})


def completed(node: NodeOptions, defaults: NodeOptions, where: str) -> NodeOptions:
    """`node` with what its Flow says for every Executor, where it says nothing of it itself.

    Raises:
        ConfigurationError: they do not go together.
    """
    more = defaults_of(node, defaults)
    if not more or describes_flow(node.uses):
        return node
    own = {name: getattr(node, name) for name in node.model_fields_set}
    return parse_options(NodeOptions, {**own, **more}, where)


def _deployment(source: Source) -> DeploymentOptions:
    source = deployment_form(source)
    return _with_pages(_anchored(_validated(DeploymentFile, source).with_, source, ("with",)), source)


def _validated(model: type[Model], source: Source) -> Model:
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        raise _explained(error, model, source) from None


def _explained(error: ValidationError, model: type[BaseModel], source: Source) -> ConfigurationError:
    findings: dict[KeyPath, str] = {}
    for item in error.errors(include_url=False):
        path = _existing(item["loc"], source)
        if item["type"] == "extra_forbidden":
            findings[path] = f"no such option{_suggestion(str(path[-1]), _known_at(model, path[:-1]))}"
        else:
            findings.setdefault(path, _reason(item["type"], item["msg"], item["input"], path))
    lines = [f"{source.place(path)}: {reason}" for path, reason in findings.items()]
    details = [{"loc": list(path), "msg": reason, "type": "option"} for path, reason in findings.items()]
    return ConfigurationError("\n".join(lines), details=details)


def _reason(kind: str, message: str, given: Any, path: KeyPath) -> str:
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind in ("missing", "secret_type"):
        return message
    message = message.replace("a valid tuple", "a list")
    return f"{message}, not {masked(given, str(path[-1]) if path else '')}"


def _existing(location: tuple[str | int, ...], source: Source) -> KeyPath:
    """The part of `location` that leads through the data: pydantic adds names of union members and of its own steps."""
    path: list[str | int] = []
    here: Any = source.data
    for part in location:
        if isinstance(here, Mapping) and part in here:
            here = here[str(part)]
        elif isinstance(here, (list, tuple)) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            if isinstance(here, Mapping):
                path.append(part)
            break
        path.append(part)
    return tuple(path)


def _model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel]:
    """The model that the keys of `path` lead to, inside of tuples and mappings too."""
    for part in path:
        field = next((f for name, f in model.model_fields.items() if part in (name, f.alias)), None)
        if field is not None:  # else it is a position in a tuple, or a user's own key in a mapping
            options = [field.annotation, *get_args(field.annotation)]
            model = next(kind for kind in options if isinstance(kind, type) and issubclass(kind, BaseModel))
    return model


def _known_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The names of options that may stand where `path` leads."""
    known = [field.alias or key for key, field in _model_at(model, path).model_fields.items()]
    return [*known, *PROPAGATED, *OF_FLOW] if model is FlowFile and path == ("with",) else known


def _suggestion(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; there are {', '.join(sorted(known))}"


def _anchored(options: Worker, source: Source, path: KeyPath) -> Worker:
    """`options` with the files that they name made absolute, from the folder of the file they stand in."""
    uses, modules = options.uses, options.py_modules
    changes: dict[str, Any] = {}
    if isinstance(uses, Mapping) and "py_modules" in uses:
        given = uses["py_modules"]
        changes["uses"] = {**uses, "py_modules": [_file(m, source, (*path, "uses")) for m in _several(given)]}
    elif isinstance(uses, str):
        changes["uses"] = _used(uses, source, (*path, "uses"))
    if modules:
        changes["py_modules"] = tuple(_file(m, source, (*path, "py_modules")) for m in modules)
    for name in ("uses_before", "uses_after", "shard_key"):
        if isinstance(getattr(options, name), str):
            changes[name] = _used(getattr(options, name), source, (*path, name))
    changed = {name: value for name, value in changes.items() if value != getattr(options, name)}
    return options.model_copy(update=changed) if changed else options


def _with_pages(options: Server, source: Source) -> Server:
    """`options` with the pages that they show made absolute in the same way."""
    if not options.pages:
        return options
    key = next((key for key in ("gateway", "with") if "pages" in (source.data.get(key) or {})), "with")
    for path, page in options.pages.items():
        if not (source.folder / page).exists():
            raise ConfigurationError(f"{source.place((key, 'pages', path))}: there is no file {source.folder / page}.")
    return options.model_copy(update={"pages": {path: source.folder / page for path, page in options.pages.items()}})


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _used(uses: str, source: Source, path: KeyPath) -> str:
    named = _FILE_WITH_NAME.fullmatch(uses)
    if named:
        return f"{_file(named['file'], source, path)}:{named['name']}"
    is_file = "\n" not in uses and Path(uses).suffix in YAML_SUFFIXES
    return _file(uses, source, path) if is_file else uses


def _file(name: Any, source: Source, path: KeyPath) -> Any:
    """`name` as an absolute path where it is that of a file, else as it is: a module is looked up later."""
    if not isinstance(name, str) or Path(name).suffix not in (".py", *YAML_SUFFIXES):
        return name
    file = source.origin(path).source.folder / name
    if not file.is_file():
        raise ConfigurationError(f"{source.place(path)}: there is no file {file}.")
    return str(file)

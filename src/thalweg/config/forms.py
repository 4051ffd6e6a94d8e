"""The forms in which a Flow or a Deployment may be written down, Jina's among them, brought into one shape."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from thalweg.config.nodes import NodeOptions
from thalweg.config.old import told
from thalweg.config.options import Options
from thalweg.config.runnables import PROPAGATED, DeploymentOptions, FlowOptions
from thalweg.config.servers import GatewayOptions
from thalweg.config.source import Origin, Source, read
from thalweg.config.spellings import modern
from thalweg.config.variables import KeyPath
from thalweg.errors import ConfigurationError

YAML_SUFFIXES = (".yml", ".yaml", ".jaml", ".json")
EXECUTORS = ("executors", "deployments", "pods")
"""Names of the list of Executors; the last ones are Jina's."""

METHODS = ("add", "needs", "needs_all", "inspect", "gather_inspect")
OF_FLOW = frozenset(FlowOptions.model_fields) - {"gateway", "defaults", "executors"}
"""What a Flow itself has."""

_ELSEWHERE = frozenset(DeploymentOptions.model_fields) - frozenset(NodeOptions.model_fields)
_BESIDE = ("name", "needs", "when", "floating", "method")
"""What may stand beside the `with` of an Executor that is written as a Deployment."""

_EXECUTOR_FILE = frozenset(("with", "metas", "requests", "dynamic_batching", "py_modules", "workspace"))


class Reshaping:
    """A description in the making: its data, and where each part of it was written."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.data: dict[str, Any] = {}
        self.parts: dict[KeyPath, Origin] = {}

    def put(self, path: KeyPath, value: Any, origin: KeyPath, source: Source | None = None) -> None:
        """Set what `path` leads to, a key in a mapping or the next item of a list."""
        here: Any = self.data
        for part in path[:-1]:
            here = here[part]
        if isinstance(here, list):
            here.append(value)
        else:
            here[path[-1]] = value
        if path != origin or source is not None:
            self.parts[path] = Origin(source or self.source, origin)

    def options(
        self, path: KeyPath, given: Mapping[str, Any], known: Collection[str], origin: KeyPath, source: Source
    ) -> None:
        """Set the mapping at `path` to `given`, in today's words."""
        found = modern(given, known)
        for old, reason in found.refused.items():
            raise ConfigurationError(f"{source.place((*origin, old))}: {reason}.")
        for old, text in found.told.items():
            told(f"{source.place((*origin, old))}: {text}")
        self.put(path, found.values, origin, source)
        for now, old in found.moved.items():
            self.parts[(*path, now)] = Origin(source, (*origin, old))

    def done(self) -> Source:
        """The description in its shape."""
        return self.source.shaped(self.data, self.parts)


def flow_form(source: Source) -> Source:
    """The description of a Flow as `FlowFile` wants it.

    Raises:
        ConfigurationError: a form that is none, or a file that it names cannot be read.
    """
    shape = Reshaping(source)
    data = source.data
    listed = [name for name in EXECUTORS if name in data]
    if len(listed) > 1:
        raise ConfigurationError(f"{source.place((listed[1],))}: stands beside {listed[0]}; write one list.")
    for key, value in data.items():
        if key == "version":
            shape.put((key,), _version(value), (key,))
        elif key == "with" and isinstance(value, Mapping):
            _with(shape, value)
        elif key == "gateway" and isinstance(value, Mapping):
            found = _gateway(value, source)
            shape.options((key,), found, GatewayOptions.model_fields, (key,), source)
        elif key in EXECUTORS and isinstance(value, list):
            shape.put(("executors",), [], (key,))
            for index, item in enumerate(value):
                _Item(shape, index, (key, index)).place(item)
        elif key in EXECUTORS or not _aside(key):
            shape.put(("executors" if key in EXECUTORS else key,), value if value is not None else [], (key,))
    return shape.done()


def deployment_form(source: Source) -> Source:
    """The description of a Deployment as `DeploymentFile` wants it: what Jina's documentation writes beside `with` is
    taken into it."""
    shape = Reshaping(source)
    inner = source.data.get("with") or {}
    if not isinstance(inner, Mapping):
        return source
    shape.options(("with",), inner, DeploymentOptions.model_fields, ("with",), source)
    for key, value in source.data.items():
        if key == "version":
            shape.put((key,), _version(value), (key,))
        elif key in DeploymentOptions.model_fields and key not in inner:
            shape.put(("with", key), value, (key,))
        elif key not in ("with", "needs", "include_gateway") and not _aside(key):
            shape.put((key,), value, (key,))
    return shape.done()


def keyword_form(given: Mapping[str, Any], model: type[Options], where: str) -> Source:
    """Keyword arguments as `model` wants them; `where` says in errors who was given them."""
    source = Source(dict(given), where)
    if not issubclass(model, (NodeOptions, GatewayOptions, DeploymentOptions)):
        return source
    found = modern(given, model.model_fields)
    for old, reason in found.refused.items():
        raise ConfigurationError(f"{where}: {old}: {reason}.")
    for text in found.told.values():
        told(f"{where}: {text}" if where else text)
    parts: dict[KeyPath, Origin] = {(now,): Origin(source, (old,)) for now, old in found.moved.items()}
    return source.shaped(found.values, parts)


def _aside(key: str) -> bool:
    """Whether a key of a description is nothing of ours: another program's, or the writer's own."""
    return key == "jcloud" or str(key).startswith("x-")


def _version(value: Any) -> Any:
    return "1" if str(value) in ("1", "1.0") else value


def _with(shape: Reshaping, given: Mapping[str, Any]) -> None:
    """What a Flow says of itself, of its Gateway, and of every Executor."""
    source = shape.source
    shape.options(("with",), given, {*GatewayOptions.model_fields, *PROPAGATED, *OF_FLOW}, ("with",), source)
    every = shape.data["with"]
    moved: dict[str, dict[str, Any]] = {"with": {}, "defaults": {}}
    for name, value in every.items():
        origin = (shape.parts.get(("with", name)) or Origin(source, ("with", name))).path
        if name in OF_FLOW and name not in shape.source.data:
            shape.put((name,), value, origin)
        elif name in OF_FLOW:
            raise ConfigurationError(f"{source.place(origin)}: stands beside 'with' too; say it once.")
        if name in PROPAGATED:
            moved["defaults"][name] = value
            shape.parts["defaults", name] = Origin(source, origin)
        if name not in OF_FLOW and (name not in PROPAGATED or name in GatewayOptions.model_fields):
            moved["with"][name] = value
    shape.data.update({key: value for key, value in moved.items() if value})
    if not moved["with"]:
        del shape.data["with"]


def _gateway(given: Mapping[str, Any], source: Source) -> Mapping[str, Any]:
    """The Gateway with what the YAML of its class says, and the file that its class is in, laid out."""
    uses = given.get("uses")
    rest = {key: value for key, value in given.items() if key != "jcloud"}
    if isinstance(uses, str) and Path(uses).suffix in YAML_SUFFIXES:
        found = read(source.folder / uses).data
        modules = [str(Path(source.folder, uses).parent / one) for one in _several(found.get("py_modules"))]
        inner = {"uses": found.get("jtype"), "uses_with": {**found.get("with", {}), **rest.get("uses_with", {})}}
        said = {key: value for key, value in found.items() if key in GatewayOptions.model_fields}
        rest = {**said, **rest, **inner, "py_modules": modules}
    modules = _several(rest.pop("py_modules", None))
    uses = rest.get("uses")
    if isinstance(uses, str) and uses.isidentifier() and modules:
        rest["uses"] = f"{modules[-1]}:{uses}"
    return rest


def _several(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


class _Item:
    """One item of the list of Executors."""

    def __init__(self, shape: Reshaping, index: int, origin: KeyPath) -> None:
        self._shape = shape
        self._path: KeyPath = ("executors", index)
        self._origin = origin
        self._source = shape.source

    def place(self, item: Any) -> None:
        """Bring `item` into its shape, after those before it."""
        if isinstance(item, str) and Path(item).suffix in YAML_SUFFIXES:
            self._of_file(item)
        elif isinstance(item, str):
            self._shape.put(self._path, {"uses": item}, self._origin)
        elif not isinstance(item, Mapping):
            self._shape.put(self._path, item, self._origin)
        else:
            self._of_mapping(item, self._source, self._origin)

    def _of_file(self, name: str) -> None:
        path = self._source.folder / name
        try:
            found = read(path)
        except ConfigurationError as error:
            if path.is_file():
                raise
            raise ConfigurationError(f"{self._source.place(self._origin)}: {error}") from None
        if found.data.get("jtype", "Deployment") == "Deployment" and "with" in found.data:
            self._of_mapping({"jtype": "Deployment", **found.data}, found, ())
        else:
            self._shape.put(self._path, {"uses": name}, self._origin)

    def _of_mapping(self, item: Mapping[str, Any], source: Source, origin: KeyPath) -> None:
        kind = item.get("jtype")
        if kind == "Deployment":
            self._of_deployment(item, source, origin)
        elif kind is not None:
            beside = {key: value for key, value in item.items() if key in NodeOptions.model_fields}
            inner = {key: value for key, value in item.items() if key == "jtype" or key in _EXECUTOR_FILE}
            if kind == "Flow":
                beside = {key: item[key] for key in ("name", *_BESIDE) if key in item}
                inner = {key: value for key, value in item.items() if key not in ("needs", "when", "floating")}
            if "uses" not in item:
                beside["uses"] = inner
            self._options(beside, source, origin)
        else:
            self._options({key: value for key, value in item.items() if not _aside(key)}, source, origin)

    def _of_deployment(self, item: Mapping[str, Any], source: Source, origin: KeyPath) -> None:
        inner = item.get("with") or {}
        if not isinstance(inner, Mapping):
            raise ConfigurationError(f"{source.place((*origin, 'with'))}: must be a mapping of options.")
        given = {key: value for key, value in inner.items() if key not in _ELSEWHERE}
        if not given.get("external"):
            given = {key: value for key, value in given.items() if key not in ("host", "port", "tls")}
        beside = {key: item[key] for key in _BESIDE if key in item and key not in given}
        self._options(given, source, (*origin, "with"))
        for key, value in beside.items():
            self._shape.put((*self._path, key), value, (*origin, key), source)
        self._method(beside.get("method", "add"), source, origin)

    def _options(self, given: Mapping[str, Any], source: Source, origin: KeyPath) -> None:
        self._shape.options(self._path, given, {*NodeOptions.model_fields, "method"}, origin, source)
        if "method" in given:
            self._method(given["method"], source, origin)

    def _method(self, method: Any, source: Source, origin: KeyPath) -> None:
        """What the methods of a Flow mean, as options of the node that they add."""
        node = self._shape.data["executors"][-1]
        node.pop("method", None)
        if method not in METHODS:
            raise ConfigurationError(
                f"{source.place((*origin, 'method'))}: there is no method {method!r}; there are {', '.join(METHODS)}."
            )
        before = self._shape.data["executors"][:-1]
        if method == "inspect":
            node.setdefault("inspects", True)
        elif method == "needs" and len(_several(node.get("needs"))) < 2:
            raise ConfigurationError(f"{source.place(origin)}: a joiner needs two Executors or more.")
        elif method == "needs_all":
            node["needs"] = [name for name, _ in _unread(before)]
        elif method == "gather_inspect":
            looking = [name for name, inspects in _unread(before) if inspects]
            last = [name for name, inspects in _named(before) if not inspects][-1:]
            node["needs"] = [*last, *looking]


def _named(nodes: list[Any]) -> Iterator[tuple[str, bool]]:
    """The name of each node, and whether it only looks on."""
    for index, node in enumerate(nodes):
        said = node if isinstance(node, Mapping) else {}
        yield str(said.get("name") or f"executor{index}"), bool(said.get("inspects"))


def _unread(nodes: list[Any]) -> list[tuple[str, bool]]:
    """The nodes that nobody reads and that do not float, by name, and whether each only looks on."""
    read_already: set[str] = set()
    previous = ""
    staying = []
    for (name, inspects), node in zip(_named(nodes), nodes, strict=True):
        said = node if isinstance(node, Mapping) else {}
        needs = said.get("needs")
        if not said.get("floating"):
            read_already.update([previous] if needs is None else _several(needs))
            staying.append((name, inspects))
            previous = previous if inspects else name
    return [(name, inspects) for name, inspects in staying if name not in read_already]

"""Options written down: as plain data and as YAML, of which the same options can be made again."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from thalweg.config.access import DIGEST
from thalweg.config.nodes import NodeOptions
from thalweg.config.objects import named_file, object_reference
from thalweg.config.options import Options
from thalweg.config.runnables import PROPAGATED, DeploymentOptions, FlowOptions
from thalweg.config.secrets import Referenced, looks_secret
from thalweg.config.servers import GatewayOptions
from thalweg.config.source import is_text
from thalweg.config.variables import KeyPath, dotted, escaped
from thalweg.errors import ConfigurationError

SHARED = PROPAGATED & frozenset(GatewayOptions.model_fields)
"""What `with` says for the Gateway and for every Executor at once."""

DEPLOYMENT_NAME = "executor"
FIRST = ("name", "uses", "uses_with")
"""What a reader looks for first."""

FILES = ("uses", "uses_before", "uses_after", "shard_key", "py_modules")
"""Options that may name a file, which a description finds from its own folder."""


def plain_options(options: FlowOptions | DeploymentOptions, folder: Path | None = None) -> dict[str, Any]:
    """`options` as a mapping that `load_flow` or `load_deployment` understands: what is not as it always is. Files below
    `folder` are named from there, others from the root. Ports that the system chose are in no options, so they are not
    here; secrets are here as references.

    Raises:
        ConfigurationError: something cannot be written down: an object that has no name in a module, or a secret that was
            given as text. Names the option.
    """
    if isinstance(options, FlowOptions):
        return _flow(options, folder)
    plain = _Plain(folder).options(options, ("with",), lambda name, value: name == "name" and value == DEPLOYMENT_NAME)
    return {"jtype": "Deployment", "version": "1", "with": plain}


def yaml_text(options: FlowOptions | DeploymentOptions, folder: Path | None = None) -> str:
    """`plain_options` as YAML."""
    from thalweg.config.markup import dumped

    return dumped(plain_options(options, folder))


def write_description(options: FlowOptions | DeploymentOptions, path: Path) -> None:
    """Write `options` to `path`, as JSON where it ends so, else as YAML. What was there is replaced at once, or not at all.

    Raises:
        ConfigurationError: as `plain_options`, or the file cannot be written.
    """
    folder = path.resolve().parent
    if path.suffix == ".json":
        try:
            text = json.dumps(plain_options(options, folder), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{path}: JSON cannot hold it, YAML can: {error}") from None
    else:
        text = yaml_text(options, folder)
    _replace(path, text)


def write_values(values: Mapping[str, Any], path: Path) -> None:
    """Write `values` to `path` as YAML, under the same rules.

    Raises:
        ConfigurationError: as `write_description`.
    """
    from thalweg.config.markup import dumped

    _replace(path, dumped(_Plain(None).value(values, ())))


def _replace(path: Path, text: str) -> None:
    """Have `path` hold `text`, at once or not at all."""
    folder = path.resolve().parent
    try:
        handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=folder)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(beside).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
            os.replace(beside, path)
        except BaseException:
            os.unlink(beside)
            raise
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from None


def _flow(options: FlowOptions, folder: Path | None) -> dict[str, Any]:
    plain = _Plain(folder)
    gateway = plain.options(options.gateway, ("gateway",))
    every = plain.given(options.defaults, ("with",))
    for name in SHARED & options.defaults.model_fields_set:
        said = getattr(options.gateway, name)
        if said == getattr(options.defaults, name):
            gateway.pop(name, None)
        else:
            gateway[name] = plain.value(said, ("gateway", name))
    apart = {name: gateway.pop(name) for name in sorted(SHARED & gateway.keys())}
    found: dict[str, Any] = {"jtype": "Flow", "version": "1"}
    own = {
        name: plain.value(getattr(options, name), (name,))
        for name, field in FlowOptions.model_fields.items()
        if name not in ("gateway", "defaults", "executors") and getattr(options, name) != field.default
    }
    found |= own
    if gateway or every:
        found["with"] = {**gateway, **every}
    if apart:
        found["gateway"] = apart
    found["executors"] = [
        _node(plain, node, options.defaults, ("executors", index)) for index, node in enumerate(options.executors)
    ]
    return found


def _node(plain: _Plain, node: NodeOptions, defaults: NodeOptions, path: KeyPath) -> dict[str, Any]:
    """What a node says that its Flow does not say for it."""
    if node.external or not node.has_process:
        return plain.options(node, path)
    found = plain.options(node, path)
    for name in defaults.model_fields_set:
        if getattr(node, name) == getattr(defaults, name):
            found.pop(name, None)
        else:
            found[name] = plain.value(getattr(node, name), (*path, name))
    return found


def _default(field: FieldInfo) -> Any:
    return PydanticUndefined if field.is_required() else field.get_default(call_default_factory=True)


class _Plain:
    """Values as text, numbers, lists and mappings."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._ways: Sequence[tuple[type | tuple[type, ...], Callable[[Any, KeyPath], Any]]] = (
            (Referenced, self._referenced),
            (str, self._text),
            (Path, self._path),
            (FlowOptions, self._inner_flow),
            (Options, self.options),
            (BaseModel, self._document),
            (Mapping, self._mapping),
            ((list, tuple), self._list),
        )

    def options(
        self, options: BaseModel, path: KeyPath, without: Callable[[str, Any], bool] = lambda name, value: False
    ) -> dict[str, Any]:
        """What in `options` is not as it always is."""
        found = {}
        fields = type(options).model_fields
        for name in sorted(fields, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST)):
            field = fields[name]
            value = getattr(options, name)
            if not _same(value, _default(field)) and not without(name, value):
                found[field.alias or name] = self._option(name, value, (*path, name))
        return found

    def given(self, options: Options, path: KeyPath) -> dict[str, Any]:
        """What was said in `options`."""
        names = [name for name in type(options).model_fields if name in options.model_fields_set]
        return {name: self._option(name, getattr(options, name), (*path, name)) for name in names}

    def _option(self, name: str, value: Any, path: KeyPath) -> Any:
        if name in FILES and isinstance(value, str) and not isinstance(value, Referenced):
            return escaped(self._file(value))
        if name in FILES and isinstance(value, tuple):
            return [escaped(self._file(one)) for one in value]
        return self.value(value, path)

    def value(self, value: Any, path: KeyPath) -> Any:
        """`value`, which stands at `path`."""
        if value is None or isinstance(value, (bool, int, float, bytes, date)):
            return value
        for kind, write in self._ways:
            if isinstance(value, kind):
                return write(value, path)
        return self._object(value, path)

    def _path(self, value: Path, _path: KeyPath) -> str:
        return escaped(self._file(str(value.absolute())))

    def _inner_flow(self, value: FlowOptions, _path: KeyPath) -> dict[str, Any]:
        return _flow(value, self._folder)

    def _document(self, value: BaseModel, path: KeyPath) -> Any:
        return self.value(value.model_dump(mode="json"), path)

    def _mapping(self, value: Mapping[Any, Any], path: KeyPath) -> dict[Any, Any]:
        return {self._key(key, path): self.value(one, (*path, str(key))) for key, one in value.items()}

    def _key(self, key: Any, path: KeyPath) -> Any:
        if isinstance(key, (str, int, float)):
            return "".join(key) if isinstance(key, str) else key
        raise ConfigurationError(f"{dotted(path)}: a key of type {type(key).__name__} cannot be written to a file.")

    def _list(self, value: Any, path: KeyPath) -> Any:
        pairs = isinstance(value, tuple) and all(isinstance(one, tuple) and len(one) == 2 for one in value)
        if value and pairs and len({key for key, _ in value}) == len(value):  # headers and the like
            return self.value(dict(value), path)
        return [self.value(one, (*path, index)) for index, one in enumerate(value)]

    def _referenced(self, value: Referenced, path: KeyPath) -> str:
        if value.reference:
            return "".join(value.reference)
        if DIGEST.match(value.get_secret_value()):  # of a key, which cannot be found from it
            return value.get_secret_value()
        raise self._secret(path)

    def _text(self, value: str, path: KeyPath) -> str:
        if value and path and isinstance(path[-1], str) and looks_secret(path[-1]):
            raise self._secret(path)
        return escaped(value)

    def _secret(self, path: KeyPath) -> ConfigurationError:
        return ConfigurationError(
            f"{dotted(path)} is a secret, or looks like one, and stands there as text, which is never written to a file. "
            f"Say where it is: Secret.at('ENV.NAME') or Secret.at('SECRET.name') in Python, ${{{{ ENV.NAME }}}} in YAML."
        )

    def _file(self, text: str) -> str:
        """`text` with the file that it begins with named from the folder, where it lies below that."""
        if is_text(text):
            return text
        file, colon, name = text.rpartition(":") if ".py:" in text else (text, "", "")
        path = Path(file)
        if path.suffix not in (".py", ".yml", ".yaml", ".jaml", ".json") and not path.is_absolute():
            return text
        path = path.absolute()
        if self._folder is not None and path.is_relative_to(self._folder):
            path = path.relative_to(self._folder)
        return f"{path}{colon}{name}"

    def _object(self, value: Any, path: KeyPath) -> Any:
        where = dotted(path)
        inner = getattr(value, "options", value)
        if isinstance(inner, FlowOptions):  # a Flow inside of another one
            return _flow(inner, self._folder)
        if not callable(value):
            raise ConfigurationError(
                f"{where} is a {type(value).__name__}, which cannot be written to a file. Text, numbers, lists and mappings "
                f"can, and so can what has a name in a module."
            )
        file = named_file(value)
        if file and self._folder is not None and Path(file.rpartition(":")[0]).is_relative_to(self._folder):
            return self._file(file)
        found = object_reference(value, where)
        if found.kind != "import":
            raise ConfigurationError(
                f"{where} is {value!r}, which has no name that another process could import, so it cannot be written to a "
                f"file. Put it into a module."
            )
        return found.text


def _same(value: Any, default: Any) -> bool:
    """Whether `value` is `default`, its type included: 1 is not true."""
    return type(value) is type(default) and bool(value == default)

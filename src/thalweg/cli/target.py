"""What `serve` and `check` were asked to start, as options."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from thalweg.config import DeploymentOptions, FlowOptions, GatewayOptions
from thalweg.config.containers import image_of
from thalweg.config.forms import OF_FLOW
from thalweg.config.load import load_options, parse_options
from thalweg.config.old import OldSpelling
from thalweg.errors import ConfigurationError

_CLASS = re.compile(r"(?:[A-Za-z_][\w.]*|.+\.py):[A-Za-z_]\w*")
_FILE = re.compile(r".+\.(?:ya?ml|jaml|json)")

GATEWAY = frozenset(GatewayOptions.model_fields) - {"uses", "uses_with"}
"""Options of the command line that say how to listen; the others say what one Executor is given."""


def find(target: str, overrides: Mapping[str, Any]) -> FlowOptions | DeploymentOptions:
    """The options of `target`, a YAML file, an import string or `docker://image`, with `overrides` in place of what it says
    itself.

    Raises:
        ConfigurationError: it is none of these; it is wrong; or an override has no one Executor that it could be meant for.
    """
    _show_old_spellings()
    if image_of(target) is not None:
        return parse_options(DeploymentOptions, {"uses": target, **overrides}, target)
    if _CLASS.fullmatch(target):
        return parse_options(DeploymentOptions, {"uses": _absolute(target), **overrides}, target)
    if not _FILE.fullmatch(target):
        raise ConfigurationError(
            f"{target!r} is nothing that can be served: name a YAML file, package.module:Class, file.py:Class, or "
            f"docker://image."
        )
    found = load_options(target)
    return _of_flow(found, overrides, target) if isinstance(found, FlowOptions) else _changed(found, overrides, target)


def _show_old_spellings() -> None:
    """Let what is written in an old way be told in one line, where Python would keep silent about it."""
    shown = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
        if issubclass(category, OldSpelling):
            print(f"warning: {message}", file=sys.stderr)
        else:
            shown(message, category, *rest, **more)

    warnings.simplefilter("always", OldSpelling)
    warnings.showwarning = show


def _absolute(target: str) -> str:
    file, colon, name = target.rpartition(":")
    if not file.endswith(".py"):
        return target
    if not os.path.isfile(file):
        raise ConfigurationError(f"There is no file {file}.")
    return f"{os.path.abspath(file)}{colon}{name}"


def _of_flow(flow: FlowOptions, overrides: Mapping[str, Any], where: str) -> FlowOptions:
    own = {name: value for name, value in overrides.items() if name in OF_FLOW}
    server = {name: value for name, value in overrides.items() if name in GATEWAY and name not in own}
    rest = {name: value for name, value in overrides.items() if name not in GATEWAY and name not in own}
    executors = flow.executors
    if rest and len(executors) != 1:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in rest)
        raise ConfigurationError(
            f"{where} has {len(executors)} Executors, so {options} could be meant for any of them: say it in the file."
        )
    if rest:
        executors = (_changed(executors[0], rest, where),)
    gateway = _changed(flow.gateway, server, where)
    return flow.model_copy(update={**own, "gateway": gateway, "executors": executors})


def _changed(options: Any, overrides: Mapping[str, Any], where: str) -> Any:
    """`options` with `overrides`; what stands in a mapping, such as `uses_with`, is kept where it is not overridden."""
    if not overrides:
        return options
    given = {name: getattr(options, name) for name in options.model_fields_set}
    laid = {name: _laid_over(given.get(name), value) for name, value in overrides.items()}
    return parse_options(type(options), {**given, **laid}, where)


def _laid_over(before: Any, value: Any) -> Any:
    return {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value


def pairs(lines: Sequence[str]) -> dict[str, Any]:
    """`key=value` lines as a mapping; a value is read as YAML, so that `8` is a number and `[1, 2]` a list. What is not
    YAML is text.

    Raises:
        ConfigurationError: a line without a key.
    """
    import yaml

    found: dict[str, Any] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals or not key.isidentifier():
            raise ConfigurationError(f"{line!r} is no argument: write key=value.")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            found[key] = value
    return found


def open_working_directory() -> None:
    """Let `package.module:Class` be found from the working directory, as `python -m` would."""
    directory = os.getcwd()
    if directory not in sys.path:
        sys.path.insert(0, directory)

"""Values of options, made of their JSON Schemas: an option that is added is tested without a word."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import strategies as st

from thalweg.config.options import Options
from thalweg.config.secrets import Secret, looks_secret

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12).filter(
    lambda text: text.lower() not in ("null", "none")  # on a command line that is nothing at all
)
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True).filter(lambda name: not looks_secret(name))
TRICKY: st.SearchStrategy[str] = st.sampled_from(
    [
        "${{ ENV.HOME }}",
        "$HOME",
        "${HOME}",
        "$${{ x }}",
        "on",
        "no",
        "1",
        "1.5",
        "nULL-",
        "a: b",
        "- a",
        "#",
        "'",
        '"',
        "~",
        "é",
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False), TEXT, TRICKY)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
SECRETS = st.sampled_from(["ENV.A_LONG_TEST_TOKEN", "ENV.ANOTHER_TEST_TOKEN"]).map(Secret.at)
IMPORTS = st.sampled_from(["package.module:Name", "collections:OrderedDict"])

PARTICULAR: Mapping[str, st.SearchStrategy[Any]] = {
    "api_keys": st.lists(
        st.fixed_dictionaries({"name": NAMES, "key": SECRETS}), max_size=2, unique_by=lambda one: one["name"]
    ),
    "apps": st.dictionaries(NAMES.map("/{}".format), IMPORTS, max_size=2),
    "autoscale": st.just(None),
    "custom_metric": st.none(),
    "devices": st.sampled_from(["RR", "0,1", "cpu:0", ["0", "1"], "RR0:2", None]),
    "docker_kwargs": st.dictionaries(st.sampled_from(["shm_size", "labels"]), SCALARS, max_size=2),
    "document": st.dictionaries(NAMES, SCALARS, max_size=2),
    "env": st.dictionaries(NAMES, TEXT | TRICKY | SECRETS, max_size=3),
    "gpus": st.sampled_from([None, "all", 2, "device=0,device=1"]),
    "grpc_metadata": st.dictionaries(NAMES, TEXT | SECRETS, max_size=2),
    "log_level": st.sampled_from([None, "DEBUG", "WARNING"]),
    "memory_limit": st.sampled_from([None, 1 << 30]),
    "middleware": st.lists(IMPORTS, max_size=2),
    "name": NAMES,
    "needs": st.just(["gateway"]),
    "networks": st.lists(NAMES, max_size=2, unique=True),
    "pages": st.dictionaries(NAMES.map("/{}".format), st.just("/dev/null"), max_size=2),
    "path": NAMES.map("/{}".format),
    "polling": st.sampled_from([None, "ANY", "ALL", {"/index": "ANY", "*": "ALL"}]),
    "py_modules": st.lists(st.sampled_from(["package.module", "json"]), max_size=2),
    "requirements": st.lists(st.sampled_from(["numpy", "pillow>=10"]), max_size=2),
    "root_path": st.sampled_from(["", "/api"]),
    "shard_key": st.sampled_from(["id", "tags.user", "package.module:key"]),
    "user": st.sampled_from(["", "1000:1000"]),
    "uses": st.sampled_from(["package.module:Class", {"jtype": "package.module:Class", "with": {"a": 1}}]),
    "uses_after": IMPORTS,
    "uses_before": IMPORTS,
    "uses_with": st.dictionaries(NAMES, ANYTHING | SECRETS, max_size=3),
    "volumes": st.lists(st.just("/tmp:/data"), max_size=1),
    "warmup": st.dictionaries(NAMES.map("/{}".format), st.dictionaries(NAMES, SCALARS, max_size=2), max_size=2),
    "when": st.dictionaries(NAMES, st.just({"$eq": 1}), max_size=2),
}
"""Options whose schema says less than their checks."""


@cache
def strategies_of(model: type[Options]) -> dict[str, st.SearchStrategy[Any]]:
    """For each option of `model` values of it."""
    schema = model.model_json_schema(mode="validation")
    definitions = schema.get("$defs", {})
    return {
        name: _of(name, schema["properties"][field.alias or name], definitions)
        for name, field in model.model_fields.items()
    }


@st.composite
def values_of(draw: st.DrawFn, model: type[Options], most: int = 5) -> dict[str, Any]:
    """Keyword arguments of `model`, up to `most` of them. They need not go together."""
    known = strategies_of(model)
    names = draw(st.lists(st.sampled_from(list(known)), max_size=most, unique=True))
    return {name: draw(known[name]) for name in names}


def value_of(model: type[Options], name: str) -> st.SearchStrategy[Any]:
    """Values of one option."""
    return strategies_of(model)[name]


def _of(name: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if name in PARTICULAR:
        return PARTICULAR[name]
    if "anyOf" in schema:
        return st.one_of([_of("", one, definitions) for one in schema["anyOf"]])
    schema = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    if schema.get("format") == "password":
        return SECRETS
    if schema.get("format") in ("path", "file-path"):
        return st.just("/dev/null")
    return _typed(schema, definitions)


def _typed(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    kind = schema.get("type")
    if kind in ("boolean", "null"):
        return st.booleans() if kind == "boolean" else st.none()
    if kind == "integer":
        return st.integers(_least(schema, 1), _most(schema, 1, 10**6))
    if kind == "number":
        return st.integers(int(_least(schema, 1)), int(_most(schema, 1, 10**4))).map(float)
    if kind == "string":
        return st.from_regex(schema["pattern"], fullmatch=True) if "pattern" in schema else TEXT | TRICKY
    several = {"array": _list, "object": _object}.get(str(kind))
    return several(schema, definitions) if several is not None else SCALARS


def _least(schema: Mapping[str, Any], step: int) -> int:
    return schema["minimum"] if "minimum" in schema else schema.get("exclusiveMinimum", -step) + step


def _most(schema: Mapping[str, Any], step: int, otherwise: int) -> int:
    return schema["maximum"] if "maximum" in schema else schema.get("exclusiveMaximum", otherwise + step) - step


def _list(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "prefixItems" in schema:
        return st.tuples(*(_of("", one, definitions) for one in schema["prefixItems"])).map(list)
    items = schema.get("items") or {}
    if "prefixItems" in items:
        return st.dictionaries(NAMES, st.integers(0, 9) | TEXT, max_size=2)
    return st.lists(_of("", items, definitions), min_size=schema.get("minItems", 0), max_size=3)


def _object(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        inner = schema.get("additionalProperties")
        values = _of("", inner, definitions) if isinstance(inner, Mapping) and inner else SCALARS
        return st.dictionaries(NAMES, values, max_size=3)
    properties = schema["properties"]
    required = {name: _of(name, properties[name], definitions) for name in schema.get("required", ())}
    optional = {name: _of(name, one, definitions) for name, one in properties.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)

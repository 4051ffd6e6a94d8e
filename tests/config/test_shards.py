"""Which shards a request asks."""

import pytest

from thalweg.config import NodeOptions
from thalweg.config.load import parse_options
from thalweg.config.shards import polled
from thalweg.errors import ConfigurationError


@pytest.mark.parametrize(
    "polling, asked",
    [
        (None, {"/index": "ANY", "/search": "ALL", "/update": "ALL", "/delete": "ALL", "/encode": "ANY"}),
        ("ANY", {"/index": "ANY", "/search": "ANY", "/update": "ANY", "/encode": "ANY"}),
        ("ALL", {"/index": "ALL", "/search": "ALL", "/encode": "ALL"}),
        ({"/encode": "ALL"}, {"/index": "ANY", "/search": "ALL", "/encode": "ALL"}),
        ({"*": "ALL"}, {"/index": "ALL", "/search": "ALL"}),
        ({"*": "ALL", "/index": "ANY"}, {"/index": "ANY", "/search": "ALL", "/encode": "ALL"}),
        ({"/search": "ANY", "*": "ALL"}, {"/search": "ANY", "/index": "ALL"}),
        ('{"index": "all", "*": "any"}', {"/index": "ALL", "/search": "ANY"}),
        ("{}", {"/search": "ALL", "/index": "ANY"}),
        ("all", {"/index": "ALL"}),
    ],
)
def test_what_the_user_says_wins_over_what_suits_the_endpoint(polling: object, asked: dict[str, str]) -> None:
    options = NodeOptions.model_validate({"polling": polling})
    assert {path: polled(options.polling, path) for path in asked} == asked


@pytest.mark.parametrize(
    "given, told",
    [
        ({"polling": "ALL_ASYNC"}, "polling is ANY or ALL, not 'ALL_ASYNC'"),
        ({"polling": {"/search": "SOME"}}, "polling is ANY or ALL, not 'SOME'"),
        ({"polling": "{broken"}, "polling is no JSON"),
        ({"shard_key": "tags user"}, "'tags user' is no field"),
        ({"shard_key": 5}, "5 is no key"),
        ({"shards": 0}, "greater than or equal to 1"),
        ({"shards": 2, "external": True, "host": "localhost:1"}, "has its own shards"),
    ],
)
def test_options_that_make_no_sense_are_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told.replace("(", r"\(")):
        parse_options(NodeOptions, {"name": "index", **given}, "Flow.add")


def test_keys_are_fields_or_functions() -> None:
    for key in ("id", "tags.user", "tags__user", "package.module:function", str.lower):
        assert NodeOptions(shard_key=key).shard_key == key

"""Shards of Jina's programs."""

import pytest

from thalweg.compat.enums import PollingType
from thalweg.compat.runnable import JinaDeployment, JinaFlow
from thalweg.config import NodeOptions
from thalweg.config.shards import polled


def node(**given: object) -> NodeOptions:
    return JinaFlow().add(name="a", uses="m:A", **given)._options.executors[0]


@pytest.mark.parametrize("polling", ["ALL", "all", PollingType.ALL, '{"/search": "ALL", "*": "ALL"}', {"*": "ALL"}])
def test_polling_is_what_it_was(polling: object) -> None:
    options = node(shards=3, replicas=2, polling=polling)
    assert (options.shards, options.replicas) == (3, 2)
    assert polled(options.polling, "/search") == polled(options.polling, "/other") == "ALL"


def test_a_global_polling_wins_over_what_suits_the_endpoint() -> None:
    """Jina asks one shard at /index, and all of them at /search, whatever the user says of all endpoints."""
    assert polled(node(polling="ALL").polling, "/index") == "ALL"
    assert polled(node(polling="ANY").polling, "/search") == "ANY"
    assert polled(node().polling, "/search") == "ALL"
    assert polled(node().polling, "/index") == "ANY"


def test_what_stands_before_and_after_shards_is_what_it_was() -> None:
    options = node(shards=2, uses_before="m:Before", uses_after="m:After")
    assert (options.uses_before, options.uses_after) == ("m:Before", "m:After")


def test_no_reduce_means_that_nothing_is_joined() -> None:
    assert not node(shards=2, no_reduce=True).reduce
    assert not node(shards=2, disable_reduce=True).reduce
    assert node(shards=2, no_reduce=False).reduce


def test_a_deployment_may_have_shards_over_http() -> None:
    """Jina refuses it."""
    options = JinaDeployment(uses="m:A", shards=2, protocol="http", polling={"/search": "ALL"})._options
    assert (options.shards, options.protocol) == (2, ("http",))

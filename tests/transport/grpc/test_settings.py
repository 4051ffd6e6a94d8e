"""Addresses, and the options of connections."""

from pathlib import Path

import pytest
from grpc._cython import cygrpc

from thalweg.config import Limits
from thalweg.errors import ConfigurationError
from thalweg.transport.grpc.settings import channel_options, server_options, target


@pytest.mark.parametrize(
    "address,expected",
    [
        ("grpc://localhost:50051", "localhost:50051"),
        ("grpc://0.0.0.0:0", "0.0.0.0:0"),
        ("grpc://[::1]:80", "[::1]:80"),
        ("grpc://example.com:1/", "example.com:1"),
    ],
)
def test_an_address_is_a_host_and_a_port(address: str, expected: str) -> None:
    assert target(address) == expected


@pytest.mark.parametrize(
    "address", ["grpc://localhost", "grpc://:80", "http://localhost:80", "grpc://localhost:x", "grpc://a:1/path", ""]
)
def test_anything_else_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(ConfigurationError, match="grpc://localhost:50051"):
        target(address)


def test_every_option_has_a_name_that_grpc_knows() -> None:
    """It passes over those it does not know without a word."""
    known = Path(cygrpc.__file__).read_bytes()
    names = {name for name, _ in (*server_options(Limits()), *channel_options(Limits()))}
    assert {name for name in names if name.encode() + b"\0" not in known} == set()

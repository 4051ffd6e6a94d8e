"""Addresses."""

import pytest

from thalweg.errors import ConfigurationError
from thalweg.transport.grpc.settings import target


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

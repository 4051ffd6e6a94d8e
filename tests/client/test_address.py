from typing import Any

import pytest

from thalweg.client.address import destination
from thalweg.config import ClientTlsOptions
from thalweg.errors import ConfigurationError


@pytest.mark.parametrize(
    "host, port, protocol, tls, address",
    [
        (None, None, None, None, "grpc://127.0.0.1:80"),
        (None, 1234, None, None, "grpc://127.0.0.1:1234"),
        ("0.0.0.0", 1234, None, None, "grpc://127.0.0.1:1234"),
        ("h", "1234", None, None, "grpc://h:1234"),
        ("h:1234", None, "http", None, "http://h:1234"),
        ("h", None, "HTTP", None, "http://h:80"),
        ("h", None, "websocket", None, "ws://h:80"),
        ("h", None, "websocket", True, "wss://h:443"),
        ("h", None, None, True, "grpcs://h:443"),
        ("h", 99, "http", True, "https://h:99"),
        ("grpc://h:99", None, None, None, "grpc://h:99"),
        ("grpc://h", 99, None, None, "grpc://h:99"),
        ("grpc://h:99", None, None, True, "grpcs://h:99"),
        ("grpcs://h", None, None, None, "grpcs://h:443"),
        ("GRPC://h", None, None, False, "grpc://h:80"),
        ("http://h", None, None, None, "http://h:80"),
        ("https://h/root/", None, None, None, "https://h:443/root"),
        ("ws://h", None, None, None, "ws://h:80"),
        ("wss://h:1", None, None, None, "wss://h:1"),
        ("websocket://h:1", None, None, None, "ws://h:1"),
        ("http://[::1]:80", None, None, None, "http://[::1]:80"),
        ("unix:///run/x", None, None, None, "unix:///run/x"),
    ],
)
def test_the_parts_of_an_address_make_one(host: str, port: Any, protocol: Any, tls: Any, address: str):
    assert destination(host, port, protocol, tls).address == address


@pytest.mark.parametrize(
    "host, port, protocol, tls, part",
    [
        ("grpc://h:99", 98, None, None, "port is given twice"),
        ("h:99", 99, None, None, "port is given twice"),
        ("grpc://h", None, "grpc", None, "protocol is given twice"),
        ("grpcs://h", None, None, True, "tls is given twice"),
        ("https://h", None, None, False, "tls is given twice"),
        ("unix:///x", 1, None, None, "port is given twice"),
        ("unix:///x", None, "grpc", None, "protocol is given twice"),
        ("unix:///x", None, None, True, "never encrypted"),
        ("carrier-pigeon://h", None, None, None, "carrier-pigeon"),
        ("h", None, "pigeon", None, "no protocol 'pigeon'"),
        ("h", 0, None, None, "no port 0"),
        ("h", 70000, None, None, "no port 70000"),
        ("h", "x", None, None, "no such port"),
        ("h:x", None, None, None, "no such port"),
        ("http://me@h", None, None, None, "no address"),
        ("http://h?a=1", None, None, None, "no address"),
        ("h", None, None, {"cafile": "x"}, "cafile"),
    ],
)
def test_what_is_given_twice_or_is_none_is_refused(host: str, port: Any, protocol: Any, tls: Any, part: str):
    with pytest.raises(ConfigurationError, match=part):
        destination(host, port, protocol, tls)


def test_whom_to_trust_goes_along():
    trust = ClientTlsOptions(verify=False)
    assert destination("https://h", None, None, trust) == ("https://h:443", trust)
    assert destination("h", None, None, {"verify": False}) == ("grpcs://h:443", trust)
    assert destination("https://h", None, None, None).tls is None

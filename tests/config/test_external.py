"""Where Executors are that run elsewhere."""

import pytest

from thalweg.config.nodes import addresses


@pytest.mark.parametrize(
    "hosts,ports,encrypted,found",
    [
        ([], [5], False, ["grpc://localhost:5"]),
        (["a"], [5], False, ["grpc://a:5"]),
        (["a:5"], [], False, ["grpc://a:5"]),
        (["grpc://a:5"], [], False, ["grpc://a:5"]),
        (["grpcs://a:5"], [], False, ["grpcs://a:5"]),
        (["a:443"], [], True, ["grpcs://a:443"]),
        (["grpc://a:443"], [], True, ["grpcs://a:443"]),
        (["grpcs://a:1", "grpc://b:2", "c:3"], [], False, ["grpcs://a:1", "grpc://b:2", "grpc://c:3"]),
        (["a", "b"], [5], False, ["grpc://a:5", "grpc://b:5"]),
        (["a", "b"], [5, 6], False, ["grpc://a:5", "grpc://b:6"]),
        (["a"], [5, 6], False, ["grpc://a:5", "grpc://a:6"]),
        (["[::1]:5"], [], False, ["grpc://[::1]:5"]),
    ],
)
def test_each_host_is_one_replica_with_the_encryption_that_it_says(
    hosts: list[str], ports: list[int], encrypted: bool, found: list[str]
) -> None:
    assert addresses(hosts, ports, encrypted) == found


@pytest.mark.parametrize(
    "hosts,ports,words",
    [
        (["a", "b", "c"], [5, 6], "3 hosts and 2 ports"),
        (["a"], [], "'a' has no port; write it as a:50051"),
        (["a:5"], [6], "has a port of its own"),
        (["http://a:5"], [], "is called over gRPC, by grpc:// or grpcs://"),
        (["grpc://a:5/path"], [], "names no host"),
        (["grpc://:5"], [], "names no host"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(hosts: list[str], ports: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        addresses(hosts, ports, False)

import os
import socket

import pytest

from thalweg.service.ports import holder


@pytest.mark.parametrize("family, host", [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_who_listens_is_found(family, host):
    with socket.socket(family) as taken:
        taken.bind((host, 0))
        assert holder(taken.getsockname()[1]) == ""
        taken.listen()
        assert holder(taken.getsockname()[1]).startswith(f"process {os.getpid()} (")


def test_nobody_is_nobody():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert holder(port) == ""

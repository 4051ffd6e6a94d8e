"""Ports that are chosen before somebody listens at them."""

import random
import socket

import pytest

from scripts import ports
from scripts.ports import QUIET, vacant_port


def test_nobody_listens_there_and_a_system_gives_it_to_nobody_by_chance() -> None:
    port = vacant_port()
    assert port in QUIET
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_what_is_taken_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random.SystemRandom, "sample", lambda chance, several, count: list(several))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "QUIET", range(port, port + 1))
        with pytest.raises(OSError, match="is free"):
            vacant_port()

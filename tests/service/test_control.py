import os
import socket
import sys

import pytest

from thalweg.message import EndpointDescription, ServiceDescription
from thalweg.routing.replica import Replica
from thalweg.service.control import (
    Described,
    Failed,
    Frames,
    Go,
    Order,
    Ready,
    Report,
    Stop,
    Surroundings,
    Troubles,
    pack,
    receive,
)

REPORTS = [
    Ready(["unix:///tmp/a.sock"]),
    Failed("no", "Traceback"),
    Described(ServiceDescription("enc", (EndpointDescription("/a", {"type": "object"}),))),
]


def test_frames_come_out_as_they_went_in_however_they_are_cut():
    stream = b"".join(map(pack, REPORTS))
    for size in (1, 3, 7, len(stream)):
        frames = Frames(Report)
        found = [
            report for start in range(0, len(stream), size) for report in frames.feed(stream[start : start + size])
        ]
        assert found == REPORTS


def test_orders_keep_their_content():
    go = Go({"enc": ServiceDescription("enc")}, {"enc": [Replica("unix:///a"), Replica("unix:///b", 1, 0.5)]})
    troubles = Troubles({"enc/0": "crash loop: it was killed by SIGSEGV"})
    assert list(Frames(Order).feed(pack(go) + pack(Stop(2.5)) + pack(troubles))) == [go, Stop(2.5), troubles]


def test_receive_leaves_what_follows():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(pack({b"A": b"1"}) + pack(Stop(1.0)))
        assert receive(theirs, dict[bytes, bytes]) == {b"A": b"1"}
        assert receive(theirs, Order) == Stop(1.0)


def test_receive_says_that_the_other_side_is_gone():
    ours, theirs = socket.socketpair()
    with theirs:
        ours.sendall(pack(Stop())[:5])
        ours.close()
        with pytest.raises(EOFError):
            receive(theirs, Order)


def test_surroundings_are_what_is_here_and_the_variables_on_top(monkeypatch):
    monkeypatch.setenv("THALWEG_TEST", "outer")
    here = Surroundings.here({"THALWEG_TEST": "inner"})
    assert here.environment[b"THALWEG_TEST"] == b"inner"
    assert here.directory == os.fsencode(os.getcwd())
    assert here.path == [os.fsencode(entry) for entry in sys.path]


def test_bytes_that_are_no_text_survive_in_the_environment(monkeypatch):
    monkeypatch.setitem(os.environb, b"THALWEG_TEST", b"\xff\xfe")
    assert Surroundings.here().environment[b"THALWEG_TEST"] == b"\xff\xfe"


def test_a_directory_that_was_removed_is_left_out(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert Surroundings.here().directory == b""

"""The thread that reads what processes print."""

import io
import os
import sys
import threading
import time

import pytest

from thalweg.orchestration.logs.stream import LogStream


@pytest.fixture
def stream(capsys):
    stream = LogStream()
    yield stream
    end(stream)


def end(stream):
    stream.close()
    until = time.monotonic() + 60.0
    while not stream.ended:
        assert time.monotonic() < until
        time.sleep(0.001)


def texts(stream):
    return [line.text for line in stream.history.last(100_000)]


def test_what_was_written_before_the_end_is_there(stream, capsys):
    descriptors = {name: stream.pipe(name) for name in ("enc/0", "enc/1", "gateway")}
    for name, descriptor in descriptors.items():
        os.write(descriptor, f"{name} says this\nand this".encode())
    end(stream)
    found = stream.history.last(10)
    assert {line.process for line in found} == descriptors.keys()
    assert sorted(line.text for line in found) == sorted(
        [*(f"{name} says this" for name in descriptors), *["and this"] * 3]
    )
    shown = capsys.readouterr().err
    assert all(f"{line.process.ljust(7)} | {line.text}\n" in shown for line in found)
    for descriptor in descriptors.values():
        os.close(descriptor)


def test_our_own_notes_come_after_what_was_written_before_them(stream):
    descriptor = stream.pipe("enc/0")
    for number in range(200):
        os.write(descriptor, f"{number}\n".encode())
        stream.note("enc/0", "WARNING", f"after {number}")
    end(stream)
    os.close(descriptor)
    found = texts(stream)
    assert all(found.index(str(number)) < found.index(f"after {number}") for number in range(200))
    assert [text for text in found if text.startswith("after")] == [f"after {number}" for number in range(200)]


def test_a_traceback_comes_out_without_anything_after_it(stream):
    descriptor = stream.pipe("enc/0")
    os.write(descriptor, b"Traceback (most recent call last):\n  File 1\nValueError: no\n")
    until = time.monotonic() + 60.0
    while not texts(stream):
        assert time.monotonic() < until
        time.sleep(0.005)
    assert texts(stream) == ["Traceback (most recent call last):\n  File 1\nValueError: no"]
    os.close(descriptor)


def test_one_who_does_not_take_what_is_shown_holds_writers_up_and_nothing_is_lost(monkeypatch):
    class Blocked(io.StringIO):
        gate = threading.Event()

        def write(self, text):
            self.gate.wait()
            return super().write(text)

    monkeypatch.setattr(sys, "stderr", Blocked())
    stream = LogStream()
    descriptor = stream.pipe("enc/0")
    written = []

    def write():
        for number in range(20_000):
            os.write(descriptor, f"{number}\n".encode())
            written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    before = -1
    while len(written) != before:  # until it has to wait
        before = len(written)
        time.sleep(0.05)
    assert before < 20_000
    Blocked.gate.set()
    writer.join()
    end(stream)
    os.close(descriptor)
    assert sys.stderr.getvalue().count("\n") == 20_000


def test_nobody_to_show_it_to_is_no_reason_to_stop(monkeypatch):
    closed = io.StringIO()
    closed.close()
    for nobody in (None, closed):
        monkeypatch.setattr(sys, "stderr", nobody)
        stream = LogStream()
        descriptor = stream.pipe("enc/0")
        os.write(descriptor, b"one\n")
        end(stream)
        os.close(descriptor)
        assert texts(stream) == ["one"]


def test_it_leaves_no_descriptor_and_no_thread(capsys):
    before, threads = set(os.listdir("/proc/self/fd")), threading.active_count()
    stream = LogStream("json")
    descriptors = [stream.pipe(f"enc/{number}") for number in range(50)]
    for descriptor in descriptors[:25]:
        os.close(descriptor)
    end(stream)
    for descriptor in descriptors[25:]:
        os.close(descriptor)
    assert set(os.listdir("/proc/self/fd")) == before
    assert threading.active_count() == threads

"""Bytes of a process in, entries of the log out: whatever the pieces in which they come."""

import logging
import os
import random
import threading

import pytest

from thalweg.orchestration.logs.assembly import (
    LONGEST_LINE,
    PROGRESS_SECONDS,
    QUIET_SECONDS,
    LogAssembly,
)
from thalweg.orchestration.logs.line import LogLine
from thalweg.service.journal import LONGEST_TEXT, RS, JournalHandler, JournalRecord, record_pieces, shortened_text

TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\n    ~^^\nValueError: no'


def record(text, *, level="WARNING", logger="some.where", time=5.0, key=b"1"):
    import msgspec

    return b"".join(record_pieces(msgspec.json.encode(JournalRecord(time, level, logger, text)), key))


def texts(lines):
    return [line.text for line in lines]


def everything(data, now=10.0):
    assembly = LogAssembly("enc/0")
    return [*assembly.feed(data, now), *assembly.end(now)]


def test_a_line_is_an_entry_with_the_time_when_it_came():
    assembly = LogAssembly("enc/0")
    assert assembly.feed(b"one\ntwo\nthr", 7.5) == [LogLine(7.5, "enc/0", "one"), LogLine(7.5, "enc/0", "two")]
    assert texts(assembly.feed(b"ee\n", 8.0)) == ["three"]


def test_a_record_has_its_level_its_logger_and_its_own_time():
    assert everything(record("no weights", level="ERROR", logger="my.model", time=6.25)) == [
        LogLine(6.25, "enc/0", "no weights", "ERROR", "my.model")
    ]


def test_time_does_not_go_back_from_what_was_printed_to_a_record_that_followed_it():
    found = everything(b"printed\n" + record("logged", time=9.0), now=10.0)
    assert [line.time for line in found] == [10.0, 10.0]


def test_nor_does_it_where_they_were_read_one_after_the_other():
    assembly = LogAssembly("enc/0")
    found = [
        *assembly.feed(b"printed\n", 10.0),
        *assembly.feed(record("logged", time=9.0), 10.5),
        *assembly.feed(b"printed again\n", 9.5),
    ]
    assert [line.time for line in found] == [10.0, 10.0, 10.0]


def test_but_it_follows_a_clock_that_was_set_back():
    assembly = LogAssembly("enc/0")
    found = [*assembly.feed(b"summer\n", 3600.0), *assembly.feed(b"winter\n", 1.0)]
    assert [line.time for line in found] == [3600.0, 1.0]


@pytest.mark.parametrize("seed", range(20))
def test_the_pieces_in_which_it_comes_make_no_difference(seed):
    data = b"".join(
        [b"before\n", record("a" * 9000, key=b"a1"), b"between\n", record("line\nline", key=b"b"), b"the end"]
    )
    chance = random.Random(seed)
    assembly, found = LogAssembly("enc/0"), []
    while data:
        size = chance.randint(1, 300)
        found += assembly.feed(data[:size], 10.0)
        data = data[size:]
    found += assembly.end(10.0)
    assert texts(found) == ["before", "a" * 9000, "between", "line\nline", "the end"]


def test_records_of_threads_whose_pieces_are_mixed_come_out_whole():
    first = record("x" * 10_000, key=b"1").splitlines(keepends=True)
    second = record("y" * 10_000, key=b"2").splitlines(keepends=True)
    assert len(first) == len(second) == 3
    mixed = b"".join(part for pair in zip(first, second, strict=True) for part in pair)
    assert texts(everything(mixed)) == ["x" * 10_000, "y" * 10_000]


def test_a_traceback_that_is_printed_stays_together():
    assembly = LogAssembly("enc/0")
    found = assembly.feed(f"before\n{TRACEBACK}\n".encode(), 10.0)
    assert texts(found) == ["before"]
    assert assembly.due == 10.0 + QUIET_SECONDS
    assert assembly.settle(10.0 + QUIET_SECONDS / 2) == []
    assert texts(assembly.settle(10.0 + QUIET_SECONDS)) == [TRACEBACK]
    assert assembly.due is None


def test_a_traceback_with_a_cause_is_one_entry_and_what_follows_another():
    both = f"{TRACEBACK}\n\nDuring handling of the above exception, another exception occurred:\n\n{TRACEBACK}"
    assert texts(everything(f"{both}\nafter\n".encode())) == [both, "after"]


def test_two_tracebacks_after_each_other_are_two_entries():
    assert texts(everything(f"{TRACEBACK}\n{TRACEBACK}\n".encode())) == [TRACEBACK, TRACEBACK]


def test_the_traceback_of_a_thread_belongs_to_what_announces_it():
    text = f"Exception in thread worker:\n{TRACEBACK}"
    assert texts(everything(f"{text}\n".encode())) == [text]


def test_the_last_words_of_a_crash_in_c_stay_together():
    text = (
        'Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n  File "a.py", line 1'
    )
    assert texts(everything(text.encode())) == [text]


def test_a_record_ends_a_traceback_before_it():
    assert texts(everything(TRACEBACK.encode() + b"\n" + record("after"))) == [TRACEBACK, "after"]


def test_last_words_without_a_line_end_are_there():
    assert texts(everything(b"out of mem")) == ["out of mem"]
    assert "half" in everything(record("half" * 3000)[:4010])[0].text


def test_a_progress_bar_is_told_now_and_then_and_at_its_end():
    assembly, found = LogAssembly("enc/0"), []
    for percent in range(100):
        found += assembly.feed(f"\r{percent} %".encode(), 100.0 + percent * PROGRESS_SECONDS / 20)
    found += assembly.feed(b"\r100 %\n", 200.0)
    assert texts(found) == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]


def test_line_ends_of_windows_are_line_ends():
    assert texts(everything(b"one\r\ntwo\r\n")) == ["one", "two"]


def test_a_line_without_an_end_is_cut():
    found = everything(b"x" * (2 * LONGEST_LINE + 5))
    assert [len(line.text) for line in found] == [LONGEST_LINE, LONGEST_LINE, 5]


@pytest.mark.parametrize("seed", range(50))
def test_any_bytes_make_entries_and_no_memory(seed):
    chance = random.Random(seed)
    alphabet = [RS, b"+", b".", b"\n", b"\r", b"a", b"\xff", b"{", b"Traceback (most recent call last):\n", b"  x\n"]
    assembly = LogAssembly("enc/0")
    for _ in range(300):
        assembly.feed(b"".join(chance.choices(alphabet, k=50)), 1.0)
    assembly.end(1.0)
    assert not assembly._line
    assert not assembly._records


def test_pieces_of_records_that_never_end_do_not_pile_up():
    assembly = LogAssembly("enc/0")
    for key in range(1000):
        assembly.feed(RS + b"%x" % key + b"+" + b"x" * 1000 + b"\n", 1.0)
    assert len(assembly._records) <= 65
    for _ in range(2000):
        assembly.feed(RS + b"0+" + b"x" * 1000 + b"\n", 1.0)
    assert all(len(parts) < 2 << 20 for parts in assembly._records.values())


def test_what_a_handler_writes_is_read_again(tmp_path):
    theirs = os.open(tmp_path / "output", os.O_CREAT | os.O_WRONLY)
    logger = logging.Logger("my.model")
    logger.addHandler(JournalHandler(theirs))
    try:
        raise ValueError("no")
    except ValueError:
        logger.exception("it went wrong: %s", "ö")
    logger.info("x" * (LONGEST_TEXT + 10))
    os.close(theirs)
    first, second = everything((tmp_path / "output").read_bytes())
    assert first.level == "ERROR"
    assert first.text.startswith("it went wrong: ö\nTraceback (most recent call last):\n")
    assert first.text.endswith("ValueError: no")
    assert second.text.endswith("\n[10 more characters]")


def test_records_that_threads_write_at_once_do_not_mix():
    ours, theirs = os.pipe()
    logger = logging.Logger("my.model")
    logger.addHandler(JournalHandler(theirs))
    assembly, found = LogAssembly("enc/0"), []

    def read():
        while data := os.read(ours, 1000):
            found.extend(assembly.feed(data, 1.0))

    def write(letter):
        for _ in range(20):
            logger.info("%s", letter * 10_000)
            os.write(theirs, f"printed {letter}\n".encode())

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(letter,)) for letter in "abc"]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    os.close(theirs)
    reader.join()
    os.close(ours)
    wanted = sorted(text for letter in "abc" for text in (letter * 10_000, f"printed {letter}") for _ in range(20))
    assert sorted(texts(found)) == wanted


def test_a_short_text_is_not_shortened():
    assert shortened_text("short") == "short"

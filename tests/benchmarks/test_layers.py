import pytest

from benchmarks.layers import COLLECTION, OTHER, by_call, by_layer, by_line, layer, read_stacks, shares, weighed

COLLAPSED = """\
_run (/home/u/src/thalweg/service/process.py:127);read (/home/u/src/thalweg/transport/http/exchange.py:12) 3
_run (/home/u/src/thalweg/service/process.py:127);_work (/home/u/src/thalweg/executor/thread.py:5);write (/lib/libc.so.6) 5
_work (/venv/thalweg/lib/python3.11/site-packages/pydantic/main.py:8);0x7f (/usr/lib/libc.so.6);0x7e (/usr/lib/libc.so.6) 2

not a stack
"""


def test_stacks_lose_their_folders():
    first, *_ = read_stacks(COLLAPSED)
    assert first.frames[1] == "read (thalweg/transport/http/exchange.py:12)"
    assert first.samples == 3


def test_time_in_the_kernel_is_not_taken_for_time_of_a_layer():
    assert [one.in_kernel for one in read_stacks(COLLAPSED)] == [False, True, True]
    assert by_layer(weighed(read_stacks(COLLAPSED), {})) == {"HTTP: parse and answer": 3}


@pytest.mark.parametrize(
    "frames, name",
    [
        (
            ["a (thalweg/service/process.py:1)", "b (thalweg/docs/codecs/json.py:2)"],
            "documents: decode, validate, encode",
        ),
        (["a (thalweg/docs/codecs/json.py:2)", "loads (json/decoder.py:3)"], "documents: decode, validate, encode"),
        (["a (thalweg/service/process.py:1)", "run (uvloop/loop.c:9)"], "event loop"),
        (["a (thalweg/docs/codecs/json.py:2)", "gc_collect_main (libpython)"], COLLECTION),
        (["encode (thalweg_flow.py:20)"], "user code"),
        (["main (elsewhere.py:1)"], OTHER),
    ],
)
def test_the_innermost_frame_that_a_rule_knows_decides(frames, name):
    assert layer(frames) == name


def test_a_line_of_python_pays_for_what_it_calls_in_c():
    stacks = read_stacks("f (a/src/thalweg/x.py:3);decode (/venv/site-packages/msgspec/_core.so) 4\n")
    assert by_line(stacks) == {"f (thalweg/x.py:3)": 4}


def test_kernel_samples_are_told_apart_by_what_was_called():
    script = """
\tffff tcp_sendmsg ([kernel.kallsyms])
\tffff ksys_write ([kernel.kallsyms])

\t ff PyEval (/lib/libpython3.11.so)

\tffff finish_task_switch ([kernel.kallsyms])
"""
    assert by_call(script) == {"write to TCP": 1, "scheduling, interrupts and the rest": 1}


def test_shares_divide_the_whole_largest_first():
    assert shares({"a": 1, "b": 3}, 100.0) == [("b", 75.0), ("a", 25.0)]
    assert shares({}, 100.0) == []


def test_threads_weigh_what_they_spent_and_not_how_often_they_were_seen():
    text = "thread (7): MainThread;a (thalweg/docs/x.py:1) 90\nthread (8): compute;b (thalweg/executor/y.py:2) 10\n"
    found = by_layer(weighed(read_stacks(text), {7: 1.0, 8: 3.0, 9: 5.0}))
    assert found == {"documents: decode, validate, encode": 0.25, "calling the endpoint, compute thread": 0.75}


def test_a_thread_without_processor_time_weighs_nothing():
    text = "thread (7): MainThread;a (thalweg/docs/x.py:1) 4\nthread (8): idle;b (thalweg/executor/y.py:2) 10\n"
    assert (
        dict(shares(by_layer(weighed(read_stacks(text), {7: 1.0})), 10.0))["documents: decode, validate, encode"] == 10
    )

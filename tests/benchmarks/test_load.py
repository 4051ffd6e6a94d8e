import pytest

from benchmarks.load import LoadFailed, read_summary

PRINTED = """Running 4s test @ http://127.0.0.1:8080/encode
  1 threads and 32 connections
Requests/sec:   5000.00

{"requests": 20000, "microseconds": 4000000, "bytes": 1, "p50": 6100, "p99": 9900, "maximum": 1, \
"connect": 0, "read": 1, "write": 0, "timeout": 2, "status": 3}
"""


def test_the_line_of_json_is_found_among_what_wrk_prints():
    load = read_summary(PRINTED)
    assert (load.rate, load.p50, load.p99) == (5000.0, 6.1, 9.9)


def test_every_kind_of_failure_counts():
    assert read_summary(PRINTED).failures == 6


def test_wrk_without_a_summary_is_an_error():
    with pytest.raises(LoadFailed, match="unable to connect"):
        read_summary("unable to connect to 127.0.0.1")

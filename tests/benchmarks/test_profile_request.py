from benchmarks.profile_request import switches
from benchmarks.sampling import read_calls


def test_calls_are_read_from_what_strace_prints():
    text = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.006000           6      1000         2 write
 40.00    0.004000           4      1000           epoll_pwait
------ ----------- ----------- --------- --------- ----------------
100.00    0.010000           5      2000         2 total
"""
    assert read_calls(text) == {"write": 1000, "epoll_pwait": 1000}


def test_switches_are_read_from_the_status_of_a_thread():
    assert switches("Name:\tx\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t9\n") == (7, 9)

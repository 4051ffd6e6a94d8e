import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from benchmarks.environments import fingerprint
from benchmarks.processes import MARK, Service, ServiceFailed, clean_environment, cpu_time, free_port, listens, marked

SERVING = "import sys, time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"""
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
{SERVING}
"""


def up(service):
    return lambda: "up" in service.printed()


def test_a_service_and_its_family_are_gone_after_the_block(tmp_path):
    with Service([sys.executable, "-c", STUBBORN], folder=tmp_path, stop_seconds=0.1) as service:
        service.wait_until(up(service))
        assert len(service.pids) == 2
    assert service.pids == []


def test_a_service_that_listens_to_its_signal_is_not_killed(tmp_path):
    program = f"import atexit; atexit.register(lambda: open('stopped', 'w').close()); {SERVING}"
    with Service([sys.executable, "-c", program], folder=tmp_path, stop_signal=signal.SIGINT) as service:
        service.wait_until(up(service))
    assert (tmp_path / "stopped").exists()


def test_a_service_that_ends_is_an_error_with_what_it_printed(tmp_path):
    with (
        Service([sys.executable, "-c", "raise SystemExit('no model')"], folder=tmp_path) as service,
        pytest.raises(ServiceFailed, match="no model"),
    ):
        service.wait_until(lambda: False)


def test_a_service_that_never_answers_is_an_error(tmp_path):
    with (
        Service([sys.executable, "-c", SERVING], folder=tmp_path) as service,
        pytest.raises(ServiceFailed, match="did not answer"),
    ):
        service.wait_until(lambda: False, seconds=0.05)


def test_processor_time_is_counted():
    begin = cpu_time_of_a_busy_moment()
    assert begin.total > 0


def cpu_time_of_a_busy_moment():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        end = time.monotonic() + 60
        while not (spent := cpu_time(process.pid)).total and time.monotonic() < end:
            continue
        process.kill()
    return spent


def test_a_process_that_is_gone_has_no_processor_time():
    assert cpu_time(2**22 + 1).total == 0


def test_nobody_carries_a_mark_that_was_not_given():
    assert marked("nobody") == []


def test_what_would_bend_a_measurement_is_not_handed_on(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    found = clean_environment({MARK: "x"})
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert found[MARK] == "x"
    assert found["JINA_OPTOUT_TELEMETRY"] == "1"


def test_ports_are_usable():
    assert 1024 < free_port() < 65536


def test_an_environment_is_made_anew_when_its_requirements_change():
    assert fingerprint(("a",)) == fingerprint(("a",))
    assert len({fingerprint(("a",)), fingerprint(("b",)), fingerprint(("a",), ("c",))}) == 3


def test_the_process_that_listens_is_known():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listens(os.getpid(), port)
    assert not listens(os.getpid(), port)

"""What holds for every test."""

import resource
import signal

OPEN_FILES = 20_000


def pytest_configure() -> None:
    _open_files()
    _interruptible()


def _open_files() -> None:
    """Let the tests open as many connections as they ask for: many systems give a process 1024 until it asks for more."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _interruptible() -> None:
    """Take SIGINT again where whoever started the tests in the background left it ignored: every program that they start
    would inherit that, and none could be interrupted."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

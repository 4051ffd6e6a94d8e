"""What holds for every test."""

import gc
import resource
import signal
from collections.abc import Iterator

import pytest

OPEN_FILES = 20_000


def pytest_configure() -> None:
    _open_files()
    _interruptible()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """The longest files first, where a file at a time is handed out."""
    if config.getvalue("dist") != "loadfile":
        return None
    from tests.schedule import LongestFirst

    return LongestFirst(config, log)


def pytest_collection_finish() -> None:
    """Look through all that was imported for the last time: more than a million objects, nearly a second for each look."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _no_garbage_for_others() -> Iterator[None]:
    """Collect what the tests of a file left, so that what they left open is told of them and not of whoever comes next."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def warm() -> Iterator[None]:
    """One fork server for all tests that ask for this: without a Flow that runs it would end, and start with the next."""
    from thalweg.client.portal import Portal
    from thalweg.orchestration.directory import Directory
    from thalweg.orchestration.launchers.forkserver import ForkServer

    portal, server, directory = Portal.shared(), ForkServer.shared(), Directory()

    async def keep() -> None:
        server.keep(directory.path)

    portal.run(keep())
    yield
    portal.run(server.forget(directory.path))
    directory.close()


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

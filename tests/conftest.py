"""What holds for every test."""

import resource

OPEN_FILES = 20_000


def pytest_configure() -> None:
    """Let the tests open as many connections as they ask for: many systems give a process 1024 until it asks for more."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))

"""The container engine that tests use, where there is one."""

import os
from functools import cache

import pytest

from thalweg.errors import ThalwegError
from thalweg.orchestration.launchers.docker.engine import connect, engine_socket


@cache
def missing() -> str:
    """Why there is no engine; empty where there is one."""
    try:
        connect(engine_socket(os.environ)).close()
    except ThalwegError as error:
        return str(error)
    return ""


containers = pytest.mark.skipif(bool(missing()), reason=missing() or "there is an engine")

"""A Python that has DocArray."""

import os

import pytest

from benchmarks.environments import EnvironmentFailed, environment


@pytest.fixture(scope="session")
def docarray_python() -> str:
    """The interpreter named by THALWEG_DOCARRAY_PYTHON, else one of an environment that is made once, in some seconds."""
    given = os.environ.get("THALWEG_DOCARRAY_PYTHON")
    if given:
        return given
    try:
        return environment("docarray").python
    except EnvironmentFailed as error:
        pytest.skip(f"DocArray cannot be installed here: {error}")

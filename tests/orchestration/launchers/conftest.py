"""Images for the tests of this folder."""

import os

import pytest

from scripts import base_image
from thalweg.orchestration.launchers.docker.engine import connect, engine_socket


@pytest.fixture(scope="session")
def engine():
    """A client of the engine."""
    client = connect(engine_socket(os.environ))
    yield client
    client.close()


@pytest.fixture(scope="session")
def image(engine):
    """The image with this Thalweg."""
    return base_image.image(engine)


@pytest.fixture(scope="session", autouse=True)
def environments(tmp_path_factory):
    """A folder for environments that nobody has used before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THALWEG_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield

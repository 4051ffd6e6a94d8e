from collections.abc import Iterator

import pytest

from tests.docs.index import servers


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def redis_socket() -> Iterator[str]:
    with servers.redis() as path:
        yield path
